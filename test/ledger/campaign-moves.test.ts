// A campaign's moves on a real database: what it takes to start, to wait for its time, to stop and to end.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createCallId, createCampaignId, recipientMessageId } from "../../src/domain/ids.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const HOUR_MS = 3_600_000;

function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

async function addDraft(): Promise<CampaignId> {
  const id = createCampaignId(Date.now());
  await bench.ledger.campaigns.createDraft({
    id,
    name: "test",
    class: "marketing",
    sender: null,
    account: null,
    sendAt: null,
    timeZone: null,
    template: "Hello",
  });
  return id;
}

/** Messages for phone(from), phone(from + 1) ...; `dueAt` of each by its place. */
function addPeople(
  id: CampaignId,
  { from = 0, count, dueAt }: { from?: number; count: number; dueAt?: (index: number) => Date | undefined },
) {
  return bench.ledger.chunks.add({
    campaignId: id,
    accounts: ["main"],
    class: "marketing",
    sender: null,
    state: "waiting",
    messages: Array.from({ length: count }, (_, index) => ({
      id: recipientMessageId(id, phone(from + index)),
      to: phone(from + index),
      position: index + 2,
      segments: 1,
      text: null,
      values: [],
      dueAt: dueAt?.(index),
    })),
  });
}

async function stateOf(id: CampaignId) {
  return (await bench.ledger.campaigns.find(id))?.state;
}

it("a draft without recipients does not start, and one that runs does not start again", async () => {
  const { campaigns } = bench.ledger;
  const id = await addDraft();
  expect(await campaigns.start(id, null)).toBe("empty");
  await addPeople(id, { count: 3 });
  expect(await campaigns.start(id, null)).toEqual({ ok: true, state: "running" });
  expect(await campaigns.start(id, null)).toEqual({ ok: false, state: "running" });
  expect(await campaigns.start(createCampaignId(Date.now()), null)).toBeNull();
  await audit(bench, id);
});

it("a campaign that has started takes no more recipients", async () => {
  const id = await addDraft();
  await addPeople(id, { count: 1 });
  await bench.ledger.campaigns.start(id, null);
  await expect(addPeople(id, { from: 1, count: 1 })).rejects.toMatchObject({ code: "state_conflict" });
  expect((await bench.ledger.campaigns.find(id))?.total).toBe(1);
});

it("recipients that come while the campaign starts are in it, or are refused", async () => {
  const id = await addDraft();
  await addPeople(id, { count: 1 });
  const adds = Array.from({ length: 20 }, (_, index) =>
    addPeople(id, { from: 1 + index, count: 1 }).then(
      ({ accepted }) => accepted,
      () => 0,
    ),
  );
  const started = bench.ledger.campaigns.start(id, null);
  const accepted = (await Promise.all(adds)).reduce((sum, count) => sum + count, 1);
  await started;
  expect((await bench.ledger.campaigns.find(id))?.total).toBe(accepted);
  await audit(bench, id);
});

it("a scheduled campaign runs when its time has come, once for all who look", async () => {
  const { campaigns } = bench.ledger;
  const id = await addDraft();
  await addPeople(id, { count: 2 });
  expect(await campaigns.start(id, inMs(HOUR_MS))).toEqual({ ok: true, state: "scheduled" });
  expect(await campaigns.startDue(HOUR_MS)).not.toContain(id);
  await bench.pool.query("update volley.campaign set start_at = now() where id = $1", [id]);
  const found = await Promise.all([campaigns.startDue(HOUR_MS), campaigns.startDue(HOUR_MS)]);
  expect(found.flat().filter((one) => one === id)).toHaveLength(1);
  expect(await stateOf(id)).toBe("running");
  await audit(bench, id);
});

it("a scheduled campaign that nobody started for hours is paused, and says why", async () => {
  const { campaigns } = bench.ledger;
  const id = await addDraft();
  await addPeople(id, { count: 2 });
  await campaigns.start(id, inMs(HOUR_MS));
  await bench.pool.query("update volley.campaign set start_at = now() - interval '5 h' where id = $1", [id]);
  expect(await campaigns.startDue(4 * HOUR_MS)).not.toContain(id);
  expect(await campaigns.find(id)).toMatchObject({ state: "paused", reason: "missed-its-time" });
  expect(await campaigns.resume(id)).toEqual({ ok: true, state: "running" });
  expect((await campaigns.find(id))?.reason).toBeNull();
});

it("a scheduled campaign that was paused waits for its time again when it is resumed", async () => {
  const { campaigns } = bench.ledger;
  const id = await addDraft();
  await addPeople(id, { count: 1 });
  await campaigns.start(id, inMs(HOUR_MS));
  expect(await campaigns.pause(id)).toEqual({ ok: true, state: "paused" });
  expect(await campaigns.resume(id)).toEqual({ ok: true, state: "scheduled" });
});

it("messages with a time of their own leave when it has come, the others at once", async () => {
  const { campaigns, chunks, messages } = bench.ledger;
  const id = await addDraft();
  const { id: chunkId } = await addPeople(id, {
    count: 4,
    dueAt: (index) => (index < 2 ? inMs(HOUR_MS) : undefined),
  });
  if (chunkId === null) throw new Error("nobody was accepted");
  await campaigns.start(id, null);
  expect(await campaigns.counts(id)).toEqual({ scheduled: 2, queued: 2 });
  await chunks.release(id, 16);
  const first = await claim(bench, chunkId);
  expect(await chunks.load(chunkId)).toHaveLength(2);
  if (first === null) throw new Error("not claimed");
  await bench.pool.query(
    "update volley.message set due_at = now() where chunk_id = $1 and state = 'scheduled'",
    [chunkId],
  );
  await chunks.finish(first, 60_000);
  await claim(bench, chunkId);
  expect(await chunks.load(chunkId)).toHaveLength(4);
  expect(await campaigns.counts(id)).toEqual({ queued: 4 });
  expect(await messages.list({ campaign: id, state: "scheduled" }, { limit: 10 })).toEqual([]);
  await audit(bench, id);
});

