// An account's limits hold for all workers together, in any sliding second at the provider's own door.

import { describe, expect, it } from "vitest";
import type { CallRecord } from "../../src/simulator/journal.ts";
import { engines, openRoute, people } from "../support/route.ts";

/**
 * A call leaves at its slot and is seen when it has arrived whole, by a simulator that shares a busy event loop
 * with the workers here. So much of a second is left out for what one call may arrive later than another;
 * that the slots themselves lie right is shown in test/engine and test/limits.
 */
const WINDOW_MS = 900;

describe.each(engines)("on engine %s", (engine) => {
  it("two workers that share an account send no more requests in a second than its limit", async () => {
    const route = await openRoute({ engine, limits: { "mobile-digital": { requestsPerSecond: 100 } } });
    const id = await route.accept(people("mobile-digital", 300));
    await route.work();
    await route.work(await route.openSet());
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    const peak = peakOf(route.simulator.calls("mobile-digital"), () => 1);
    expect(peak).toBeLessThanOrEqual(100);
    expect(peak).toBeGreaterThan(70);
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
    expect(peakOf(calls, ({ segments }) => segments)).toBe(400);
    await route.audit(id);
  });
});

/** The most that any window held. */
function peakOf(calls: readonly CallRecord[], weigh: (call: CallRecord) => number): number {
  return Math.max(
    ...calls.map(({ atMs: endMs }) =>
      calls
        .filter(({ atMs }) => atMs > endMs - WINDOW_MS && atMs <= endMs)
        .reduce((sum, call) => sum + weigh(call), 0),
    ),
  );
}
