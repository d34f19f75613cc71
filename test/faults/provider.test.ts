// Providers that take a message and do not say so, say it badly, refuse one of a thousand, or are not there.
// Sinch can be asked what became of a call; mobile.digital cannot, and its unknowns stay what they are.

import { describe, expect, it } from "vitest";
import type { FaultRule } from "../../src/simulator/faults.ts";
import { createSimulator } from "../../src/simulator/server.ts";
import { type AccountName, openRoute, people, type Route } from "../support/route.ts";

const HANGING_CALL_MS_MAX = 500;

/** A campaign through one account whose provider has these faults. */
async function run(account: AccountName, count: number, faults: readonly FaultRule[]) {
  const route = await openRoute({ simulator: { providers: { [account]: { faults } } } });
  const id = await route.accept(people(account, count));
  await route.start(id);
  await route.work();
  const state = await route.untilFinished(id);
  return { route, id, state, counts: await route.counts(id), facts: await route.facts(id) };
}

/** All calls that named the person, accepted or not. */
function callsPerPerson({ simulator }: Route, account: AccountName, count: number): number[] {
  return people(account, count).map(({ to }) => {
    const digits = to.slice(1);
    const accepted = simulator.acceptedPerRecipient(account).get(digits) ?? 0;
    return accepted + (simulator.refusedPerRecipient(account).get(digits) ?? 0);
  });
}

describe("a provider that takes the messages", () => {
  const takers = [
    "drop-after-accept",
    "500-accepted",
    "502-accepted",
    "504-accepted",
    "html-200-accepted",
    "half-json",
  ] as const;

  it.each(takers)(
    "and answers with %s is asked by look-up at Sinch: accepted, nobody twice",
    async (name) => {
      const { route, id, state, counts, facts } = await run("sinch", 3_500, [{ name, count: 2 }]);
      expect(state).toBe("completed");
      expect(counts).toEqual({ accepted: 3_500 });
      expect(facts.settledByLookUp).toBeGreaterThanOrEqual(1_500);
      expect(route.simulator.callCount("sinch")).toBe(4);
      await route.audit(id);
    },
  );

  it.each(takers)("and answers with %s leaves just those unknown at mobile.digital", async (name) => {
    const { route, id, state, counts } = await run("mobile-digital", 200, [{ name, count: 4 }]);
    expect(state).toBe("completed_with_failures");
    expect(counts).toEqual({ accepted: 196, unknown: 4 });
    expect(route.simulator.accepted("mobile-digital")).toBe(200);
    await route.audit(id);
  });
});

describe("a provider that does not take the messages", () => {
  it.each(["drop-before", "500", "502", "504", "html-200"] as const)(
    "and answers with %s is asked by look-up at Sinch: sent again, nobody twice",
    async (name) => {
      const { route, id, state, counts, facts } = await run("sinch", 2_500, [{ name, count: 2 }]);
      expect(state).toBe("completed");
      expect(counts).toEqual({ accepted: 2_500 });
      expect(facts.settledByLookUp).toBeGreaterThanOrEqual(1_500);
      await route.audit(id);
    },
  );

  it("or does, and fails with half of the calls at random, gives nobody two and leaves nobody unaccounted for", async () => {
    const { route, id, counts } = await run("sinch", 3_000, [
      { name: "500-accepted", share: 0.2 },
      { name: "500", share: 0.1 },
      { name: "drop-after-accept", share: 0.1 },
      { name: "drop-before", share: 0.1 },
    ]);
    const { accepted = 0, failed = 0, unknown = 0, ...others } = counts;
    expect(others).toEqual({});
    // Four tries may all meet a fault; those messages are said to have failed, and have not been sent.
    expect(accepted + failed + unknown).toBe(3_000);
    expect(accepted).toBeGreaterThan(2_000);
    await route.audit(id);
  });
});

it("a batch that appears in Sinch's list late, but within the schedule, is not sent again", async () => {
  const route = await openRoute({
    simulator: {
      providers: {
        sinch: {
          faults: [
            { name: "drop-after-accept", count: 2 },
            { name: "look-up-lag-ms", ms: 600_000 },
          ],
        },
      },
    },
    settings: { unknown: { lookUpAfterSeconds: [0.05, 0.1, 600] } },
  });
  const id = await route.accept(people("sinch", 2_000));
  await route.start(id);
  await route.work();
  // Both batches are asked about twice, and twice Sinch does not list them.
  await expect
    .poll(async () => {
      await route.sweep();
      const { rows } = await route.pool.query(
        "select distinct call_id from volley.attempt where look_ups = 2",
      );
      return rows.length;
    })
    .toBe(2);
  expect(await route.counts(id)).toEqual({ unknown: 2_000 });
  route.simulator.setFaults("sinch", []);
  await route.pool.query("update volley.attempt set settle_at = now()");
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 2_000 });
  expect(route.simulator.accepted("sinch")).toBe(2_000);
  await route.audit(id);
});

