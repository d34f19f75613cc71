// An account's limits hold for all workers together, in any sliding second at the provider's own door.

import { describe, expect, it } from "vitest";
import type { Parts } from "../../src/parts.ts";
import { engines, openRoute, people } from "../support/route.ts";

const SECOND_MS = 1_000;
/**
 * A call is seen by the simulator when it has arrived whole, on an event loop that it shares with the workers
 * here. So much is left out of a second for what one call may arrive later than another.
 */
const ARRIVAL_WINDOW_MS = 900;

describe.each(engines)("on engine %s", (engine) => {
  it("two workers that share an account send no more requests in a second than its limit", async () => {
    const route = await openRoute({ engine, limits: { "mobile-digital": { requestsPerSecond: 100 } } });
    const id = await route.accept(people("mobile-digital", 300));
    const other = await route.openSet();
    const left = [watchDepartures(route.parts), watchDepartures(other)];
    await route.work();
    await route.work(other);
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    const departures = left.flat().map((atMs) => ({ atMs }));
    expect(departures).toHaveLength(300);
    expect(peakOf(departures, SECOND_MS, () => 1)).toBeLessThanOrEqual(100);
    expect(peakOf(route.simulator.calls("mobile-digital"), ARRIVAL_WINDOW_MS, () => 1)).toBeLessThanOrEqual(
      100,
    );
    await route.audit(id);
  });

  it("batches are cut so that no second holds more segments than the limit", async () => {
    const route = await openRoute({
      engine,
      limits: { sinch: { requestsPerSecond: 100, segmentsPerSecond: 400 } },
    });
    // Two segments each.
    const persons = people("sinch", 600).map(({ to, values: [name = ""] }) => ({
      to,
      values: [name, "x".repeat(150)],
    }));
    const id = await route.accept(persons);
    await route.work();
    await route.work(await route.openSet());
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    const calls = route.simulator.calls("sinch");
    expect(calls.map(({ segments }) => segments)).toEqual([400, 400, 400]);
    expect(peakOf(calls, ARRIVAL_WINDOW_MS, ({ segments }) => segments)).toBe(400);
    await route.audit(id);
  });
});

/** Fills the list that it answers with the moments at which calls are made. */
function watchDepartures({ transport }: Parts): readonly number[] {
  const departures: number[] = [];
  const { send } = transport;
  Object.assign(transport, {
    send: (...call: Parameters<typeof send>) => {
      departures.push(performance.now());
      return send(...call);
    },
  });
  return departures;
}

/** The most that any window of this length held. */
function peakOf<Call extends { readonly atMs: number }>(
  calls: readonly Call[],
  windowMs: number,
  weigh: (call: Call) => number,
): number {
  return Math.max(
    ...calls.map(({ atMs: endMs }) =>
      calls
        .filter(({ atMs }) => atMs > endMs - windowMs && atMs <= endMs)
        .reduce((sum, call) => sum + weigh(call), 0),
    ),
  );
}
