// Retries on a real database: what may be sent again without a duplicate is, once, however many ask and whoever dies.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createCampaignId, createMessageId, recipientMessageId } from "../../src/domain/ids.ts";
import type { CampaignId, MessageId, MessageState } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { IntakeRules } from "../../src/intake/choose-accounts.ts";
import { type RetryRequest, retryCampaign, retryMessages } from "../../src/intake/retry-failed.ts";
import type { NewMessage } from "../../src/ledger/add-chunk.ts";
import type { RetryChunk } from "../../src/ledger/retry-failed.ts";
import { accountOf } from "../providers/support.ts";
import { audit, type LedgerBench, openLedgerBench, optOut } from "../support/ledger.ts";

const takesAll = { segmentsMax: 10, batchMax: 1000, textFault: () => null, senderFault: () => null };
const rules: IntakeRules = {
  quietHours: null,
  currency: null,
  caps: { messages: null, costMicros: null },
  routes: [],
  accounts: new Map([
    ["main", { ...takesAll, account: accountOf("sinch", { name: "main" }) }],
    ["spare", { ...takesAll, account: accountOf("infobip", { name: "spare" }) }],
    ["short", { ...takesAll, segmentsMax: 1, account: accountOf("mobile-digital", { name: "short" }) }],
  ]),
};
const none = { alreadyRetried: 0, suppressed: 0, mayHaveBeenSent: 0, refused: 0 };

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query(
    `truncate volley.campaign, volley.chunk, volley.message, volley.campaign_count, volley.suppression,
       volley.attempt, volley.report, volley.retry cascade`,
  );
});

const number = (index: number) => `+${46_701_000_000 + index}` as PhoneNumber;

async function addDraft(name = "spring"): Promise<CampaignId> {
  const id = createCampaignId(Date.now());
  const common = { class: "marketing", sender: "Acme", account: null, sendAt: null, timeZone: null } as const;
  await bench.ledger.campaigns.createDraft({ ...common, id, name, template: "Hello {{name}}" });
  return id;
}

async function addPeople(campaignId: CampaignId, count: number): Promise<void> {
  const messages = Array.from(
    { length: count },
    (_, index): NewMessage => ({
      id: recipientMessageId(campaignId, number(index)),
      to: number(index),
      position: index + 2,
      segments: 1,
      text: null,
      values: [`name ${index}`],
      reference: `order ${index}`,
      metadata: { shop: "lund" },
    }),
  );
  for (let from = 0; from < count; from += 1000) {
    await bench.ledger.chunks.add({
      ...{ campaignId, accounts: ["main", "spare"], class: "marketing", sender: "Acme", state: "waiting" },
      zones: [],
      messages: messages.slice(from, from + 1000),
    });
  }
}

type End = readonly [state: MessageState, reason?: string];

/** A campaign that is over; one person for each end, in their order. */
async function finished(ends: readonly End[]): Promise<CampaignId> {
  const id = await addDraft();
  await addPeople(id, ends.length);
  await bench.ledger.campaigns.start(id, null);
  await endAll(id, ends);
  return id;
}

const PATHS: Readonly<Partial<Record<MessageState, readonly MessageState[]>>> = {
  accepted: ["sending"],
  rejected: ["sending"],
  failed: ["sending"],
  unknown: ["sending"],
  delivered: ["sending", "accepted"],
  undelivered: ["sending", "accepted"],
};

/** By legal moves, and as the ledger writes them: with an attempt of each unknown, and with the counts. */
async function endAll(id: CampaignId, ends: readonly End[]): Promise<void> {
  const groups = Map.groupBy(
    ends.map((end, index) => ({ end, message: recipientMessageId(id, number(index)) })),
    ({ end }) => end.join(" "),
  );
  for (const [one, ...others] of groups.values()) {
    if (one !== undefined)
      await moveTo(
        [one, ...others].map(({ message }) => message),
        one.end,
      );
  }
  await bench.pool.query("update volley.chunk set state = 'done', done_at = now() where campaign_id = $1", [
    id,
  ]);
  await bench.pool.query("delete from volley.campaign_count where campaign_id = $1", [id]);
  await bench.pool.query(
    `insert into volley.campaign_count select $1, 0, m.state, count(*) from volley.message m
     join volley.chunk c on c.id = m.chunk_id where c.campaign_id = $1 group by m.state`,
    [id],
  );
  await bench.ledger.campaigns.finishIfDone(id);
}

