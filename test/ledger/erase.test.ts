// A person's erasure: after it no table holds the number, and everybody else's messages are as they were.

import { afterEach, beforeEach, expect, it } from "vitest";
import { createCallId, createCampaignId, createMessageId, recipientMessageId } from "../../src/domain/ids.ts";
import type { CampaignId, MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Report } from "../../src/domain/report.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { erasePerson } from "../../src/intake/erase-person.ts";
import {
  addCampaign,
  audit,
  claim,
  type LedgerBench,
  openLedgerBench,
  optOut,
  phone,
} from "../support/ledger.ts";

let bench: LedgerBench;
beforeEach(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.close());

const ME = phone(0);
const DIGITS = ME.slice(1);
const erase = () => erasePerson(bench, ME);

/** Tables in which any column of any row holds the digits; bytes are searched as text. */
async function tablesThatKnow(digits: string): Promise<string[]> {
  const { rows: tables } = await bench.pool.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'volley'::regnamespace and relkind in ('r', 'p')",
  );
  const knowing: string[] = [];
  for (const { name } of tables) {
    const { rows } = await bench.pool.query<{ text: string }>(`select t::text as text from volley.${name} t`);
    const holds = rows.some(
      ({ text }) => text.includes(digits) || text.includes(Buffer.from(digits).toString("hex")),
    );
    if (holds) knowing.push(name);
  }
  return knowing.sort();
}

/** A running campaign whose messages end in these ways; `null`: still waits. Mine is the first. */
async function campaignOf(outcomes: readonly (Outcome | null)[], settleInMs: number | null = null) {
  const { id, chunkId } = await addCampaign(bench, { recipients: outcomes.length });
  const chunk = await claim(bench, chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunkId)).map((message) => message.id);
  const callId = createCallId(chunkId);
  const tried = outcomes.flatMap((outcome, index) => {
    const messageId = ids[index];
    return outcome === null || messageId === undefined ? [] : [{ messageId, outcome }];
  });
  await bench.ledger.attempts.open(
    tried.map(({ messageId }) => ({ messageId, chunkId, lease: chunk.lease, callId, account: "main" })),
  );
  const record = () =>
    bench.ledger.attempts.record(
      tried.map(({ messageId, outcome }) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs })),
    );
  return { id, chunk, ids, callId, mine: ids[0] as MessageId, record };
}

const accepted: Outcome = { kind: "accepted", providerMessageId: `to-${DIGITS}` };
const unknown: Outcome = { kind: "unknown", reason: "reset" };

async function singleTo(to = ME, dueAt?: Date): Promise<MessageId> {
  const id = createMessageId(Date.now());
  await bench.ledger.chunks.add({
    ...{ campaignId: null, accounts: ["main"], class: "reminder", sender: null, state: "released" },
    messages: [
      {
        ...{ id, to, position: 0, segments: 1, values: null, dueAt },
        text: sensitive(`Call us about ${to}`),
        reference: `customer ${to}`,
        metadata: { phone: to },
      },
    ],
  });
  return id;
}

/** A provider's request with these reports; `body` is what stands in the inbox. */
async function bring(body: string, reports: readonly Report[]): Promise<void> {
  await bench.ledger.inbox.store({ account: "main", body: Buffer.from(body) });
  const [post] = await bench.ledger.inbox.take({ accounts: ["main"], limit: 1, leaseMs: 60_000 });
  if (post === undefined) throw new Error("the post is there");
  await bench.ledger.inbox.finish([{ id: post.id, account: "main", reports, unreadable: 0 }]);
  await bench.ledger.reports.join(100);
}

const reportOf = (about: Partial<Report["about"]>): Report => ({
  about: { messageId: null, callId: null, providerMessageId: null, to: null, ...about },
  ...{ state: "delivered", reason: "delivered", code: null, permanent: true, optedOut: false, at: null },
});

const stateOf = async (id: MessageId) => (await bench.ledger.messages.find(id))?.state;

