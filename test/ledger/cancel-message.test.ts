// One message taken back: counted once, never after it was opened, and its chunk holds up nobody.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createCallId, createCampaignId, createMessageId, recipientMessageId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const HOUR_MS = 3_600_000;
const cancel = (id: MessageId) => bench.ledger.messages.cancel(id);

async function singleTo(dueInMs: number | null): Promise<MessageId> {
  const id = createMessageId(Date.now());
  await bench.ledger.chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "reminder",
    sender: null,
    state: "released",
    messages: [
      {
        ...{ id, to: phone(900), position: 0, segments: 1, text: sensitive("Hello"), values: null },
        dueAt: dueInMs === null ? undefined : new Date(Date.now() + dueInMs),
      },
    ],
  });
  return id;
}

async function chunkOf(id: MessageId) {
  const { rows } = await bench.pool.query(
    "select c.state, c.done_at from volley.chunk c join volley.message m on m.chunk_id = c.id where m.id = $1",
    [id],
  );
  return rows[0];
}

it("of a campaign: the counts are right, and the others are sent", async () => {
  const { id, chunkId } = await addCampaign(bench, { recipients: 3 });
  const [first, ...others] = [0, 1, 2].map((index) => recipientMessageId(id, phone(index)));
  expect(await cancel(first as MessageId)).toEqual({ ok: true });
  expect(await bench.ledger.campaigns.counts(id)).toEqual({ queued: 2, cancelled: 1 });
  expect((await chunkOf(first as MessageId)).state).toBe("released");
  await claim(bench, chunkId);
  expect((await bench.ledger.chunks.load(chunkId)).map((one) => one.id)).toEqual(others);
  await audit(bench, id);
});

it("a second time it is too late, and says so", async () => {
  const id = await singleTo(null);
  const ends = await Promise.all(Array.from({ length: 10 }, () => cancel(id)));
  expect(ends.filter((end) => end?.ok === true)).toHaveLength(1);
  expect(await cancel(id)).toEqual({ ok: false, state: "cancelled" });
  expect(await cancel(createMessageId(Date.now()))).toBeNull();
});

it("an opening that comes first wins, and whoever takes back waits for it", async () => {
  const { id, chunkId } = await addCampaign(bench, { recipients: 2 });
  const messageId = recipientMessageId(id, phone(0));
  const chunk = await claim(bench, chunkId);
  const callId = createCallId(chunkId);
  const opening = { messageId, chunkId, lease: chunk?.lease ?? "", callId, account: "main" };
  const [opened, end] = await Promise.all([bench.ledger.attempts.open([opening]), cancel(messageId)]);
  const isOpen = opened[0] !== null;
  const { state } = (await bench.ledger.messages.find(messageId)) ?? {};
  // Whoever was first: exactly one of the two had it.
  expect(end).toEqual(isOpen ? { ok: false, state: "sending" } : { ok: true });
  expect(state).toBe(isOpen ? "sending" : "cancelled");

  const other = { ...opening, messageId: recipientMessageId(id, phone(1)) };
  expect(await bench.ledger.attempts.open([other])).not.toContain(null);
  expect(await cancel(other.messageId)).toEqual({ ok: false, state: "sending" });
  await audit(bench, id);
});

it("once it is taken back, nothing opens it", async () => {
  const { id, chunkId } = await addCampaign(bench, { recipients: 1 });
  const messageId = recipientMessageId(id, phone(0));
  const chunk = await claim(bench, chunkId);
  await cancel(messageId);
  const opening = { messageId, chunkId, lease: chunk?.lease ?? "", callId: createCallId(chunkId) };
  expect(await bench.ledger.attempts.open([{ ...opening, account: "main" }])).toEqual([null]);
  await audit(bench, id);
});

it("a scheduled one, and its chunk does not wait for a time at which nothing is sent", async () => {
  const id = await singleTo(HOUR_MS);
  expect((await chunkOf(id)).state).toBe("waiting");
  expect(await cancel(id)).toEqual({ ok: true });
  expect(await bench.ledger.messages.find(id)).toMatchObject({ state: "cancelled", dueAt: null });
  expect(await chunkOf(id)).toEqual({ state: "done", done_at: expect.any(Date) });
});

it("the last ones of a campaign: it is finished, though its chunk was due next year", async () => {
  const id = createCampaignId(Date.now());
  await bench.ledger.campaigns.createDraft({
    ...{ id, name: "test", class: "marketing", template: "Hello" },
    ...{ sender: null, account: null, sendAt: null, timeZone: null },
  });
  const ids = [0, 1].map((index) => recipientMessageId(id, phone(index)));
  await bench.ledger.chunks.add({
    ...{ campaignId: id, accounts: ["main"], class: "marketing", sender: null, state: "waiting" },
    messages: ids.map((messageId, index) => ({
      ...{ id: messageId, to: phone(index), position: index, segments: 1, text: null, values: [] },
      dueAt: new Date(Date.now() + 300 * 24 * HOUR_MS),
    })),
  });
  expect(await cancel(ids[0] as MessageId)).toEqual({ ok: false, state: "scheduled" });
  await bench.ledger.campaigns.start(id, null);
  await cancel(ids[0] as MessageId);
  expect(await bench.ledger.campaigns.finishIfDone(id)).toBe(false);
  await cancel(ids[1] as MessageId);
  expect(await bench.ledger.campaigns.finishIfDone(id)).toBe(true);
  expect(await bench.ledger.campaigns.counts(id)).toEqual({ cancelled: 2 });
  await audit(bench, id);
});

it("a chunk that a worker holds is his to close", async () => {
  const { id, chunkId } = await addCampaign(bench, { recipients: 1 });
  const messageId = recipientMessageId(id, phone(0));
  const chunk = await claim(bench, chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  await cancel(messageId);
  expect((await chunkOf(messageId)).state).toBe("released");
  expect(await bench.ledger.chunks.finish(chunk, 60_000)).toEqual({ state: "done" });
  expect(await bench.ledger.campaigns.finishIfDone(id)).toBe(true);
  await audit(bench, id);
});

it("one that moves into another chunk at the same moment is taken back there", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => singleTo(HOUR_MS)));
  await bench.pool.query(
    "update volley.chunk set due_at = now() where state = 'waiting' and campaign_id is null",
  );
  const [, ...ends] = await Promise.all([bench.ledger.chunks.releaseDue(1_000), ...ids.map(cancel)]);
  expect(ends).toEqual(ids.map(() => ({ ok: true })));
});
