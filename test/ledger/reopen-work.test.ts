// Messages that go back to queued while others call their chunk, or their campaign, done.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { createCallId } from "../../src/domain/ids.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { cross } from "../support/crossing.ts";
import { addCampaign, claim, type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

/** A claimed chunk of one message, whose only attempt ended `unknown` and is due to be settled. */
async function setup() {
  const { ledger, pool } = bench;
  const { id, chunkId } = await addCampaign(bench, { recipients: 1, messageClass: "transactional" });
  const chunk = await claim(bench, chunkId);
  const [message] = await ledger.chunks.load(chunkId);
  if (chunk === null || message === undefined) throw new Error("there is no chunk to work on");
  const callId = createCallId(chunkId);
  const opening = { messageId: message.id, chunkId, lease: chunk.lease, callId, account: "main" };
  await ledger.attempts.open([opening]);
  const outcome = { kind: "unknown", reason: "timeout" } as const;
  await ledger.attempts.record([{ messageId: message.id, callId, outcome, retryInMs: 0, settleInMs: 0 }]);
  const [due] = await ledger.unknowns.takeDue({ limit: 10, againInMs: 60_000 });
  if (due === undefined) throw new Error("no unknown is due");
  const settle = () =>
    ledger.unknowns.settle([{ ...due, as: "resent", providerMessageId: null, reason: null }]);
  return { ledger, pool, id, chunkId, chunk, settle };
}

async function states(id: CampaignId, chunkId: ChunkId) {
  const { rows } = await bench.pool.query<{ chunk: string; campaign: string; message: string }>(
    `select c.state as chunk, k.state as campaign, m.state as message
     from volley.chunk c join volley.campaign k on k.id = c.campaign_id join volley.message m on m.chunk_id = c.id
     where c.id = $1 and k.id = $2`,
    [chunkId, id],
  );
  return rows[0];
}

const AT_WORK = { chunk: "released", campaign: "running", message: "queued" };

it("a chunk that is finished while one of its unknowns is settled goes on with that message", async () => {
  const { ledger, pool, id, chunkId, chunk, settle } = await setup();
  await cross(pool, { table: "campaign", id }, settle, () => ledger.chunks.finish(chunk, 60_000));
  expect(await states(id, chunkId)).toEqual(AT_WORK);
});

it("a campaign that is finished while one of its unknowns is settled runs on", async () => {
  const { ledger, pool, id, chunkId, chunk, settle } = await setup();
  await ledger.chunks.finish(chunk, 60_000);
  await cross(pool, { table: "campaign", id }, settle, () => ledger.campaigns.finishIfDone(id));
  expect(await states(id, chunkId)).toEqual(AT_WORK);
});

it("an outcome that comes after its campaign was finished, and says not sent, makes it run again", async () => {
  const { ledger, pool, id, chunkId, chunk } = await setup();
  await ledger.chunks.finish(chunk, 60_000);
  await pool.query("update volley.attempt set settle_at = null where campaign_id = $1", [id]);
  expect(await ledger.campaigns.finishIfDone(id)).toBe(true);
  const { rows } = await pool.query("select id, call_id from volley.message where chunk_id = $1", [chunkId]);
  const outcome = { kind: "later", reason: "connect-refused", usesTry: true } as const;
  await ledger.attempts.record([
    { messageId: rows[0].id, callId: rows[0].call_id, outcome, retryInMs: 0, settleInMs: null },
  ]);
  expect(await states(id, chunkId)).toEqual(AT_WORK);
});
