// Retries over the whole route: what one provider did not bring goes on through another, and the providers' journals
// show nobody twice.

import { expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import { acceptMessage } from "../../src/intake/accept-message.ts";
import { type RetryRequest, retryCampaign, retryMessages } from "../../src/intake/retry-failed.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const PEOPLE = 300;
const REJECTED = 40;
const LOST = 20;

/** mobile.digital cannot be asked: a call that breaks off is an unknown for good. These were not sent. */
async function openFailing(engine: (typeof engines)[number] = "postgres") {
  const crowd = people("mobile-digital", PEOPLE);
  const numbers = crowd.slice(0, REJECTED).map(({ to }) => to);
  const route = await openRoute({
    engine,
    accounts: ["mobile-digital", "sinch"],
    simulator: {
      providers: {
        "mobile-digital": {
          faults: [
            { name: "reject-recipient", numbers },
            { name: "drop-before", count: LOST },
          ],
        },
      },
    },
    routes: [{ accounts: ["mobile-digital"] }],
  });
  const id = await route.accept(crowd);
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed_with_failures");
  const counts = await route.counts(id);
  return { route, id, ...{ rejected: 0, unknown: 0, accepted: 0 }, ...counts };
}

const retry = ({ parts }: Route, id: CampaignId, request: RetryRequest = {}) =>
  retryCampaign(parts, id, { through: "sinch", ...request }, parts.rules);

async function finish(route: Route, ids: readonly (CampaignId | null)[]): Promise<CampaignId[]> {
  const started = ids.filter((id) => id !== null);
  for (const id of started) await route.start(id);
  for (const id of started) expect(await route.untilFinished(id)).toBe("completed");
  return started;
}

it.each(engines)(
  "on engine %s twenty retries at once send each rejected message once, through the other account",
  async (engine) => {
    const { route, id, rejected, unknown, accepted } = await openFailing(engine);
    expect({ rejected, sum: rejected + unknown + accepted }).toEqual({ rejected: REJECTED, sum: PEOPLE });
    expect(unknown).toBeGreaterThan(0);

    const all = await Promise.all(Array.from({ length: 20 }, () => retry(route, id)));
    expect(all.reduce((sum, one) => sum + one.accepted, 0)).toBe(rejected);
    for (const { skipped } of all) expect(skipped.mayHaveBeenSent).toBe(unknown);
    const ids = await finish(
      route,
      all.map((one) => one.id),
    );
    expect(route.simulator.accepted("sinch")).toBe(rejected);

    const withUnknowns = await retry(route, id, { includeUnknown: true });
    expect(withUnknowns).toMatchObject({ accepted: unknown, skipped: { alreadyRetried: rejected } });
    ids.push(...(await finish(route, [withUnknowns.id])));
    expect(route.simulator.accepted("sinch")).toBe(rejected + unknown);
    expect(await route.counts(id)).toEqual({ accepted, rejected, failed: unknown });

    expect(route.simulator.duplicates()).toEqual([]);
    const reached = ["sinch", "mobile-digital"] as const;
    const received = reached.flatMap((name) => [...route.simulator.acceptedPerRecipient(name)]);
    expect(new Set(received.map(([to]) => to)).size, "nobody missed").toBe(PEOPLE);
    expect(
      received.filter(([, count]) => count !== 1),
      "nobody twice",
    ).toEqual([]);
    for (const one of ids) expect(await route.counts(one)).toMatchObject({ accepted: expect.any(Number) });
  },
);

it("an unknown that arrived after all is sent twice only because a person said so", async () => {
  const crowd = people("mobile-digital", 5);
  const route = await openRoute({
    accounts: ["mobile-digital", "sinch"],
    simulator: { providers: { "mobile-digital": { faults: [{ name: "drop-after-accept", count: 1 }] } } },
    routes: [{ accounts: ["mobile-digital"] }],
  });
  const id = await route.accept(crowd);
  await route.start(id);
  await route.work();
  await route.untilFinished(id);
  const { unknown = 0 } = await route.counts(id);
  expect(unknown).toBe(1);
  expect(await retry(route, id)).toMatchObject({ id: null, skipped: { mayHaveBeenSent: 1 } });
  expect(route.simulator.accepted("sinch")).toBe(0);
  const told = await retry(route, id, { includeUnknown: true });
  await finish(route, [told.id]);
  expect(route.simulator.accepted("sinch"), "and no more than once again").toBe(1);
});

it("single messages that failed go on through the other account, once", async () => {
  const crowd = people("mobile-digital", 4);
  const numbers = crowd.slice(0, 2).map(({ to }) => to);
  const route = await openRoute({
    accounts: ["mobile-digital", "sinch"],
    simulator: { providers: { "mobile-digital": { faults: [{ name: "reject-recipient", numbers }] } } },
    routes: [{ accounts: ["mobile-digital"] }],
  });
  const { parts } = route;
  const since = new Date(Date.now() - 60_000);
  for (const { to } of crowd) {
    const draft = { to, text: "Hello", from: null, class: "transactional", account: null } as const;
    const { chunk } = await acceptMessage(parts, draft, parts.rules);
    if (chunk !== null) await parts.enqueue.chunks([chunk]);
  }
  await route.work();
  const states = async () => {
    const messages = await parts.ledger.messages.list({}, { limit: 100 });
    return messages.map(({ state }) => state).toSorted();
  };
  const wait = { timeout: 30_000, interval: 50 };
  await expect.poll(states, wait).toEqual(["accepted", "accepted", "rejected", "rejected"]);
  for (const expected of [2, 0]) {
    const { accepted, chunks } = await retryMessages(parts, { since, through: "sinch" }, parts.rules);
    expect(accepted).toBe(expected);
    if (chunks.length > 0) await parts.enqueue.chunks(chunks);
  }
  await expect
    .poll(states, wait)
    .toEqual(["accepted", "accepted", "accepted", "accepted", "rejected", "rejected"]);
  expect(route.simulator.accepted("sinch")).toBe(2);
  expect(route.simulator.duplicates()).toEqual([]);
});
