// Reports meet their messages, however they come: early, late, twice, reversed, about strangers, about somebody
// else's account. Every case ends in the audit, and a trigger refuses each illegal move.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { createCallId, createMessageId } from "../../src/domain/ids.ts";
import type { CallId, MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { type Report, type ReportSubject, UNLISTED_STATUS } from "../../src/domain/report.ts";
import type { ClaimedChunk } from "../../src/ledger/chunks.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

/** A campaign whose one call is open. */
async function setup(recipients: number) {
  const campaign = await addCampaign(bench, { recipients });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunk.id)).map((message) => message.id);
  const callId = createCallId(chunk.id);
  await open(chunk, ids, callId);
  // Like the ids of a real provider, never used twice.
  return { campaign, chunk, ids, callId, batch: `batch-${callId}` };
}

function open(chunk: ClaimedChunk, ids: readonly MessageId[], callId: CallId) {
  return bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
}

function record(ids: readonly MessageId[], callId: CallId, outcomeOf: (index: number) => Outcome) {
  return bench.ledger.attempts.record(
    ids.map((messageId, index) => ({
      messageId,
      callId,
      outcome: outcomeOf(index),
      retryInMs: 0,
      settleInMs: 60_000,
    })),
  );
}

const accepted = (providerMessageId: string | null): Outcome => ({ kind: "accepted", providerMessageId });
const unknown: Outcome = { kind: "unknown", reason: "reset" };

function reportOf(about: Partial<ReportSubject>, state: Report["state"] = "delivered"): Report {
  return {
    about: { messageId: null, callId: null, providerMessageId: null, to: null, ...about },
    state,
    reason: state === "undelivered" ? "unknown-subscriber" : state,
    code: "5",
    permanent: true,
    optedOut: false,
    at: new Date("2026-11-22T12:00:00Z"),
  };
}

/** One request with these reports comes in and is applied. */
async function bring(reports: readonly Report[], account = "main") {
  await bench.ledger.inbox.store({ account, body: Buffer.from("{}") });
  const posts = await bench.ledger.inbox.take({ accounts: [account], limit: 100, leaseMs: 60_000 });
  await bench.ledger.inbox.finish(
    posts.map(({ id }, index) => ({ id, account, reports: index === 0 ? reports : [], unreadable: 0 })),
  );
  return joinNow();
}

/** As if the waits were over. */
async function joinNow() {
  await bench.pool.query("update volley.report set join_at = now() where join_at is not null");
  return bench.ledger.reports.join(10_000);
}

const counts = (campaign: { readonly id: Parameters<LedgerBench["ledger"]["campaigns"]["counts"]>[0] }) =>
  bench.ledger.campaigns.counts(campaign.id);

async function waiting(): Promise<number> {
  const { rows } = await bench.pool.query(
    "select count(*)::int as n from volley.report where join_at is not null",
  );
  return rows[0].n;
}