async function moveTo(ids: readonly MessageId[], [state, reason]: End): Promise<void> {
  for (const step of [...(PATHS[state] ?? []), state]) {
    await bench.pool.query(
      `update volley.message set state = $2, reason = $3, attempts = 1, account = 'main', changed_at = now(),
         call_id = coalesce(call_id, gen_random_uuid()), opened_at = now() where id = any($1)`,
      [ids, step, reason ?? null],
    );
  }
  if (state === "unknown") await addUnknown(ids, null);
}

async function addUnknown(ids: readonly MessageId[], settledAs: string | null): Promise<void> {
  await bench.pool.query(
    `insert into volley.attempt (message_id, campaign_id, chunk_id, number, account, call_id, opened_at, outcome,
       reason, settle_at, settled_at, settled_as)
     select m.id, c.campaign_id, c.id, 1, 'main', case when $2::text is null then m.call_id else gen_random_uuid() end,
       now(), 'unknown', 'timeout', case when $2 is null then now() end, case when $2 is not null then now() end,
       $2::volley.settlement
     from volley.message m join volley.chunk c on c.id = m.chunk_id where m.id = any($1)`,
    [ids, settledAs],
  );
}

const retry = (of: CampaignId, request: RetryRequest = {}) => retryCampaign(bench, of, request, rules);

function requireId(id: CampaignId | null): CampaignId {
  if (id === null) throw new Error("nothing was retried");
  return id;
}

async function messagesOf(id: CampaignId | null) {
  const { messages } = await bench.ledger.messages.exportPage(requireId(id), { after: null, limit: 1000 });
  return messages.toSorted((one, other) => one.position - other.position);
}

const positionsOf = async (id: CampaignId | null) => (await messagesOf(id)).map(({ position }) => position);

it("what nobody received goes on in a new campaign, with all that it said, linked to the first message", async () => {
  const of = await finished([
    ...([["accepted"], ["delivered"], ["unknown"]] as const),
    ...([
      ["rejected", "bad-number"],
      ["failed", "connect-refused"],
      ["undelivered", "absent"],
    ] as const),
    ...([["expired"], ["suppressed"], ["cancelled"]] as const),
  ]);
  const { id, ...retried } = await retry(of);
  expect(retried).toEqual({ accepted: 4, skipped: { ...none, mayHaveBeenSent: 1 }, refusals: [] });
  expect(await bench.ledger.campaigns.find(requireId(id))).toMatchObject({
    ...{ name: "spring (retry)", state: "running", class: "marketing", sender: "Acme", retryOf: of },
    ...{ account: null, total: 4, template: "Hello {{name}}" },
  });
  const messages = await messagesOf(id);
  expect(messages.map(({ position }) => position)).toEqual([5, 6, 7, 8]);
  const originals = await messagesOf(of);
  for (const message of messages) {
    const original = originals.find(({ position }) => position === message.position);
    expect(message).toMatchObject({
      ...{ state: "queued", to: original?.to, reference: original?.reference, metadata: { shop: "lund" } },
      ...{ retryOf: original?.id, attempts: 0, account: "main", providerMessageId: null, reason: null },
    });
  }
  const [chunk] = await bench.ledger.chunks.release(requireId(id), 16);
  const loaded = await bench.ledger.chunks.load(chunk?.id ?? ("0" as never));
  expect(loaded.map(({ values }) => values.map((value) => value.reveal()))).toEqual(
    [3, 4, 5, 6].map((index) => [`name ${index}`]),
  );
  await audit(bench, of);
  await audit(bench, requireId(id));
});

