// Failover in the ledger: what may go on through another account, and what never does.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { ClaimedChunk } from "../../src/ledger/chunks.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

async function setup(recipients: number) {
  const campaign = await addCampaign(bench, { recipients, accounts: ["main", "spare"] });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunk.id)).map((message) => message.id);
  return { campaign, chunk, ids };
}

async function attempt(chunk: ClaimedChunk, ids: readonly MessageId[], outcome: Outcome) {
  const callId = createCallId(chunk.id);
  const account = chunk.account;
  await bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account })),
  );
  await bench.ledger.attempts.record(
    ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs: 0 })),
  );
}

const refused: Outcome = { kind: "later", reason: "connect-refused", usesTry: true };
const put: Outcome = { kind: "later", reason: "throttled", usesTry: false };
const unknown: Outcome = { kind: "unknown", reason: "reset" };

const idsOf = async (chunk: ClaimedChunk | null) =>
  chunk === null ? [] : (await bench.ledger.chunks.load(chunk.id)).map(({ id }) => id);

it("moves all that waits to the next account, with the tries it has used, and the old chunk is done", async () => {
  const { campaign, chunk, ids } = await setup(5);
  await attempt(chunk, ids.slice(0, 2), refused);
  const moved = await bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: false });
  expect(moved).toMatchObject({ account: "spare", class: "marketing" });
  expect(await bench.ledger.chunks.finish(chunk, 60_000)).toEqual({ state: "done" });
  const fresh = moved === null ? null : await claim(bench, moved.id);
  expect(fresh).toMatchObject({ account: "spare", accounts: ["main", "spare"], campaignId: campaign.id });
  expect(await idsOf(fresh)).toEqual(ids);
  const { rows } = await bench.pool.query(
    "select attempts from volley.message where id = any($1) order by position",
    [ids],
  );
  expect(rows.map((row) => row.attempts)).toEqual([1, 1, 0, 0, 0]);
  expect(
    (await bench.pool.query("select accounts from volley.campaign where id = $1", [campaign.id])).rows,
  ).toEqual([{ accounts: ["main", "spare"] }]);
  await audit(bench, campaign.id);
});

it("moves only what failed a try, when the account itself is in order", async () => {
  const { campaign, chunk, ids } = await setup(4);
  await attempt(chunk, ids.slice(0, 1), refused);
  await attempt(chunk, ids.slice(1, 2), put);
  const moved = await bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: true });
  expect(await idsOf(moved === null ? null : await claim(bench, moved.id))).toEqual(ids.slice(0, 1));
  expect(await idsOf(chunk)).toEqual(ids.slice(1));
  await audit(bench, campaign.id);
});

it("never moves a message that an attempt may have sent, even when the provider says that it is not there", async () => {
  const { campaign, chunk, ids } = await setup(3);
  await attempt(chunk, ids.slice(0, 1), unknown);
  const due = await bench.ledger.unknowns.takeDue({ limit: 10, againInMs: 1_000 });
  const ours = due.filter(({ messageId }) => messageId === ids[0]);
  expect(ours).toHaveLength(1);
  await bench.ledger.unknowns.settle(
    ours.map((one) => ({ ...one, as: "absent" as const, providerMessageId: null, reason: null })),
  );
  const moved = await bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: false });
  expect(await idsOf(moved === null ? null : await claim(bench, moved.id))).toEqual(ids.slice(1));
  expect(await idsOf(chunk)).toEqual(ids.slice(0, 1));
  await audit(bench, campaign.id);
});

it("moves nothing for a worker that has lost the chunk, and nothing when nothing waits", async () => {
  const { chunk, ids } = await setup(2);
  expect(
    await bench.ledger.chunks.reroute(
      { ...chunk, lease: crypto.randomUUID() },
      { account: "spare", triedOnly: false },
    ),
  ).toBeNull();
  await attempt(chunk, ids, { kind: "accepted", providerMessageId: null });
  expect(await bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: false })).toBeNull();
});

it("leaves no way to open a message in the chunk that it has left", async () => {
  const { chunk, ids } = await setup(1);
  await bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: false });
  const callId = createCallId(chunk.id);
  const opened = await bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
  expect(opened).toEqual([null]);
});