it("leaves the number in no table, whatever held it, and other people as they were", async () => {
  const sent = await campaignOf([accepted, { kind: "accepted", providerMessageId: "p-1" }, unknown]);
  await sent.record();
  const waits = await campaignOf([null, null]);
  const later = await singleTo(ME, new Date(Date.now() + 86_400_000));
  await bring(`{"to":"${DIGITS}"}`, [reportOf({ messageId: sent.mine, to: ME })]);
  await bring(`to=%2B${DIGITS}`, [reportOf({ providerMessageId: "of-nobody", to: ME })]);
  await bring(`{"to":"${phone(1).slice(1)}"}`, []);
  await bench.ledger.suppressions.applyInbound("main", [
    {
      ...{ kind: "text", from: ME, to: null, at: null, providerMessageId: "i-1" },
      text: sensitive(`my number is ${ME}`),
    },
  ]);
  expect(await tablesThatKnow(DIGITS)).toContain("message");

  expect(await erase()).toMatchObject({ messages: 3, cancelled: 2, drafted: 0, posts: 2, inFlight: 0 });
  expect(await tablesThatKnow(DIGITS)).toEqual([]);
  expect(await tablesThatKnow(phone(1).slice(1))).toEqual(expect.arrayContaining(["inbox", "message"]));
  expect([await stateOf(sent.mine), await stateOf(waits.mine), await stateOf(later)]).toEqual([
    "delivered",
    "cancelled",
    "cancelled",
  ]);
  expect(await bench.ledger.campaigns.counts(waits.id)).toEqual({ cancelled: 1, queued: 1 });
  await audit(bench, sent.id);
  await audit(bench, waits.id);
  expect(await erase()).toMatchObject({ messages: 0, cancelled: 0, posts: 0 });
});

it("takes the person out of a draft, which starts with the others", async () => {
  const id = createCampaignId(Date.now());
  await bench.ledger.campaigns.createDraft({
    ...{ id, name: "draft", class: "marketing", sender: null, account: null, sendAt: null, timeZone: null },
    template: "Hello",
  });
  const upload = (people: readonly number[]) =>
    bench.ledger.chunks.add({
      ...{ campaignId: id, accounts: ["main"], class: "marketing", sender: null, state: "waiting" },
      messages: people.map((index) => ({
        ...{ id: recipientMessageId(id, phone(index)), to: phone(index), position: index, segments: 1 },
        ...{ text: null, values: [], dueAt: index === 2 ? new Date(Date.now() + 86_400_000) : undefined },
      })),
    });
  await upload([0, 1, 2]);
  await upload([0]);
  expect(await erase()).toMatchObject({ messages: 0, drafted: 1 });
  await bench.ledger.campaigns.start(id, null);
  expect(await bench.ledger.campaigns.counts(id)).toEqual({ queued: 1, scheduled: 1 });
  await audit(bench, id);
});

it("of a person who stood alone in a draft leaves no empty chunk behind", async () => {
  const { id } = await addCampaign(bench, { recipients: 1 });
  await bench.pool.query("update volley.campaign set state = 'draft'; delete from volley.campaign_count");
  expect(await erase()).toMatchObject({ drafted: 1 });
  const { rows } = await bench.pool.query("select from volley.chunk");
  expect(rows).toEqual([]);
  expect(await bench.ledger.campaigns.start(id, null)).toBe("empty");
});

it("waits for a message in flight: refused, with the rest erased, and complete a moment later", async () => {
  const flying = await campaignOf([accepted]);
  const other = await campaignOf([accepted]);
  await other.record();
  await expect(erase()).rejects.toMatchObject({
    code: "state_conflict",
    message: expect.stringMatching(/Try again in a minute/),
  });
  expect(await stateOf(flying.mine)).toBe("sending");
  expect((await bench.ledger.messages.list({ to: ME }, { limit: 5 })).map(({ id }) => id)).toEqual([
    flying.mine,
  ]);
  await flying.record();
  expect(await erase()).toMatchObject({ messages: 1, inFlight: 0 });
  expect(await tablesThatKnow(DIGITS)).toEqual([]);
  await audit(bench, flying.id);
});

it("leaves a provider's request that nobody has read yet to its reader, and says so", async () => {
  await bench.ledger.inbox.store({ account: "main", body: Buffer.from(`{"to":"${DIGITS}"}`) });
  await expect(erase()).rejects.toMatchObject({ details: { inFlight: 1 } });
  await bring("{}", []);
  const [post] = await bench.ledger.inbox.take({ accounts: ["main"], limit: 1, leaseMs: 60_000 });
  await bench.ledger.inbox.finish(
    post === undefined ? [] : [{ id: post.id, account: "main", reports: [], unreadable: 0 }],
  );
  expect(await erase()).toMatchObject({ posts: 1 });
});