it("a second retry finds nothing more and leaves no campaign; a retry of the retry links to the first", async () => {
  const of = await finished([["failed"], ["failed"], ["delivered"]]);
  const first = requireId((await retry(of)).id);
  expect(await retry(of)).toEqual({
    ...{ id: null, accepted: 0, skipped: { ...none, alreadyRetried: 2 }, refusals: [] },
  });
  await endAll(first, [["delivered"], ["rejected"]]);
  const { id: second, accepted } = await retry(first);
  expect(accepted).toBe(1);
  expect(await messagesOf(second)).toMatchObject([
    { position: 3, retryOf: recipientMessageId(of, number(1)) },
  ]);
  expect(await bench.ledger.campaigns.find(requireId(second))).toMatchObject({
    ...{ name: "spring (retry)", retryOf: of },
  });
  expect(await bench.ledger.campaigns.list({ limit: 10 })).toHaveLength(3);
});

it("of twenty calls at once each message is retried by one, and only campaigns with somebody in them stay", async () => {
  const count = 1_500;
  const of = await finished(
    Array.from({ length: count }, (_, index) => (index % 3 === 0 ? ["unknown"] : ["failed"])),
  );
  const all = await Promise.all(Array.from({ length: 20 }, () => retry(of, { includeUnknown: true })));
  const ids = all.flatMap(({ id }) => (id === null ? [] : [id]));
  expect(all.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(count);
  for (const { accepted, skipped } of all) {
    expect(accepted + skipped.alreadyRetried + skipped.mayHaveBeenSent).toBe(count);
  }
  const { rows } = await bench.pool.query(
    "select retry_of from volley.message where retry_of is not null group by 1 having count(*) > 1",
  );
  expect(rows, "messages with two retries").toEqual([]);
  expect(await bench.ledger.campaigns.list({ limit: 50 })).toHaveLength(1 + ids.length);
  for (const id of [of, ...ids]) await audit(bench, id);
});

it("an unknown is retried only when a person says so, and then nothing else sends it any more", async () => {
  const of = await finished([["unknown", "timeout"], ["failed"]]);
  expect((await retry(of, { states: ["unknown"] })).skipped).toEqual({ ...none, mayHaveBeenSent: 1 });
  const { id, accepted } = await retry(of, { states: ["failed"], includeUnknown: true });
  expect(accepted).toBe(2);
  const [unknown] = await messagesOf(of);
  expect(unknown).toMatchObject({ state: "failed", reason: "retried-by-person" });
  expect(await bench.ledger.unknowns.takeDue({ limit: 10, againInMs: 0 })).toEqual([]);
  if (unknown === undefined) throw new Error("there are two messages");
  expect(await bench.ledger.unknowns.resolve(unknown.id, "resend")).toBe("not-unknown");
  expect((await retry(of, { includeUnknown: true })).skipped.alreadyRetried).toBe(2);
  await audit(bench, of);
  await audit(bench, requireId(id));
});

it("what an earlier try may have sent stays out until a person says so; what was delivered after all stays out", async () => {
  const of = await finished([
    ["failed"],
    ["rejected"],
    ["undelivered"],
    ["expired"],
    ["undelivered"],
    ["failed"],
  ]);
  const ids = (await messagesOf(of)).map((message) => message.id);
  await addUnknown(ids.slice(0, 1), "resent");
  await addUnknown(ids.slice(1, 2), "absent");
  await bench.pool.query(
    `insert into volley.attempt (message_id, chunk_id, number, account, call_id, opened_at, outcome, late)
     values ($1, 1, 1, 'main', gen_random_uuid(), now(), 'accepted', true)`,
    [ids[3]],
  );
  await bench.pool.query(
    `insert into volley.report (account, state, reason, permanent, opted_out, joined_id)
     values ('main', 'delivered', 'delivered', true, false, $1)`,
    [ids[4]],
  );
  const { id, skipped } = await retry(of);
  expect(skipped).toEqual({ ...none, mayHaveBeenSent: 3 });
  expect(await positionsOf(id)).toEqual([3, 4, 7]);
  const more = await retry(of, { includeUnknown: true });
  expect(await positionsOf(more.id)).toEqual([2, 5]);
  expect(more.skipped).toEqual({ ...none, alreadyRetried: 3, mayHaveBeenSent: 1 });
});

it("people who opted out, deleted texts, erased numbers and texts that no account takes stay out, and are counted", async () => {
  const of = await finished([["failed"], ["failed"], ["failed"], ["failed"], ["failed"]]);
  const ids = (await messagesOf(of)).map((message) => message.id);
  await bench.ledger.suppressions.add([optOut(number(0))]);
  await bench.pool.query("update volley.message set field_values = null where id = $1", [ids[1]]);
  await bench.pool.query("update volley.message set recipient = '' where id = $1", [ids[2]]);
  await bench.pool.query("update volley.message set field_values = $2 where id = $1", [
    ...[ids[3], JSON.stringify(["x".repeat(200)])],
  ]);
  const { id, accepted, skipped, refusals } = await retry(of, { through: "short" });
  expect({ accepted, skipped }).toEqual({ accepted: 1, skipped: { ...none, suppressed: 1, refused: 3 } });
  expect(refusals).toEqual([
    { id: ids[1], reason: "Its text has been deleted." },
    { id: ids[2], reason: "Its number has been erased." },
    { id: ids[3], reason: "The text is longer than 1 segment." },
  ]);
  expect(await messagesOf(id)).toMatchObject([{ account: "short" }]);
  expect(await bench.ledger.campaigns.find(requireId(id))).toMatchObject({
    account: "short",
    suppressed: 1,
    invalid: 3,
  });

  const rest = await retry(of);
  expect(await messagesOf(rest.id), "measured again").toMatchObject([{ position: 5, segments: 2 }]);
  await expect(retry(of, { through: "nobody" })).rejects.toThrow(/no account is named "nobody"/);
  await expect(retry(of, { states: ["delivered"] })).rejects.toThrow(
    /Cannot retry messages that are delivered/,
  );
  await expect(retry(createCampaignId(Date.now()))).rejects.toThrow(/There is no campaign/);
});

it.each<[what: string, request: RetryRequest, positions: number[]]>([
  ["a state", { states: ["rejected"] }, [2]],
  ["reasons", { reasons: ["absent", "blocked"] }, [2, 3]],
  ["the account that failed it", { account: "spare" }, [4]],
  ["a beginning", { since: new Date(Date.now() - 60_000) }, [2, 3, 4]],
  ["an end", { until: new Date(Date.now() - 60_000) }, [5]],
])("a filter by %s takes those alone", async (_what, request, positions) => {
  const of = await finished([["rejected", "blocked"], ["undelivered", "absent"], ["failed"], ["failed"]]);
  const ids = (await messagesOf(of)).map((message) => message.id);
  await bench.pool.query("update volley.message set account = 'spare' where id = $1", [ids[2]]);
  await bench.pool.query("update volley.message set changed_at = now() - interval '1 h' where id = $1", [
    ids[3],
  ]);
  expect(await positionsOf((await retry(of, request)).id)).toEqual(positions);
});

it("a retry whose process died is discarded by the next one, which retries everybody once", async () => {
  const of = await finished(Array.from({ length: 40 }, () => ["failed"] as const));
  const died = createCampaignId(Date.now());
  await bench.ledger.retries.openDraft(of, { id: died, name: "died", account: null });
  const some = (await messagesOf(of)).slice(0, 15);
  const part: RetryChunk = {
    ...{ campaignId: died, accounts: ["main"], class: "marketing", sender: "Acme", zones: [] },
    messages: some.map(({ id, to }) => ({ failedId: id, id: recipientMessageId(died, to), segments: 1 })),
    includeUnknown: false,
  };
  expect(await bench.ledger.retries.add(part)).toMatchObject({ accepted: 15 });

  const meanwhile = await retry(of);
  expect(meanwhile, "while it may be alive").toMatchObject({ accepted: 25, skipped: { alreadyRetried: 15 } });
  await bench.pool.query("update volley.campaign set filling_until = now() - interval '1 s' where id = $1", [
    died,
  ]);
  const after = await retry(of);
  expect(after).toMatchObject({ accepted: 15, skipped: { alreadyRetried: 25 } });
  expect(await bench.ledger.campaigns.find(died)).toBeNull();
  await expect(bench.ledger.retries.add(part), "should it wake up").rejects.toMatchObject({
    code: "state_conflict",
  });
  const people = [...(await messagesOf(meanwhile.id)), ...(await messagesOf(after.id))].map(({ to }) => to);
  expect(new Set(people).size).toBe(40);
  expect(people).toHaveLength(40);
  await audit(bench, requireId(after.id));
});

async function addSingle(index: number, end: End): Promise<MessageId> {
  const id = createMessageId(Date.now());
  await bench.ledger.chunks.add({
    ...{ campaignId: null, accounts: ["main"], class: "transactional", sender: null, state: "released" },
    messages: [
      { id, to: number(index), position: 0, segments: 1, text: sensitive(`code ${index}`), values: null },
    ],
  });
  await moveTo([id], end);
  return id;
}

it("single messages are retried as single ones, in released chunks, and campaigns' messages are not among them", async () => {
  await finished([["failed"]]);
  const failed = [await addSingle(1, ["failed"]), await addSingle(2, ["expired"])];
  await addSingle(3, ["unknown"]);
  await addSingle(4, ["delivered"]);
  const since = new Date(Date.now() - 60_000);
  const request = { since, through: "spare" };
  const all = await Promise.all(Array.from({ length: 5 }, () => retryMessages(bench, request, rules)));
  expect(all.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(2);
  const chunks = all.flatMap((one) => one.chunks);
  expect(await bench.ledger.chunks.due(10)).toEqual(expect.arrayContaining(chunks));
  const loaded = await Promise.all(chunks.map(({ id }) => bench.ledger.chunks.load(id)));
  expect(
    loaded
      .flat()
      .map(({ text }) => text?.reveal())
      .toSorted(),
  ).toEqual(["code 1", "code 2"]);

  const retries = loaded.flat().map(({ id }) => id);
  await moveTo(retries, ["undelivered"]);
  const again = await retryMessages(bench, { since }, rules);
  expect(again).toMatchObject({ accepted: 2, skipped: { alreadyRetried: 2, mayHaveBeenSent: 1 } });
  const { rows } = await bench.pool.query<{ retry_of: MessageId }>(
    "select distinct retry_of from volley.message where retry_of is not null",
  );
  expect(rows.map((row) => row.retry_of).toSorted()).toEqual(failed.toSorted());
});

it("a deleted campaign leaves nothing of itself behind, and one that runs is refused", async () => {
  const of = await finished(Array.from({ length: 30 }, () => ["unknown"] as const));
  const kept = await finished([["failed"]]);
  const id = requireId((await retry(of, { includeUnknown: true })).id);
  expect(await bench.ledger.campaigns.delete(id)).toEqual({ ok: false, state: "running" });
  expect(await bench.ledger.campaigns.finishIfDone(of), "no unknown of it is to be settled").toBe(true);
  expect(await bench.ledger.campaigns.delete(of)).toEqual({ ok: true, messages: 30 });
  expect(await bench.ledger.campaigns.delete(of)).toBeNull();
  for (const table of ["message", "chunk", "attempt"]) {
    const { rows } = await bench.pool.query(`select count(*)::int as count from volley.${table}`);
    expect(rows, table).toEqual([{ count: { message: 31, chunk: 2, attempt: 0 }[table] }]);
  }
  await audit(bench, kept);
});

it("a retry that was deleted before it left frees its messages for another one; one that left is remembered", async () => {
  const of = await finished([["failed"], ["failed"]]);
  const first = requireId((await retry(of)).id);
  await endAll(first, [["delivered"], ["cancelled"]]);
  await bench.pool.query("update volley.message set call_id = null where state = 'cancelled'");
  expect(await bench.ledger.campaigns.delete(first)).toEqual({ ok: true, messages: 2 });
  expect(await retry(of)).toMatchObject({ accepted: 1, skipped: { alreadyRetried: 1 } });
});
