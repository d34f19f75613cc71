// Each step with real parts, wrapped to die or to fail at ledger call 1, 2, 3 ..., and run again by another
// process after the dead one's lease.

import { expect, it } from "vitest";
import { type ReconcileParts, reconcile } from "../../jobs/reconcile.ts";
import { sendChunk } from "../../jobs/send-chunk.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { createCircuits } from "../../src/limits/circuit.ts";
import { createDyingParts, type Death, deaths } from "../support/dying-parts.ts";
import { silent } from "../support/ledger.ts";
import { type AccountName, openRoute, type Person, people, type Route } from "../support/route.ts";

/** More than a step here ever makes; a bound, so that a loop that never ends fails. */
const CALLS_MAX = 60;
const LIVING = new AbortController().signal;

/** Other people in each round, so that the provider's journal tells the rounds apart. */
function nextPeople(account: AccountName, round: number, count: number): Person[] {
  return people(account, (round + 1) * count).slice(round * count);
}

async function chunksOf(route: Route, id: CampaignId) {
  const { rows } = await route.pool.query<{ id: string }>(
    "select id from volley.chunk where campaign_id = $1 order by id",
    [id],
  );
  return rows.map((row) => row.id as Parameters<typeof route.parts.ledger.chunks.claim>[0]);
}

/** Runs the step until it ends or dies; answers whether it got as far as the call it was to die at. */
async function runMortal<P extends ReconcileParts>(
  parts: P,
  { death, at }: { death: Death; at: number },
  step: (mortal: P) => Promise<unknown>,
): Promise<boolean> {
  const mortal = createDyingParts(parts, death, at);
  const ended = step(mortal.parts).then(
    () => "ended",
    () => "threw",
  );
  await Promise.race([ended, mortal.died]);
  return mortal.calls() >= at;
}

it.each(
  (["sinch", "mobile-digital"] as const).flatMap((account) => deaths.map((death) => ({ account, death }))),
)(
  "a chunk for $account whose step stops ($death) at any ledger call and runs again: nobody twice, nobody lost",
  async ({ account, death }) => {
    const route = await openRoute({ limits: { "mobile-digital": { inFlight: 2 } } });
    const { parts } = route;
    let reached = true;
    let at = 0;
    while (reached && at < CALLS_MAX) {
      at += 1;
      const id = await route.accept(nextPeople(account, at, 4));
      await route.start(id);
      const [chunkId] = await chunksOf(route, id);
      if (chunkId === undefined) throw new Error("the campaign has no chunk");
      const payload = { step: "send-chunk", account, chunkId } as const;
      reached = await runMortal(parts, { death, at }, (mortal) => sendChunk(mortal, payload, LIVING));

      await route.pool.query("update volley.chunk set lease_until = now() where lease is not null");
      await sendChunk(parts, payload, LIVING);
      const state = await finish(route, id, payload);
      const { accepted = 0, unknown = 0, ...others } = await route.counts(id);
      expect(others, `stopped at call ${at}`).toEqual({});
      expect(accepted + unknown, `stopped at call ${at}`).toBe(4);
      // Sinch can be asked; at mobile.digital no more than what was open stays unknown.
      expect(unknown, `stopped at call ${at}`).toBeLessThanOrEqual(account === "sinch" ? 0 : 4);
      expect(state).toBe(unknown === 0 ? "completed" : "completed_with_failures");
      await route.audit(id);
    }
    expect(at, "ledger calls of the step").toBeGreaterThan(5);
    expect(at).toBeLessThan(CALLS_MAX);
  },
);

/** What queue and sweep would do, step by step. */
async function finish(route: Route, id: CampaignId, payload: Parameters<typeof sendChunk>[1]) {
  await expect
    .poll(
      async () => {
        // An opening that was on its way when its worker died may commit after the next one's claim; whoever finds
        // it open looks again when a lease is over, which is now.
        await route.pool.query(
          "update volley.chunk set due_at = now() where campaign_id = $1 and lease is null",
          [id],
        );
        await route.sweep();
        await sendChunk(route.parts, payload, LIVING);
        return (await route.parts.ledger.campaigns.find(id))?.finishedAt ?? null;
      },
      { interval: 50 },
    )
    .not.toBeNull();
  return (await route.parts.ledger.campaigns.find(id))?.state;
}

it.each(deaths)(
  "a sweep that stops (%s) at any ledger call and runs again settles each unknown once",
  async (death) => {
    const route = await openRoute();
    // So many broken calls would open the account's circuit; here they are the test's own.
    const parts = { ...route.parts, circuits: createCircuits({ pause: async () => undefined, log: silent }) };
    let reached = true;
    let at = 0;
    while (reached && at < CALLS_MAX) {
      at += 1;
      // One batch that was taken and one that was not; a third chunk is stranded.
      route.simulator.setFaults("sinch", [
        { name: "drop-after-accept", count: 1 },
        { name: "drop-before", count: 1 },
      ]);
      const taken = await route.accept(nextPeople("sinch", 2 * at, 3));
      const absent = await route.accept(nextPeople("sinch", 2 * at + 1, 3));
      const stranded = await route.accept(nextPeople("mobile-digital", at, 3));
      for (const id of [taken, absent, stranded]) await route.start(id);
      for (const id of [taken, absent]) {
        for (const chunkId of await chunksOf(route, id)) {
          await sendChunk(parts, { step: "send-chunk", account: "sinch", chunkId }, LIVING);
        }
        expect(await route.counts(id)).toEqual({ unknown: 3 });
      }
      await route.pool.query("update volley.attempt set settle_at = now() where settled_at is null");
      reached = await runMortal(parts, { death, at }, reconcile);
      await route.pool.query("update volley.attempt set settle_at = now() where settled_at is null");

      for (const id of [taken, absent, stranded]) {
        for (const chunkId of await chunksOf(route, id)) {
          const account = id === stranded ? "mobile-digital" : "sinch";
          expect(await finish(route, id, { step: "send-chunk", account, chunkId })).toBe("completed");
        }
        expect(await route.counts(id), `stopped at call ${at}`).toEqual({ accepted: 3 });
        await route.audit(id);
      }
    }
    expect(at, "ledger calls of the step").toBeGreaterThan(5);
    expect(at).toBeLessThan(CALLS_MAX);
  },
);