describe("a report finds its message", () => {
  it.each<
    [
      how: string,
      about: (at: { id: MessageId; callId: CallId; index: number; batch: string }) => Partial<ReportSubject>,
    ]
  >([
    ["by our own id, as Infobip names it", ({ id, callId }) => ({ messageId: id, callId })],
    [
      "by number and the batch's id, as Sinch names it",
      ({ index, batch }) => ({ to: phone(index), providerMessageId: batch }),
    ],
    ["by number and our reference", ({ index, callId }) => ({ to: phone(index), callId })],
  ])("%s", async (_how, about) => {
    const { campaign, ids, callId, batch } = await setup(3);
    await record(ids, callId, () => accepted(batch));
    const reports = ids.map((id, index) =>
      reportOf(about({ id, callId, index, batch }), index === 0 ? "undelivered" : "delivered"),
    );
    expect(await bring(reports)).toMatchObject({ joined: 3, moved: 3 });
    expect(await counts(campaign)).toEqual({ delivered: 2, undelivered: 1 });
    await audit(bench, campaign.id);
  });

  it("by our reference and its own id, without a number, as SMS.CX names it", async () => {
    const { campaign, ids, callId } = await setup(5);
    await record(ids, callId, (index) => accepted(`m-${index}`));
    const reports = ids.map((_, index) => reportOf({ callId, providerMessageId: `m-${index}` })).toReversed();
    expect(await bring(reports)).toMatchObject({ joined: 5, moved: 5 });
    expect(await counts(campaign)).toEqual({ delivered: 5 });
    await audit(bench, campaign.id);
  });

  it("by our reference alone when its call had no other message, and no id is known of it", async () => {
    const { campaign, ids, callId } = await setup(1);
    await record(ids, callId, () => unknown);
    expect(await bring([reportOf({ callId, providerMessageId: "m-single" })])).toMatchObject({ moved: 1 });
    expect(await counts(campaign)).toEqual({ delivered: 1 });
    expect((await bench.ledger.messages.find(ids[0] as MessageId))?.providerMessageId).toBe("m-single");
    await audit(bench, campaign.id);
  });

  it("and not by our reference alone when its call had others, wherever they are now", async () => {
    const { campaign, chunk, ids, callId } = await setup(2);
    const [first, second] = ids as [MessageId, MessageId];
    await record(ids, callId, () => unknown);
    const report = () => bring([reportOf({ callId, providerMessageId: "m-either" })]);
    expect(await report()).toMatchObject({ joined: 0, moved: 0 });
    // The other one is sent again, in a call of its own.
    await bench.ledger.unknowns.resolve(first, "resend");
    const later = createCallId(chunk.id);
    await open(chunk, [first], later);
    await record([first], later, () => accepted("m-later"));
    expect(await report()).toMatchObject({ joined: 0, moved: 0 });
    expect((await bench.ledger.messages.find(second))?.state).toBe("unknown");
    await bench.pool.query("delete from volley.report where joined_id is null");
    await audit(bench, campaign.id);
  });

  it("and never that of another account, whatever it names", async () => {
    const { campaign, ids, callId, batch } = await setup(1);
    await record(ids, callId, () => accepted(batch));
    const [id = null] = ids;
    const names = [
      { messageId: id, callId },
      { to: phone(0), callId },
      { callId, providerMessageId: batch },
    ];
    expect(
      await bring(
        names.map((about) => reportOf(about)),
        "other",
      ),
    ).toMatchObject({ joined: 0, moved: 0 });
    expect(await counts(campaign)).toEqual({ accepted: 1 });
    await audit(bench, campaign.id);
  });
});

describe("order", () => {
  it("does not matter: ten of each kind, in any order, and the first final one counts", async () => {
    const { campaign, ids, callId, batch } = await setup(1);
    await record(ids, callId, () => accepted(batch));
    const about = { to: phone(0), providerMessageId: batch };
    await bring([...Array(10)].map(() => reportOf(about, "delivered")));
    await bring([...Array(10)].map(() => reportOf(about, "pending")));
    await bring([...Array(10)].map(() => reportOf(about, "undelivered")));
    expect(await counts(campaign)).toEqual({ delivered: 1 });
    const { rows } = await bench.pool.query(
      "select count(*)::int as n from volley.report where joined_id = $1 and moved",
      [ids[0]],
    );
    expect(rows[0].n, "reports that moved it").toBe(1);
    await audit(bench, campaign.id);
  });

  it("does not matter to a report that comes before the answer is recorded: it waits and is joined later", async () => {
    const { campaign, ids, callId } = await setup(2);
    const before = await waiting();
    expect(
      await bring([reportOf({ to: phone(0), callId }), reportOf({ callId, providerMessageId: "m-1" })]),
    ).toMatchObject({
      moved: 0,
    });
    expect(await waiting()).toBe(before + 2);
    expect(await counts(campaign)).toEqual({ sending: 2 });
    await record(ids, callId, (index) => accepted(`m-${index}`));
    expect(await joinNow()).toMatchObject({ moved: 2 });
    expect(await waiting()).toBe(before);
    expect(await counts(campaign)).toEqual({ delivered: 2 });
    await audit(bench, campaign.id);
  });

  it("does not matter to two that join at once: each message moves once", async () => {
    const { campaign, ids, callId, batch } = await setup(200);
    await record(ids, callId, () => accepted(batch));
    const reports = ids.flatMap((_, index) => {
      const about = { to: phone(index), providerMessageId: batch };
      return [reportOf(about), reportOf(about, "pending")];
    });
    await bench.ledger.inbox.add(reports.map((report) => ({ account: "main", report })));
    const joins = await Promise.all([1, 2, 3, 4].map(() => bench.ledger.reports.join(100)));
    expect(joins.reduce((sum, { moved }) => sum + moved, 0)).toBeLessThanOrEqual(200);
    await joinNow();
    expect(await counts(campaign)).toEqual({ delivered: 200 });
    await audit(bench, campaign.id);
  });
});