it("keeps the person opted out, and the opt-out without its number", async () => {
  await bench.ledger.suppressions.add([optOut(ME)]);
  await erase();
  expect((await bench.ledger.suppressions.list({ limit: 5 }))?.optOuts).toMatchObject([{ number: null }]);
  expect(await bench.ledger.suppressions.has(ME)).toBe(true);
  await expect(addCampaign(bench, { recipients: 1 })).rejects.toThrow("kept nobody");
});

it("lets a file that comes again find its duplicates, the erased person among them", async () => {
  const { id, record } = await campaignOf([accepted, { kind: "accepted", providerMessageId: "p-1" }]);
  await record();
  await erase();
  await bench.pool.query("update volley.campaign set state = 'draft' where id = $1", [id]);
  const again = [0, 1, 2].map((index) => ({
    ...{ id: recipientMessageId(id, phone(index)), to: phone(index), position: index, segments: 1 },
    ...{ text: null, values: [] },
  }));
  const { accepted: fresh } = await bench.ledger.chunks.add({
    ...{ campaignId: id, accounts: ["main"], class: "marketing", sender: null, state: "waiting" },
    messages: again,
  });
  expect(fresh).toBe(1);
  expect(await tablesThatKnow(DIGITS)).toEqual([]);
});

it("ends the questions about an unknown: nobody is asked, and nothing of its call is sent again", async () => {
  const { id, callId, mine, record } = await campaignOf([unknown, unknown], 0);
  await record();
  await erase();
  const due = await bench.ledger.unknowns.takeDue({ limit: 10, againInMs: 0 });
  expect(due.map(({ to }) => to)).toEqual([phone(1)]);
  expect((await bench.ledger.unknowns.loadCall(callId))?.messages.map(({ to }) => to)).toEqual([phone(1)]);
  expect(await bench.ledger.unknowns.grantRepeat(callId)).toBe("never");
  expect(await bench.ledger.unknowns.resolve(mine, "resend")).toBe("no-content");
  expect(await stateOf(mine)).toBe("unknown");
  await audit(bench, id);
});

it("a report that comes later moves the message and brings no number back", async () => {
  const { mine, record } = await campaignOf([accepted]);
  await record();
  await erase();
  await bring("{}", [reportOf({ messageId: mine, to: ME })]);
  await bring("{}", [{ ...reportOf({ providerMessageId: "p", to: ME }), optedOut: true }]);
  expect(await stateOf(mine)).toBe("delivered");
  // The second one names nothing of ours; it is tried for a day.
  await bench.pool.query(
    "update volley.report set received_at = now() - interval '25 h', join_at = now() where joined_id is null",
  );
  await bench.ledger.reports.join(10);
  expect(await tablesThatKnow(DIGITS)).toEqual([]);
});

it("an erased person who opts out by a late report is opted out, without the number", async () => {
  const { mine, record } = await campaignOf([accepted]);
  await record();
  await erase();
  await bring("{}", [{ ...reportOf({ messageId: mine, to: ME }), state: "undelivered", optedOut: true }]);
  expect(await bench.ledger.suppressions.has(ME)).toBe(true);
  expect(await bench.ledger.suppressions.counts()).toEqual({ provider: 1 });
  expect(await tablesThatKnow(DIGITS)).toEqual([]);
});

it("an event of before says no number when it is delivered after it", async () => {
  const endpoint = await bench.ledger.endpoints.create({
    url: "https://example.org/hook",
    events: ["message.accepted"],
    secret: sensitive("a secret of the endpoint"),
  });
  if (endpoint === null) throw new Error("there is room for it");
  const sent = await campaignOf([accepted]);
  await sent.record();
  await erase();
  const taken = await bench.ledger.deliveries.take(endpoint.id, { limit: 10, leaseMs: 1000 });
  expect(taken.map(({ body }) => [body.type, body.data.to])).toEqual([["message.accepted", null]]);
});

it("an export shows neither number nor reference any more", async () => {
  const sent = await campaignOf([accepted]);
  await sent.record();
  await erase();
  const page = await bench.ledger.messages.exportPage(sent.id as CampaignId, { after: null, limit: 10 });
  expect(page.messages).toMatchObject([
    { to: "erased", reference: null, metadata: null, providerMessageId: null },
  ]);
});
