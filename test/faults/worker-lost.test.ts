// Workers that are killed, frozen or told to stop while their calls are in flight. They are processes of their
// own, started as an operator starts them; the simulated provider takes a message on arrival and answers late.

import { describe, expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const IN_FLIGHT = 20;
/** Several chunks: where the turn of one ends while its calls hang, the others fill the rest of the places. */
const PEOPLE = 1_500;
/** The others are kept for urgent calls. */
const PLACES = 22;
/** Long enough that no call of a worker that is to die is answered before. */
const NEVER_MS = 600_000;

/** Resolves when every slot of the account holds a call that the provider took and has not answered. */
async function fillSlots(route: Route): Promise<void> {
  const { simulator } = route;
  await simulator.untilAccepted("mobile-digital", 100);
  simulator.setLatency("mobile-digital", { latencyMs: NEVER_MS });
  await simulator.untilCalls("mobile-digital", simulator.callCount("mobile-digital") + IN_FLIGHT);
  await expect.poll(() => route.openAttempts()).toBe(IN_FLIGHT);
}

/** A minute later somebody else takes over. */
async function takeOver(route: Route): Promise<void> {
  route.simulator.setLatency("mobile-digital", { latencyMs: 0 });
  route.simulator.setLatency("sinch", { latencyMs: 0 });
  await route.passMinute();
  await route.work();
}

async function lostAttempts(route: Route, id: CampaignId): Promise<number> {
  const { rows } = await route.pool.query<{ lost: string }>(
    "select count(*) as lost from volley.attempt where campaign_id = $1 and reason = 'worker-lost'",
    [id],
  );
  return Number(rows[0]?.lost);
}

describe.each(engines)("on engine %s", (engine) => {
  it("a worker killed with batches in flight at Sinch costs nothing: the provider is asked", async () => {
    const route = await openRoute({ engine });
    const id = await route.accept(people("sinch", 8_000));
    const worker = await route.startProcess();
    route.simulator.setLatency("sinch", { latencyMs: NEVER_MS });
    await route.start(id);
    await route.simulator.untilCalls("sinch", 4);
    await worker.kill();
    await takeOver(route);
    expect(await route.untilFinished(id)).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: 8_000 });
    expect(await lostAttempts(route, id)).toBe(4_000);
    expect((await route.facts(id)).settledByLookUp).toBe(4_000);
    expect(route.simulator.accepted("sinch")).toBe(8_000);
    await route.audit(id);
  });

  it("a worker killed in a marketing campaign at mobile.digital leaves its calls in flight unknown, and nobody gets two", async () => {
    const route = await openRoute({ engine, limits: { "mobile-digital": { inFlight: PLACES } } });
    const id = await route.accept(people("mobile-digital", PEOPLE));
    await route.start(id);
    const worker = await route.startProcess();
    await fillSlots(route);
    await worker.kill();
    await takeOver(route);
    expect(await route.untilFinished(id)).toBe("completed_with_failures");
    expect(await route.counts(id)).toEqual({ accepted: PEOPLE - IN_FLIGHT, unknown: IN_FLIGHT });
    await route.audit(id);
  });
});

it("transactional messages of a killed worker are sent again by policy, and counted", async () => {
  const route = await openRoute({ limits: { "mobile-digital": { inFlight: PLACES } } });
  const id = await route.accept(people("mobile-digital", PEOPLE), { class: "transactional" });
  await route.start(id);
  const worker = await route.startProcess();
  await fillSlots(route);
  await worker.kill();
  await takeOver(route);
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: PEOPLE });
  expect((await route.facts(id)).resentByPolicy).toBe(IN_FLIGHT);
  expect(route.simulator.duplicates()).toHaveLength(IN_FLIGHT);
  await route.audit(id, { resends: true });
});

it("workers killed again and again lose nobody and send nobody two messages", async () => {
  const route = await openRoute({
    engine: "redis",
    simulator: { latencyMs: 50, latencyJitterMs: 100 },
    limits: { sinch: { requestsPerSecond: 20 }, "mobile-digital": { inFlight: PLACES } },
  });
  const id = await route.accept([...people("sinch", 6_000), ...people("mobile-digital", 1_000)]);
  await route.start(id);
  for (const round of [1, 2, 3]) {
    const worker = await route.startProcess();
    await route.simulator.untilAccepted("mobile-digital", round * 200);
    await worker.kill();
    await route.passMinute();
  }
  await takeOver(route);
  expect(await route.untilFinished(id)).toBe("completed_with_failures");
  const { accepted = 0, unknown = 0, ...others } = await route.counts(id);
  expect(others).toEqual({});
  expect(accepted + unknown).toBe(7_000);
  // In flight, or answered and being recorded.
  expect(unknown).toBeLessThanOrEqual(3 * 2 * IN_FLIGHT);
  expect(route.simulator.accepted("sinch")).toBe(6_000);
  await route.audit(id);
});

it("a worker that thaws after others took over sends nothing twice, and what it knows is not lost", async () => {
  const route = await openRoute({
    engine: "redis",
    limits: { "mobile-digital": { inFlight: PLACES } },
  });
  const id = await route.accept(people("mobile-digital", PEOPLE));
  await route.start(id);
  const worker = await route.startProcess();
  await route.simulator.untilAccepted("mobile-digital", 100);
  // Answered while the worker is frozen, so that it finds the answers when it thaws.
  route.simulator.setLatency("mobile-digital", { latencyMs: 1_500 });
  await route.simulator.untilCalls("mobile-digital", route.simulator.callCount("mobile-digital") + IN_FLIGHT);
  await expect.poll(() => route.openAttempts()).toBe(IN_FLIGHT);
  worker.freeze();
  await takeOver(route);
  expect(await route.untilFinished(id)).toBe("completed_with_failures");
  expect(await route.counts(id)).toEqual({ accepted: PEOPLE - IN_FLIGHT, unknown: IN_FLIGHT });
  await route.audit(id);

  worker.thaw();
  await expect.poll(() => route.counts(id)).toEqual({ accepted: PEOPLE });
  expect(await worker.stop()).toBe(0);
  expect(route.simulator.accepted("mobile-digital")).toBe(PEOPLE);
  await route.audit(id);
});

describe.each(engines)("on engine %s", (engine) => {
  it("a worker told to stop lets its slow calls end, records them and exits with 0", async () => {
    const route = await openRoute({
      engine,
      simulator: { latencyMs: 1_000 },
      limits: { "mobile-digital": { inFlight: PLACES } },
    });
    const id = await route.accept([...people("sinch", 3_000), ...people("mobile-digital", 300)]);
    await route.start(id);
    const worker = await route.startProcess();
    await route.simulator.untilCalls("sinch", 1);
    await route.simulator.untilCalls("mobile-digital", IN_FLIGHT);
    expect(await worker.stop()).toBe(0);
    const { accepted = 0, queued = 0, ...others } = await route.counts(id);
    expect(others).toEqual({});
    expect(accepted).toBeGreaterThanOrEqual(IN_FLIGHT + 1_000);
    expect(accepted + queued).toBe(3_300);
    await route.audit(id);

    // What is left needs no lease to expire: the chunks were given back.
    route.simulator.setLatency("sinch", { latencyMs: 0 });
    route.simulator.setLatency("mobile-digital", { latencyMs: 0 });
    await route.work();
    expect(await route.untilFinished(id)).toBe("completed");
    await route.audit(id);
  });
});