describe("an unknown", () => {
  it.each([
    ["delivered", "delivered"],
    ["undelivered", "undelivered"],
    ["pending", "accepted"],
    ["no-word", "accepted"],
  ] as const)("is settled by a report that says %s: %s", async (reported, state) => {
    const { campaign, ids, callId } = await setup(1);
    await record(ids, callId, () => unknown);
    expect(await bring([reportOf({ to: phone(0), callId }, reported)])).toMatchObject({ moved: 1 });
    expect(await counts(campaign)).toEqual({ [state]: 1 });
    const { rows } = await bench.pool.query(
      "select settled_as from volley.attempt where message_id = $1 and outcome = 'unknown'",
      [ids[0]],
    );
    expect(rows).toEqual([{ settled_as: "reported" }]);
    await audit(bench, campaign.id);
  });
});

it("a status that no documentation lists settles nothing", async () => {
  const { campaign, ids, callId } = await setup(1);
  await record(ids, callId, () => unknown);
  const report = { ...reportOf({ to: phone(0), callId }, "pending"), reason: UNLISTED_STATUS };
  expect(await bring([report])).toMatchObject({ joined: 1, moved: 0 });
  expect(await counts(campaign)).toEqual({ unknown: 1 });
  expect(await bring([reportOf({ to: phone(0), callId })])).toMatchObject({ moved: 1 });
  await audit(bench, campaign.id);
});

describe("a message that is to be sent again", () => {
  /** Given up by its call, settled so that it waits for its next one. */
  async function setupWaiting(as: "absent" | "resent") {
    const at = await setup(1);
    await record(at.ids, at.callId, () => unknown);
    await bench.pool.query("update volley.attempt set settle_at = now() where call_id = $1", [at.callId]);
    const due = await bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 });
    const ours = due.filter((one) => one.callId === at.callId);
    await bench.ledger.unknowns.settle(
      ours.map((one) => ({ ...one, as, providerMessageId: null, reason: null })),
    );
    expect(await counts(at.campaign)).toEqual({ queued: 1 });
    return at;
  }

  it.each([
    ["absent", "delivered", "delivered"],
    ["absent", "undelivered", "undelivered"],
    ["absent", "pending", "accepted"],
    ["resent", "delivered", "delivered"],
  ] as const)("because its call seemed %s is not when a report says %s", async (as, reported, state) => {
    const { campaign, chunk, ids, callId } = await setupWaiting(as);
    expect(await bring([reportOf({ to: phone(0), callId }, reported)])).toMatchObject({
      joined: 1,
      moved: 1,
    });
    expect(await counts(campaign)).toEqual({ [state]: 1 });
    expect(await open(chunk, ids, createCallId(chunk.id)), "nobody may send it").toEqual([null]);
    const { rows } = await bench.pool.query("select settled_as from volley.attempt where call_id = $1", [
      callId,
    ]);
    expect(rows).toEqual([{ settled_as: "reported" }]);
    expect(await bench.ledger.chunks.finish(chunk, 60_000)).toEqual({ state: "done" });
    expect(await bench.ledger.campaigns.finishIfDone(campaign.id)).toBe(true);
    await audit(bench, campaign.id);
  });

  it("goes on when the report only repeats that its call was refused", async () => {
    const { campaign, ids, callId } = await setup(1);
    await record(ids, callId, () => ({ kind: "later", reason: "no-route", usesTry: true }));
    expect(await bring([reportOf({ to: phone(0), callId }, "undelivered")])).toMatchObject({ moved: 0 });
    expect(await counts(campaign)).toEqual({ queued: 1 });
    await audit(bench, campaign.id);
  });
});

