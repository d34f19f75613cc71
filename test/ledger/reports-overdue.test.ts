// Accepted messages whose report does not come: found once, asked about a few times, and off the list when a final
// word comes.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { CallId, MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Report } from "../../src/domain/report.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
// What earlier tests left is neither found nor taken.
beforeEach(async () => {
  await bench.pool.query("update volley.chunk set overdue_checked_at = now()");
  await bench.pool.query("truncate volley.overdue");
});

const DAY_MS = 86_400_000;
const main = { name: "main", afterMs: DAY_MS, canAsk: true };
const accepted: Outcome = { kind: "accepted", providerMessageId: "batch-1" };

/** A campaign of one call and one chunk, which has been done for an hour more than a day. */
async function setup(outcomes: readonly Outcome[]) {
  const campaign = await addCampaign(bench, { recipients: outcomes.length });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunk.id)).map((message) => message.id);
  const callId = createCallId(chunk.id);
  await bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
  await bench.ledger.attempts.record(
    ids.map((messageId, index) => ({
      messageId,
      callId,
      outcome: outcomes[index] ?? accepted,
      retryInMs: 0,
      settleInMs: 60_000,
    })),
  );
  await bench.ledger.chunks.finish(chunk, 60_000);
  await bench.pool.query("update volley.chunk set done_at = now() - interval '25 hours' where id = $1", [
    chunk.id,
  ]);
  const overdue = () => bench.ledger.reports.countOverdue(campaign.id);
  return { campaign, chunk, ids, callId, overdue };
}

const allAccepted = (count: number) => setup(Array(count).fill(accepted));
const find = (accounts = [main]) => bench.ledger.reports.findOverdue(accounts, { chunks: 100 });
const take = (ask: { account?: string; limit?: number } = {}) =>
  bench.ledger.reports.takeOverdue({
    account: "main",
    limit: 1_000,
    againInMs: 3_600_000,
    lookUpsMax: 3,
    ...ask,
  });
const passHour = () =>
  bench.pool.query("update volley.overdue set ask_at = ask_at - interval '1 hour 1 second'");

/** Brought by the provider, about message 0. */
async function bring(
  { ids, callId }: { ids: readonly MessageId[]; callId: CallId },
  state: Report["state"],
): Promise<void> {
  const report: Report = {
    about: { messageId: ids[0] ?? null, callId, providerMessageId: null, to: null },
    state,
    reason: state,
    code: null,
    permanent: false,
    optedOut: false,
    at: null,
  };
  await bench.ledger.inbox.add([{ account: "main", report }]);
  await bench.ledger.reports.join(100);
}

describe("what is overdue", () => {
  it("is what was accepted and nothing else, found once", async () => {
    const others: Outcome[] = [
      { kind: "rejected", reason: "invalid" },
      { kind: "unknown", reason: "reset" },
    ];
    const { campaign, overdue } = await setup([accepted, ...others, accepted]);
    expect(await find()).toBe(2);
    expect(await find()).toBe(0);
    expect(await overdue()).toBe(2);
    await audit(bench, campaign.id);
  });

  it("is nothing before the account's time", async () => {
    const { overdue } = await allAccepted(1);
    expect(await find([{ ...main, afterMs: 26 * 3_600_000 }])).toBe(0);
    expect(await find()).toBe(1);
    expect(await overdue()).toBe(1);
  });

  it("is nothing at an account that expects no reports, and its chunks are not looked through again", async () => {
    const { overdue } = await allAccepted(2);
    expect(await find([{ ...main, name: "other" }])).toBe(0);
    expect(await find()).toBe(0);
    expect(await overdue()).toBe(0);
  });

  it("is found by one of many that look at once", async () => {
    const chunks = await Promise.all([3, 4, 5].map(allAccepted));
    const found = await Promise.all([1, 2, 3, 4].map(() => find()));
    expect(found.reduce((sum, count) => sum + count)).toBe(12);
    expect(await Promise.all(chunks.map(({ overdue }) => overdue()))).toEqual([3, 4, 5]);
  });

  it.each(["delivered", "undelivered", "no-word"] as const)("is not what was reported %s", async (state) => {
    const at = await allAccepted(2);
    await bring(at, state);
    expect(await find()).toBe(1);
  });

  it.each([
    ["delivered", 1],
    ["undelivered", 1],
    ["no-word", 1],
    ["pending", 2],
  ] as const)("after a late report that says %s: %i of two", async (state, left) => {
    const at = await allAccepted(2);
    await find();
    await bring(at, state);
    expect(await at.overdue()).toBe(left);
    expect(await take()).toHaveLength(left);
    await audit(bench, at.campaign.id);
  });
});

describe("what is taken to be asked about", () => {
  it("names the message as its provider does", async () => {
    const { ids, callId } = await allAccepted(1);
    await find();
    expect(await take()).toEqual([
      {
        messageId: ids[0],
        callId,
        account: "main",
        to: phone(0),
        providerMessageId: "batch-1",
        lookUps: 1,
      },
    ]);
  });

  it("comes back when the hour is over, so many times, and stays on the list", async () => {
    const { overdue } = await allAccepted(2);
    await find();
    for (const lookUps of [1, 2, 3]) {
      expect(await take()).toMatchObject([{ lookUps }, { lookUps }]);
      expect(await take()).toEqual([]);
      await passHour();
    }
    expect(await take()).toEqual([]);
    expect(await overdue()).toBe(2);
  });

  it("is of its account, and none where the provider cannot be asked", async () => {
    const { overdue } = await allAccepted(2);
    await find([{ ...main, canAsk: false }]);
    expect(await overdue()).toBe(2);
    expect(await take()).toEqual([]);
    await allAccepted(1);
    await find();
    expect(await take({ account: "other" })).toEqual([]);
    expect(await take()).toHaveLength(1);
  });

  it("is nobody else's, with many that take at once, and no more than is wanted", async () => {
    await allAccepted(100);
    await find();
    const taken = (await Promise.all([1, 2, 3, 4].map(() => take({ limit: 30 })))).flat();
    expect(new Set(taken.map(({ messageId }) => messageId)).size).toBe(taken.length);
    expect(taken.length).toBeLessThanOrEqual(100);
    expect(taken.length).toBeGreaterThanOrEqual(30);
  });

  it("is not a message that a report met while it was being noted; that one leaves the list", async () => {
    const at = await allAccepted(2);
    await find();
    const { rows } = await bench.pool.query("select * from volley.overdue where message_id = $1", [
      at.ids[0],
    ]);
    await bring(at, "delivered");
    await bench.pool.query(
      "insert into volley.overdue (message_id, campaign_id, account, ask_at) values ($1, $2, 'main', now())",
      [rows[0].message_id, rows[0].campaign_id],
    );
    expect((await take()).map(({ messageId }) => messageId)).toEqual(at.ids.slice(1));
    expect(await at.overdue()).toBe(1);
  });

  it("and given back comes at once, with its look-up, the last one too", async () => {
    const { ids } = await allAccepted(2);
    await find();
    for (const lookUps of [1, 2, 3]) {
      expect(await take()).toHaveLength(2);
      await bench.ledger.reports.giveBackOverdue(ids);
      expect(await take()).toMatchObject([{ lookUps }, { lookUps }]);
      await passHour();
    }
    expect(await take()).toEqual([]);
  });
});
