// Postgres cut off and restarted in mid-campaign: nothing is sent while it is down, and what the providers said
// meanwhile is recorded when it is back.

import { describe, expect, it, onTestFinished } from "vitest";
import { startPostgres } from "../support/postgres-server.ts";
import { engines, openRoute, people } from "../support/route.ts";

describe.each(engines)("on engine %s", (engine) => {
  it("a Postgres restarted in mid-campaign costs no message and no duplicate", async () => {
    const postgres = await startPostgres();
    onTestFinished(postgres.stop);
    const route = await openRoute({
      engine,
      databaseUrl: postgres.url,
      simulator: { latencyMs: 50 },
      limits: { sinch: { segmentsPerSecond: 4_000 }, "mobile-digital": { requestsPerSecond: 200 } },
    });
    const id = await route.accept([...people("sinch", 8_000), ...people("mobile-digital", 600)]);
    await route.start(id);
    const worker = await route.startProcess();
    await route.simulator.untilAccepted("mobile-digital", 200);
    await postgres.crash();
    const callsAtCrash = route.simulator.callCount("mobile-digital");
    await postgres.restart();
    expect(route.simulator.callCount("mobile-digital") - callsAtCrash).toBeLessThanOrEqual(50);
    expect(worker.isAlive()).toBe(true);
    // Chunks whose worker could not give them back keep their leases for a minute.
    await route.pool.query("update volley.chunk set lease_until = now() where lease is not null");
    const state = await route.untilFinished(id);
    const { accepted = 0, unknown = 0, ...others } = await route.counts(id);
    expect(state).toBe(unknown > 0 ? "completed_with_failures" : "completed");
    expect(others).toEqual({});
    expect(accepted + unknown).toBe(8_600);
    expect(route.simulator.accepted("sinch")).toBe(8_000);
    await route.audit(id);
  });
});