describe("an unknown of which nothing more could be learnt", () => {
  const settledAs = async (id: MessageId) => {
    const { rows } = await bench.pool.query(
      "select settled_as from volley.attempt where message_id = $1 and not late",
      [id],
    );
    return rows.map((row) => row.settled_as);
  };

  it.each<[by: string, settledAs: string, tell: (id: MessageId, callId: CallId) => Promise<unknown>]>([
    ["its report", "reported", (messageId, callId) => bring([reportOf({ messageId, callId })])],
    ["its outcome, late", "accepted", (id, callId) => record([id], callId, () => accepted(null))],
    ["a person", "failed", (id) => bench.ledger.unknowns.resolve(id, "failed")],
    ["a person's retry", "failed", (id) => retry(id)],
  ])("is settled by %s after all: %s", async (_by, as, tell) => {
    const { campaign, ids, callId } = await setup(1);
    const [id] = ids;
    if (id === undefined) throw new Error("the chunk is empty");
    await record(ids, callId, () => unknown);
    await bench.pool.query("update volley.attempt set settle_at = now() where message_id = $1", [id]);
    const due = await bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 });
    await bench.ledger.unknowns.settle(
      due.map((one) => ({ ...one, as: "kept" as const, providerMessageId: null, reason: null })),
    );
    expect(await settledAs(id)).toEqual(["kept"]);
    await tell(id, callId);
    expect(await settledAs(id)).toEqual([as]);
    expect(await counts(campaign)).not.toHaveProperty("unknown");
    await audit(bench, campaign.id);
  });
});

function retry(failedId: MessageId) {
  return bench.ledger.retries.add({
    campaignId: null,
    accounts: ["main"],
    class: "marketing",
    sender: null,
    zones: [],
    messages: [{ failedId, id: createMessageId(Date.now()), segments: 1 }],
    includeUnknown: true,
  });
}

describe("strangers", () => {
  it("are tried for a day, then kept and shown, and never guessed", async () => {
    const callId = createCallId("999999" as ChunkId);
    await bring([reportOf({ callId, providerMessageId: "of-nobody" })]);
    const mine = (entries: { providerMessageId: string | null }[]) =>
      entries.filter(({ providerMessageId }) => providerMessageId === "of-nobody");
    expect(mine(await bench.ledger.reports.strangers({ limit: 500 }))).toEqual([]);
    await bench.pool.query(
      "update volley.report set received_at = now() - interval '25 hours' where provider_message_id = 'of-nobody'",
    );
    await joinNow();
    expect(mine(await bench.ledger.reports.strangers({ limit: 500 }))).toHaveLength(1);
  });

  it("do not include a report about an attempt that was followed by another: it is evidence and moves nothing", async () => {
    const { campaign, chunk, ids, callId } = await setup(1);
    await record(ids, callId, () => ({ kind: "later", reason: "busy", usesTry: true }));
    const second = createCallId(chunk.id);
    await open(chunk, ids, second);
    await record(ids, second, () => accepted("p-2"));
    const [id = null] = ids;
    expect(await bring([reportOf({ messageId: id, callId })])).toMatchObject({ joined: 1, moved: 0 });
    expect(await counts(campaign)).toEqual({ accepted: 1 });
    await audit(bench, campaign.id);
  });
});

it("a report that says the person opted out puts him on the list", async () => {
  const { campaign, ids, callId, batch } = await setup(1);
  await record(ids, callId, () => accepted(batch));
  const about = { to: phone(0), providerMessageId: batch };
  await bring([{ ...reportOf(about, "undelivered"), reason: "opted-out", optedOut: true }]);
  const { rows } = await bench.pool.query(
    "select reason, source from volley.suppression where recipient = $1",
    [phone(0)],
  );
  expect(rows).toEqual([{ reason: "opted-out", source: "provider" }]);
  await bench.pool.query("delete from volley.suppression");
  await audit(bench, campaign.id);
});

it("a completed campaign whose message turns out undelivered has failures", async () => {
  const { campaign, chunk, ids, callId, batch } = await setup(1);
  await record(ids, callId, () => accepted(batch));
  await bench.ledger.chunks.finish(chunk, 60_000);
  expect(await bench.ledger.campaigns.finishIfDone(campaign.id)).toBe(true);
  await bring([reportOf({ to: phone(0), providerMessageId: batch }, "undelivered")]);
  expect((await bench.ledger.campaigns.find(campaign.id))?.state).toBe("completed_with_failures");
  await audit(bench, campaign.id);
});

it("what was read is taken away after its time, and what it said stays", async () => {
  const { ids, callId, batch } = await setup(1);
  await record(ids, callId, () => accepted(batch));
  await bring([reportOf({ to: phone(0), providerMessageId: batch })]);
  await bench.pool.query("update volley.inbox set read_at = now() - interval '8 days'");
  expect(await bench.ledger.inbox.prune({ olderThanMs: 7 * 86_400_000, limit: 10_000 })).toBeGreaterThan(0);
  const [id] = ids;
  if (id === undefined) throw new Error("one was added");
  expect(await bench.ledger.reports.ofMessage(id)).toMatchObject([
    { state: "delivered", code: "5", waits: false },
  ]);
});
