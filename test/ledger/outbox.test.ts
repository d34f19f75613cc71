// The outbox: an event stands exactly when the change that it tells of stands, and only if somebody wants it.

import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event.ts";
import { createCallId, createCampaignId, createMessageId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { ClaimedChunk } from "../../src/ledger/chunks.ts";
import { createWebhookSecret } from "../../src/webhooks/sign.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeEach(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.close());

async function listen(events: readonly EventType[] = eventTypes) {
  const endpoint = await bench.ledger.endpoints.create({
    url: "https://example.com/",
    events,
    secret: createWebhookSecret(),
  });
  if (endpoint === null) throw new Error("there is room for it");
  return endpoint.id;
}

type Written = { type: string; message_id: string | null; campaign_id: string | null; reason: string | null };

async function written(): Promise<Written[]> {
  const { rows } = await bench.pool.query<Written>(
    "select type, message_id, campaign_id, reason from volley.event order by seq",
  );
  return rows;
}

const typesOf = async () => (await written()).map(({ type }) => type);

async function countDeliveries(): Promise<number> {
  const { rows } = await bench.pool.query<{ count: string }>("select count(*) from volley.delivery");
  return Number(rows[0]?.count);
}

async function claimed(recipients: number) {
  const campaign = await addCampaign(bench, { recipients });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunk.id)).map(({ id }) => id);
  return { campaign, chunk, ids };
}

async function send(
  chunk: ClaimedChunk,
  ids: readonly MessageId[],
  outcome: Outcome,
  settleInMs: number | null = null,
) {
  const callId = createCallId(chunk.id);
  await bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
  const record = () =>
    bench.ledger.attempts.record(
      ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs })),
    );
  return { callId, record };
}

const accepted: Outcome = { kind: "accepted", providerMessageId: "p-1" };

it("nothing is written while nobody listens, or only to other events", async () => {
  const first = await claimed(3);
  await (await send(first.chunk, first.ids, accepted)).record();
  expect(await written()).toEqual([]);
  await listen(["message.delivered"]);
  const second = await claimed(3);
  await (await send(second.chunk, second.ids, accepted)).record();
  expect(await written()).toEqual([]);
  expect(await countDeliveries()).toBe(0);
});

it("a campaign from its start to its end, with how each message ended", async () => {
  await listen();
  const { campaign, chunk, ids } = await claimed(4);
  const [one = "", two = "", three = "", four = ""] = ids;
  const outcomes: [string, Outcome][] = [
    [one, accepted],
    [two, { kind: "rejected", reason: "unknown-number" }],
    [three, { kind: "unknown", reason: "reset" }],
  ];
  for (const [id, outcome] of outcomes) await (await send(chunk, [id as MessageId], outcome)).record();
  await bench.pool.query("update volley.message set expires_at = now() - interval '1 s' where id = $1", [
    four,
  ]);
  await send(chunk, [four as MessageId], accepted);
  await bench.ledger.chunks.finish(chunk, 1000);
  expect(await bench.ledger.campaigns.finishIfDone(campaign.id)).toBe(true);

  const of = { campaign_id: campaign.id };
  expect(await written()).toEqual([
    { ...of, type: "campaign.started", message_id: null, reason: null },
    { ...of, type: "message.accepted", message_id: one, reason: null },
    { ...of, type: "message.rejected", message_id: two, reason: "unknown-number" },
    { ...of, type: "message.unknown", message_id: three, reason: "reset" },
    { ...of, type: "message.expired", message_id: four, reason: null },
    { ...of, type: "campaign.completed", message_id: null, reason: null },
  ]);
  expect(await countDeliveries()).toBe(6);
  await audit(bench, campaign.id);
});

it("a retry is no event; the message's end is", async () => {
  await listen();
  const { chunk, ids } = await claimed(1);
  const later: Outcome = { kind: "later", reason: "connect-refused", usesTry: true };
  for (let attempt = 1; attempt <= 4; attempt++) await (await send(chunk, ids, later)).record();
  expect(await typesOf()).toEqual(["campaign.started", "message.failed"]);
});

it("a lost worker's message is unknown, and what settles it is the next event", async () => {
  await listen();
  const { campaign, chunk, ids } = await claimed(1);
  const call = await send(chunk, ids, accepted);
  await bench.pool.query("update volley.chunk set lease_until = now() - interval '1 s'");
  await claim(bench, campaign.chunkId);
  await call.record();
  expect((await written()).slice(1).map(({ type, reason }) => [type, reason])).toEqual([
    ["message.unknown", "worker-lost"],
    ["message.accepted", null],
  ]);
});

it("an unknown that a look-up settles is an event", async () => {
  await listen();
  const { chunk, ids } = await claimed(1);
  await (await send(chunk, ids, { kind: "unknown", reason: "reset" }, 0)).record();
  const [due] = await bench.ledger.unknowns.takeDue({ limit: 1, againInMs: 1000 });
  if (due === undefined) throw new Error("it is due at once");
  await bench.ledger.unknowns.settle([{ ...due, as: "accepted", providerMessageId: "p", reason: null }]);
  expect(await typesOf()).toEqual(["campaign.started", "message.unknown", "message.accepted"]);
});

