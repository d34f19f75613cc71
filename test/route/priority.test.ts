// One-time codes while a campaign keeps its account busy, and campaigns that share an account, on both engines.

import { describe, expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import { acceptMessage } from "../../src/intake/accept-message.ts";
import { openPlaces } from "../../src/limits/in-flight.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const IN_FLIGHT = 10;
const CODE_TO = "+61499999999";
/** Longer than a turn, shorter than what a worker waits for when it is told to stop. */
const HELD_MS = 4_000;

async function sendCode(route: Route, to: string): Promise<void> {
  const { chunk } = await acceptMessage(
    route.parts,
    { to, text: "Your code is 123456.", from: null, class: "transactional", account: null },
    route.parts.rules,
  );
  if (chunk !== null) await route.parts.enqueue.chunks([chunk]);
}

describe.each(engines)("on engine %s", (engine) => {
  it("a one-time code overtakes a campaign at its account's limit", async () => {
    const route = await openRoute({
      engine,
      limits: { "mobile-digital": { requestsPerSecond: 100, inFlight: IN_FLIGHT } },
    });
    const id = await route.accept(people("mobile-digital", 3_000));
    await route.start(id);
    const overtaken = watchGrants(route);
    await route.work();
    await route.simulator.untilAccepted("mobile-digital", 100);
    await sendCode(route, CODE_TO);
    // Those that waited before it, if they were asked for already, and one that had the right to its turn.
    expect(await overtaken).toBeLessThanOrEqual(openPlaces(IN_FLIGHT) + 1);
    await expect.poll(() => route.simulator.texts("mobile-digital", CODE_TO)).toHaveLength(1);
    await route.parts.ledger.campaigns.cancel(id);
  });

  it("a one-time code leaves while a provider sits on every call of a campaign", async () => {
    const route = await openRoute({
      engine,
      limits: { "mobile-digital": { requestsPerSecond: 1_000, inFlight: IN_FLIGHT } },
    });
    const { simulator } = route;
    simulator.setLatency("mobile-digital", { latencyMs: HELD_MS });
    const id = await route.accept(people("mobile-digital", 3_000));
    await route.start(id);
    await route.work();
    await simulator.untilCalls("mobile-digital", openPlaces(IN_FLIGHT));
    await sendCode(route, CODE_TO);
    await simulator.untilCalls("mobile-digital", openPlaces(IN_FLIGHT) + 1);
    expect(simulator.texts("mobile-digital", CODE_TO)).toHaveLength(1);
    await route.parts.ledger.campaigns.cancel(id);
  });

  it("a small campaign that comes after a large one does not wait for its end", async () => {
    const route = await openRoute({
      engine,
      limits: { "mobile-digital": { requestsPerSecond: 300, inFlight: 20 } },
    });
    const large = await route.accept(people("mobile-digital", 20_000));
    await route.start(large);
    await route.work();
    await route.simulator.untilAccepted("mobile-digital", 100);
    const small = await route.accept(people("mobile-digital", 20_050).slice(20_000));
    await route.start(small);
    expect(await route.untilFinished(small)).toBe("completed");
    const { accepted = 0 } = await route.counts(large);
    expect(accepted).toBeLessThan(15_000);
    await route.parts.ledger.campaigns.cancel(large);
  });
});

it("campaigns that run side by side share an account", async () => {
  const route = await openRoute({
    limits: { "mobile-digital": { requestsPerSecond: 300, inFlight: 20 } },
  });
  const ids: CampaignId[] = [];
  for (let campaign = 0; campaign < 5; campaign += 1) {
    ids.push(await route.accept(people("mobile-digital", (campaign + 1) * 600).slice(campaign * 600)));
  }
  for (const id of ids) await route.start(id);
  await route.work();
  await route.simulator.untilAccepted("mobile-digital", 1_200);
  const shares = await Promise.all(ids.map(async (id) => (await route.counts(id)).accepted ?? 0));
  expect(Math.min(...shares), `shares ${shares}`).toBeGreaterThan(0);
  for (const id of ids) await route.parts.ledger.campaigns.cancel(id);
});

/** How many calls of others were granted a slot from when the first urgent call asked for one to when it had it. */
function watchGrants({ parts: { limiter } }: Route): Promise<number> {
  const { acquire } = limiter;
  const { promise, resolve } = Promise.withResolvers<number>();
  let others = 0;
  Object.assign(limiter, {
    async acquire(...call: Parameters<typeof acquire>) {
      const isUrgent = call[2]?.urgency === "urgent";
      const before = others;
      const permit = await acquire(...call);
      if (isUrgent) resolve(others - before);
      else others += 1;
      return permit;
    },
  });
  return promise;
}
