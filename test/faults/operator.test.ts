// People who act in mid-campaign, and steps that run twice at once.

import { describe, expect, it } from "vitest";
import { optOut } from "../support/ledger.ts";
import { engines, openRoute, people } from "../support/route.ts";

describe.each(engines)("on engine %s", (engine) => {
  it("a paused campaign sends only what is in flight, and resumed it reaches everybody once", async () => {
    const route = await openRoute({
      engine,
      simulator: { latencyMs: 50 },
      limits: {
        sinch: { segmentsPerSecond: 1_000 },
        "mobile-digital": { requestsPerSecond: 200, inFlight: 10 },
      },
    });
    const id = await route.accept([...people("sinch", 5_000), ...people("mobile-digital", 500)]);
    await route.start(id);
    await route.work();
    await route.work(await route.openSet());
    await route.simulator.untilAccepted("mobile-digital", 150);
    await route.pool.query("update volley.campaign set state = 'paused' where id = $1", [id]);
    // What was committed before the pause may still leave; nothing is opened after it.
    await expect.poll(() => route.openAttempts()).toBe(0);
    const before = await route.counts(id);
    const calls = route.simulator.callCount("mobile-digital") + route.simulator.callCount("sinch");
    expect(before.queued).toBeGreaterThan(1_000);
    await route.sweep();
    await expect
      .poll(async () => {
        const { rows } = await route.pool.query(
          "select id from volley.chunk where state = 'released' and lease is not null",
        );
        return rows.length;
      })
      .toBe(0);
    expect(await route.counts(id)).toEqual(before);
    expect(route.simulator.callCount("mobile-digital") + route.simulator.callCount("sinch")).toBe(calls);
    await route.audit(id);

    await route.pool.query("update volley.campaign set state = 'running' where id = $1", [id]);
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: 5_500 });
    await route.audit(id);
  });
});

it("somebody who opts out in mid-campaign gets nothing afterwards", async () => {
  const route = await openRoute({ limits: { "mobile-digital": { requestsPerSecond: 200 } } });
  const persons = people("mobile-digital", 400);
  const late = persons.slice(-50).map(({ to }) => to);
  const id = await route.accept(persons);
  await route.start(id);
  await route.work();
  await route.simulator.untilAccepted("mobile-digital", 50);
  await route.parts.ledger.suppressions.add(late.map((to) => optOut(to)));
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 350, suppressed: 50 });
  const received = route.simulator.acceptedPerRecipient("mobile-digital");
  expect(late.filter((to) => received.has(to.slice(1)))).toEqual([]);
  await route.audit(id);
});

it("two sweeps at once have the effect of one", async () => {
  const route = await openRoute({
    simulator: { providers: { sinch: { faults: [{ name: "drop-after-accept", count: 2 }] } } },
  });
  const id = await route.accept(people("sinch", 2_000));
  await route.start(id);
  await route.work();
  const other = await route.openSet();
  await route.work(other);
  await expect.poll(() => route.counts(id)).toEqual({ unknown: 2_000 });
  await route.pool.query("update volley.attempt set settle_at = now()");
  await Promise.all([route.sweep(), route.sweep(), route.sweep()]);
  expect(await route.counts(id)).toEqual({ accepted: 2_000 });
  expect((await route.facts(id)).settledByLookUp).toBe(2_000);
  expect(await route.untilFinished(id)).toBe("completed");
  await route.audit(id);
});