it("an opt-out is an event, and so is each message that it takes back; the outbox holds no number", async () => {
  await listen();
  await addCampaign(bench, { recipients: 2 });
  const optOut = { number: phone(0), reason: "wrote-stop", source: "inbound", at: null } as const;
  await bench.ledger.suppressions.add([optOut]);
  await bench.ledger.suppressions.add([optOut]);
  expect(await typesOf()).toEqual(["campaign.started", "recipient.opted_out", "message.suppressed"]);
  const { rows } = await bench.pool.query<{ row: string }>("select e::text as row from volley.event e");
  expect(rows.map(({ row }) => row).join("\n")).not.toContain(phone(0).slice(1));
});

it("what somebody wrote to us is an event once, however often it is delivered", async () => {
  const id = await listen(["inbound.received"]);
  const inbound = {
    kind: "text",
    from: phone(1),
    to: "72345",
    text: sensitive("hello"),
    providerMessageId: "in-1",
    at: null,
  } as const;
  await bench.ledger.suppressions.applyInbound("main", [inbound]);
  await bench.ledger.suppressions.applyInbound("main", [inbound]);
  const [taken, ...others] = await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 });
  expect(others).toEqual([]);
  expect(taken?.body).toMatchObject({
    type: "inbound.received",
    data: { account: "main", from: phone(1), to: "72345", text: "hello", keyword: "none" },
  });
});

it("a change that is rolled back leaves no event", async () => {
  await listen();
  const { campaign, chunk, ids } = await claimed(2);
  const call = await send(chunk, ids, accepted);
  // The counts are written last; when they cannot be, nothing of the statement stands.
  await bench.pool.query(`
    alter table volley.campaign_count add constraint broken check (state <> 'accepted')
  `);
  await expect(call.record()).rejects.toThrow();
  expect(await typesOf()).toEqual(["campaign.started"]);
  await bench.pool.query("alter table volley.campaign_count drop constraint broken");
  await call.record();
  expect(await typesOf()).toEqual(["campaign.started", "message.accepted", "message.accepted"]);
  expect(await countDeliveries()).toBe(3);
  await audit(bench, campaign.id);
});

it("an event that cannot be written holds its change back", async () => {
  await listen();
  const { campaign, chunk, ids } = await claimed(1);
  const call = await send(chunk, ids, accepted);
  await bench.pool.query("alter table volley.event add constraint broken check (type = 'campaign.started')");
  await expect(call.record()).rejects.toThrow();
  expect(await bench.ledger.campaigns.counts(campaign.id)).toEqual({ sending: 1 });
});

it("a delivery report is an event once, with the provider's code; an opt-out that it brings, too", async () => {
  const id = await listen(["message.delivered", "message.undelivered", "recipient.opted_out"]);
  const { campaign, chunk, ids } = await claimed(2);
  const call = await send(chunk, ids, accepted);
  await call.record();
  const report = {
    state: "delivered",
    reason: "delivered",
    code: "0",
    permanent: true,
    optedOut: false,
    at: null,
  } as const;
  const about = { messageId: null, callId: call.callId, providerMessageId: null };
  const undelivered = {
    ...report,
    state: "undelivered",
    reason: "opted-out",
    code: "402",
    optedOut: true,
  } as const;
  const reports = [
    { ...report, about: { ...about, to: phone(0) } },
    { ...undelivered, about: { ...about, to: phone(1) } },
  ];
  for (let time = 0; time < 2; time++) {
    await bench.ledger.inbox.store({ account: "main", body: Buffer.from("{}") });
    const posts = await bench.ledger.inbox.take({ accounts: ["main"], limit: 10, leaseMs: 60_000 });
    await bench.ledger.inbox.finish(
      posts.map((post) => ({ id: post.id, account: "main", reports, unreadable: 0 })),
    );
    await bench.ledger.reports.join(100);
  }
  const taken = await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 });
  const bodies = taken.map(({ body }) => body);
  expect(bodies).toHaveLength(3);
  const of = { campaign: campaign.id };
  expect(bodies).toContainEqual(
    expect.objectContaining({
      type: "message.delivered",
      data: expect.objectContaining({ ...of, to: phone(0), state: "delivered", reason: null, code: "0" }),
    }),
  );
  expect(bodies).toContainEqual(
    expect.objectContaining({
      type: "message.undelivered",
      data: expect.objectContaining({
        ...of,
        to: phone(1),
        state: "undelivered",
        reason: "opted-out",
        code: "402",
      }),
    }),
  );
  expect(bodies).toContainEqual(
    expect.objectContaining({
      type: "recipient.opted_out",
      data: { number: phone(1), reason: "opted-out", source: "provider" },
    }),
  );
  await audit(bench, campaign.id);
});

