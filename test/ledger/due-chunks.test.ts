// Single messages that wait for their time: held in the ledger, released in due order and together.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { createCallId, createMessageId } from "../../src/domain/ids.ts";
import type { MessageClass, MessageId } from "../../src/domain/message.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";
import { claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(() => bench.pool.query("truncate volley.chunk, volley.message, volley.attempt"));

const HOUR_MS = 3_600_000;

async function schedule(
  index: number,
  chunk: { class?: MessageClass; sender?: string; accounts?: string[]; zones?: TimeZone[] } = {},
): Promise<{ id: MessageId; chunkId: ChunkId }> {
  const id = createMessageId(Date.now());
  const added = await bench.ledger.chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "reminder",
    sender: null,
    state: "released",
    ...chunk,
    messages: [
      {
        id,
        to: phone(index),
        position: 0,
        segments: 1,
        text: sensitive(`text ${index}`),
        values: null,
        dueAt: new Date(Date.now() + HOUR_MS),
      },
    ],
  });
  if (added.id === null) throw new Error("not accepted");
  expect(added).toMatchObject({ accepted: 1, scheduled: 1 });
  return { id, chunkId: added.id };
}

/** `ids` become due, one second after the other, in their order. */
async function passHour(ids: readonly ChunkId[]): Promise<void> {
  await bench.pool.query(
    `update volley.chunk c set due_at = now() - (1000 - g.place) * interval '1 s'
     from unnest($1::bigint[]) with ordinality as g (id, place) where c.id = g.id`,
    [ids],
  );
  await bench.pool.query(
    "update volley.message m set due_at = now() from volley.chunk c where c.id = m.chunk_id and c.due_at <= now()",
  );
}

async function textsOf(chunk: ChunkId): Promise<(string | undefined)[]> {
  await claim(bench, chunk);
  return (await bench.ledger.chunks.load(chunk)).map(({ text }) => text?.reveal());
}

it("what is not due stays, and nothing of it is in the queue's hands", async () => {
  await schedule(0);
  expect(await bench.ledger.chunks.releaseDue(100)).toEqual([]);
  expect(await bench.ledger.chunks.due(100)).toEqual([]);
});

it("what is due at once leaves as one chunk, and each message once", async () => {
  const all = await Promise.all(Array.from({ length: 30 }, (_, index) => schedule(index)));
  await passHour(all.map(({ chunkId }) => chunkId));
  const rounds = await Promise.all([1, 2, 3].map(() => bench.ledger.chunks.releaseDue(100)));
  const released = rounds.flat();
  const texts = (await Promise.all(released.map(({ id }) => textsOf(id)))).flat();
  expect(texts.toSorted()).toEqual(all.map((_, index) => `text ${index}`).toSorted());
  expect(released.length).toBeLessThan(30);
  const { rows } = await bench.pool.query("select count(*)::int as chunks from volley.chunk");
  expect(rows[0].chunks).toBe(released.length);
});

it("the earliest leave first", async () => {
  const all = [await schedule(0), await schedule(1), await schedule(2)];
  await passHour([2, 0, 1].map((at) => all[at]?.chunkId ?? ("0" as ChunkId)));
  const [first] = await bench.ledger.chunks.releaseDue(1);
  if (first === undefined) throw new Error("nothing was released");
  expect(await textsOf(first.id)).toEqual(["text 2"]);
});

it("messages that differ in account, class, sender or zone do not share a chunk", async () => {
  const zone = "Europe/Stockholm" as TimeZone;
  const all = [
    await schedule(0),
    await schedule(1, { accounts: ["spare"] }),
    await schedule(2, { class: "marketing" }),
    await schedule(3, { sender: "Acme" }),
    await schedule(4, { zones: [zone] }),
    await schedule(5, { accounts: ["main", "spare"] }),
  ];
  await passHour(all.map(({ chunkId }) => chunkId));
  const released = await bench.ledger.chunks.releaseDue(100);
  expect(released).toHaveLength(6);
  expect(released.map(({ account, class: ofClass }) => `${account} ${ofClass}`).toSorted()).toEqual([
    "main marketing",
    "main reminder",
    "main reminder",
    "main reminder",
    "main reminder",
    "spare reminder",
  ]);
});

it("a message that has been tried stays in its chunk, which our reference at the provider names", async () => {
  const { id, chunkId } = await schedule(0);
  const other = await schedule(1);
  await passHour([chunkId, other.chunkId]);
  await bench.pool.query("update volley.message set attempts = 1, call_id = $2 where id = $1", [
    id,
    createCallId(chunkId),
  ]);
  const released = await bench.ledger.chunks.releaseDue(100);
  expect(released.map((one) => one.id)).toContain(chunkId);
  expect(await textsOf(chunkId)).toEqual(["text 0"]);
});