it("look-ups that fail prove nothing and are asked again", async () => {
  const faults: FaultRule[] = [
    { name: "drop-after-accept", count: 1 },
    { name: "look-up-down", count: 3 },
  ];
  const route = await openRoute({ simulator: { providers: { sinch: { faults } } } });
  const id = await route.accept(people("sinch", 1_000));
  await route.start(id);
  await route.work();
  await expect.poll(() => route.counts(id)).toEqual({ unknown: 1_000 });
  // As if the half minute between two questions had passed each time.
  for (let asked = 1; asked <= 4; asked += 1) {
    expect(await route.counts(id)).toEqual({ unknown: 1_000 });
    await route.pool.query("update volley.attempt set settle_at = now() where settled_at is null");
    await route.sweep();
  }
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 1_000 });
  expect(route.simulator.accepted("sinch")).toBe(1_000);
  await route.audit(id);
});

it("an account whose login is refused for good is out of order, and uses up nobody's tries", async () => {
  const route = await openRoute({
    simulator: { providers: { "mobile-digital": { faults: [{ name: "401", count: 1_000 }] } } },
  });
  const id = await route.accept(people("mobile-digital", 20));
  await route.start(id);
  await route.work();
  await expect
    .poll(() => route.parts.ledger.accountHealth.listDegraded())
    .toMatchObject([{ account: "mobile-digital", reason: "token-rejected" }]);
  await expect.poll(() => route.openAttempts()).toBe(0);
  expect(await route.counts(id)).toEqual({ queued: 20 });
  const { rows } = await route.pool.query("select max(attempts) as tries from volley.message");
  expect(rows).toEqual([{ tries: 0 }]);
});

it("one bad number among a thousand is rejected, and the others get their message in at most four calls", async () => {
  const bad = ["+46701000000", "+46701000500", "+46701000999"];
  const { route, id, state, counts } = await run("sinch", 1_000, [
    { name: "reject-recipient", numbers: bad },
  ]);
  expect(state).toBe("completed_with_failures");
  expect(counts).toEqual({ accepted: 997, rejected: 3 });
  expect(Math.max(...callsPerPerson(route, "sinch", 1_000))).toBeLessThanOrEqual(4);
  const { rows } = await route.pool.query<{ recipient: string }>(
    "select recipient from volley.message where state = 'rejected' order by recipient",
  );
  expect(rows.map(({ recipient }) => recipient)).toEqual(bad);
  await route.audit(id);
});

it.each(["sinch", "mobile-digital"] as const)(
  "messages wait while nobody listens at %s, and all go out when it is back",
  async (account) => {
    const route = await openRoute();
    const { url } = route.simulator;
    const id = await route.accept(people(account, 300));
    await route.work();
    // With a token at hand, so that the sends themselves are refused.
    for (const at of route.parts.accounts.values()) await route.parts.tokens.get(at.account);
    await route.simulator.close();
    await route.start(id);
    const { account: down } = route.parts.accounts.get(account) ?? {};
    if (down === undefined) throw new Error("no such account");
    await expect
      .poll(async () => (await route.parts.limiter.state(down)).reason, { interval: 20 })
      .toBe("connect-refused");
    const back = await createSimulator({ port: Number(new URL(url).port), keepDetails: true });
    try {
      expect(await route.untilFinished(id)).toBe("completed");
      expect(await route.counts(id)).toEqual({ accepted: 300 });
      expect(back.accepted(account)).toBe(300);
      await route.audit(id, { simulator: back });
    } finally {
      await back.close();
    }
  },
);

it("a call that hangs ends at its deadline: unknown, and found by look-up", async () => {
  const route = await openRoute({
    simulator: { providers: { sinch: { faults: [{ name: "hang-accepted", count: 1 }] } } },
  });
  const { transport } = route.parts;
  const impatient: typeof transport = {
    ...transport,
    send: (batch, account, token) =>
      transport.send(batch, account, token, { deadlineMs: HANGING_CALL_MS_MAX }),
  };
  const id = await route.accept(people("sinch", 1_500));
  await route.start(id);
  await route.work({ ...route.parts, transport: impatient });
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 1_500 });
  expect((await route.facts(id)).settledByLookUp).toBeGreaterThanOrEqual(500);
  await route.audit(id);
});