it("a disabled endpoint gets nothing, but its events are there for a replay", async () => {
  const id = await listen(["message.accepted"]);
  await bench.ledger.endpoints.disable(id, "failing");
  const { chunk, ids } = await claimed(2);
  await (await send(chunk, ids, accepted)).record();
  expect(await countDeliveries()).toBe(0);
  await bench.ledger.endpoints.update(id, { enabled: true });
  expect(await bench.ledger.events.replay(id, new Date(Date.now() - 60_000))).toBe(2);
  expect(await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 })).toHaveLength(2);
});

it("a message's event says what became of it, and nothing that has been erased since", async () => {
  const id = await listen(["message.accepted"]);
  const { campaign, chunk, ids } = await claimed(1);
  await (await send(chunk, ids, accepted)).record();
  const [first] = await bench.ledger.deliveries.take(id, { limit: 1, leaseMs: 0 });
  expect(first?.body.timestamp).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/);
  expect(first?.body.type).toBe("message.accepted");
  expect(first?.body.data).toEqual({
    id: ids[0],
    campaign: campaign.id,
    to: phone(0),
    state: "accepted",
    reason: null,
    account: "main",
    code: null,
    segments: 1,
    attempts: 1,
  });
  await bench.pool.query("delete from volley.message");
  const [again] = await bench.ledger.deliveries.take(id, { limit: 1, leaseMs: 0 });
  expect(again?.body.data).toMatchObject({ id: ids[0], state: "accepted", to: null });
  expect(again?.eventId).toBe(first?.eventId);
});

it("a campaign's event says what was sent", async () => {
  const id = await listen(["campaign.started", "campaign.completed"]);
  const { campaign, chunk, ids } = await claimed(2);
  await (await send(chunk, ids, accepted)).record();
  await bench.ledger.chunks.finish(chunk, 1000);
  await bench.ledger.campaigns.finishIfDone(campaign.id);
  const [started] = await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 });
  expect(started?.body).toMatchObject({
    type: "campaign.started",
    data: { id: campaign.id, name: "test", class: "marketing", state: "running", total: 2 },
  });
  if (started === undefined) throw new Error("it was taken");
  await bench.ledger.deliveries.record({
    ...started,
    delivered: true,
    status: 200,
    reason: null,
    againInMs: null,
  });
  const [completed] = await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 });
  expect(completed?.body).toMatchObject({
    type: "campaign.completed",
    data: { id: campaign.id, state: "completed", total: 2, counts: { accepted: 2 } },
  });
});

it("a campaign that first runs when it is resumed says that it started, and says so once", async () => {
  const id = await listen(["campaign.started"]);
  const { campaign } = await claimed(1);
  await bench.pool.query("delete from volley.delivery");
  await bench.pool.query(
    "update volley.campaign set state = 'paused', started_at = null, start_at = now() where id = $1",
    [campaign.id],
  );
  for (let round = 0; round < 2; round += 1) {
    expect(await bench.ledger.campaigns.resume(campaign.id)).toEqual({ ok: true, state: "running" });
    await bench.ledger.campaigns.pause(campaign.id);
  }
  expect(await bench.ledger.campaigns.resume(createCampaignId(1))).toBeNull();
  const started = await bench.ledger.deliveries.take(id, { limit: 10, leaseMs: 1000 });
  expect(started.map(({ body }) => body)).toMatchObject([
    { type: "campaign.started", data: { id: campaign.id, state: "running" } },
  ]);
});

it("old events are forgotten with their deliveries, and only they", async () => {
  await listen();
  const { chunk, ids } = await claimed(2);
  await (await send(chunk, ids, accepted)).record();
  await bench.pool.query(
    "update volley.event set created_at = now() - interval '31 days' where type like 'campaign.%'",
  );
  const olderThanMs = 30 * 86_400_000;
  expect(await bench.ledger.events.prune({ olderThanMs, limit: 100 })).toBe(1);
  expect(await bench.ledger.events.prune({ olderThanMs, limit: 100 })).toBe(0);
  expect(await typesOf()).toEqual(["message.accepted", "message.accepted"]);
  expect(await countDeliveries()).toBe(2);
});

it("a single message's events name no campaign", async () => {
  await listen();
  const id = createMessageId(Date.now());
  const { id: chunkId } = await bench.ledger.chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "transactional",
    sender: null,
    state: "released",
    messages: [{ id, to: phone(1), position: 0, segments: 1, text: sensitive("hi"), values: null }],
  });
  if (chunkId === null) throw new Error("it holds one message");
  const chunk = await bench.ledger.chunks.claim(chunkId, {
    lease: randomUUID(),
    leaseMs: 60_000,
    settleInMs: { transactional: null, reminder: null, marketing: null },
  });
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  await (await send(chunk, [id], accepted)).record();
  expect(await written()).toEqual([
    { type: "message.accepted", message_id: id, campaign_id: null, reason: null },
  ]);
});