it("a chunk of nothing but later messages is not released, and goes back to waiting when others hold it", async () => {
  const { campaigns, chunks } = bench.ledger;
  const id = await addDraft();
  const { id: chunkId } = await addPeople(id, { count: 2, dueAt: () => inMs(HOUR_MS) });
  if (chunkId === null) throw new Error("nobody was accepted");
  await campaigns.start(id, null);
  expect(await chunks.release(id, 16)).toEqual([]);
  await bench.pool.query("update volley.chunk set due_at = now() where id = $1", [chunkId]);
  expect(await chunks.release(id, 16)).toHaveLength(1);
  const held = await claim(bench, chunkId);
  if (held === null) throw new Error("not claimed");
  expect(await chunks.finish(held, 60_000)).toEqual({ state: "waiting" });
  expect(await chunks.release(id, 16)).toEqual([]);
  expect(await campaigns.finishIfDone(id)).toBe(false);
});

it("a cancelled campaign takes back what waits, lets end what is open, and is finished then", async () => {
  const { attempts, campaigns, chunks } = bench.ledger;
  const { id, chunkId } = await addCampaign(bench, { recipients: 5 });
  const held = await claim(bench, chunkId);
  const [message] = await chunks.load(chunkId);
  if (held === null || message === undefined) throw new Error("not claimed");
  const callId = createCallId(chunkId);
  await attempts.open([{ messageId: message.id, chunkId, lease: held.lease, callId, account: "main" }]);

  expect(await campaigns.cancel(id)).toEqual({ ok: true, state: "cancelled" });
  expect(await campaigns.cancelWaiting(id)).toBe(false);
  expect(await campaigns.counts(id)).toEqual({ queued: 4, sending: 1 });
  const outcome = { kind: "accepted", providerMessageId: "p1" } as const;
  await attempts.record([{ messageId: message.id, callId, outcome, retryInMs: 0, settleInMs: null }]);
  await chunks.finish(held, 60_000);
  expect(await campaigns.cancelling()).toContain(id);
  while (await campaigns.cancelWaiting(id));
  expect(await campaigns.counts(id)).toEqual({ accepted: 1, cancelled: 4 });
  expect(await campaigns.cancelling()).not.toContain(id);
  expect(await campaigns.resume(id)).toEqual({ ok: false, state: "cancelled" });
  await audit(bench, id);
});

it("an unknown of a cancelled campaign that proves not sent is taken back, too", async () => {
  const { attempts, campaigns, chunks, unknowns } = bench.ledger;
  const { id, chunkId } = await addCampaign(bench, { recipients: 1 });
  const held = await claim(bench, chunkId);
  const [message] = await chunks.load(chunkId);
  if (held === null || message === undefined) throw new Error("not claimed");
  const callId = createCallId(chunkId);
  await attempts.open([{ messageId: message.id, chunkId, lease: held.lease, callId, account: "main" }]);
  const outcome = { kind: "unknown", reason: "timeout" } as const;
  await attempts.record([{ messageId: message.id, callId, outcome, retryInMs: 0, settleInMs: 0 }]);
  await chunks.finish(held, 60_000);
  await campaigns.cancel(id);
  while (await campaigns.cancelWaiting(id));
  expect((await campaigns.find(id))?.finishedAt).not.toBeNull();

  const due = await unknowns.takeDue({ limit: 10, againInMs: 60_000 });
  await unknowns.settle(
    due.map((one) => ({ ...one, as: "absent", providerMessageId: null, reason: null }) as const),
  );
  expect(await campaigns.cancelling()).toContain(id);
  while (await campaigns.cancelWaiting(id));
  expect(await campaigns.counts(id)).toEqual({ cancelled: 1 });
  await audit(bench, id);
});

it("nothing is opened after quiet hours have begun, by the database's clock", async () => {
  const { attempts, chunks } = bench.ledger;
  const { chunkId } = await addCampaign(bench, { recipients: 2 });
  const held = await claim(bench, chunkId);
  const [one, other] = await chunks.load(chunkId);
  if (held === null || one === undefined || other === undefined) throw new Error("not claimed");
  const opening = { chunkId, lease: held.lease, callId: createCallId(chunkId), account: "main" };
  expect(
    await attempts.open([
      { ...opening, messageId: one.id, until: new Date(Date.now() - 1) },
      { ...opening, messageId: other.id, until: inMs(HOUR_MS) },
    ]),
  ).toEqual([null, "sending"]);
});

it("a chunk whose people sleep waits until they may be written to", async () => {
  const { chunks } = bench.ledger;
  const { id, chunkId } = await addCampaign(bench, { recipients: 2 });
  const held = await claim(bench, chunkId);
  if (held === null) throw new Error("not claimed");
  expect(await chunks.finish(held, 60_000, inMs(HOUR_MS))).toEqual({ state: "waiting" });
  expect(await chunks.release(id, 16)).toEqual([]);
});
