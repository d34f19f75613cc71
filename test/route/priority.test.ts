// One-time codes while a campaign keeps its account busy, and campaigns that share an account, on both engines.

import { describe, expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import { acceptMessage } from "../../src/intake/accept-message.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const RATE = 100;

async function sendCode(route: Route, to: string): Promise<void> {
  const { chunk } = await acceptMessage(
    route.parts,
    { to, text: "Your code is 123456.", from: null, class: "transactional", account: null },
    route.parts.rules,
  );
  if (chunk !== null) await route.parts.enqueue.chunks([chunk]);
}

describe.each(engines)("on engine %s", (engine) => {
  it("a one-time code overtakes a campaign whose calls fill all lanes", async () => {
    const route = await openRoute({
      engine,
      limits: { "mobile-digital": { requestsPerSecond: RATE, inFlight: 10 } },
    });
    const id = await route.accept(people("mobile-digital", 3_000));
    await route.start(id);
    await route.work();
    await route.simulator.untilAccepted("mobile-digital", 100);
    const to = "+61499999999";
    await sendCode(route, to);
    const before = route.simulator.accepted("mobile-digital");
    await expect
      .poll(() => route.simulator.texts("mobile-digital", to).length, { timeout: 10_000, interval: 5 })
      .toBe(1);
    // A chunk has a thousand messages; what had its slot, or was in flight, goes first, and a loaded machine's delay.
    expect(route.simulator.accepted("mobile-digital") - before).toBeLessThan(3 * RATE);
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
