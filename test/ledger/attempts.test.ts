import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { createCallId } from "../../src/domain/ids.ts";
import type { CallId, MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { ClaimedChunk } from "../../src/ledger/chunks.ts";
import {
  addCampaign,
  audit,
  claim,
  type LedgerBench,
  noSettling,
  openLedgerBench,
  phone,
} from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

async function setup(recipients: number) {
  const campaign = await addCampaign(bench, { recipients });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const messages = await bench.ledger.chunks.load(chunk.id);
  return { campaign, chunk, ids: messages.map((message) => message.id) };
}

function open(chunk: ClaimedChunk, ids: readonly MessageId[], callId: CallId = createCallId(chunk.id)) {
  return bench.ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
}

function record(
  ids: readonly MessageId[],
  callId: CallId,
  outcome: Outcome,
  settleInMs: number | null = null,
) {
  return bench.ledger.attempts.record(
    ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs })),
  );
}

const accepted: Outcome = { kind: "accepted", providerMessageId: "p-1" };
const notSent: Outcome = { kind: "later", reason: "connect-refused", usesTry: true };
const unknown: Outcome = { kind: "unknown", reason: "reset" };

async function expireLease(id: ChunkId) {
  await bench.pool.query("update volley.chunk set lease_until = now() - interval '1 s' where id = $1", [id]);
}

describe("attempts", () => {
  it("are granted once however often and however simultaneously they are asked for", async () => {
    const { campaign, chunk, ids } = await setup(20);
    const answers = await Promise.all(Array.from({ length: 10 }, () => open(chunk, ids)));
    const granted = answers.flat().filter((state) => state === "sending");
    expect(granted).toHaveLength(20);
    await audit(bench, campaign.id);
  });

  it("are refused once the lease has run out, and to whoever never held it", async () => {
    const { campaign, chunk, ids } = await setup(3);
    expect(await open({ ...chunk, lease: randomUUID() }, ids)).toEqual([null, null, null]);
    await expireLease(chunk.id);
    expect(await open(chunk, ids)).toEqual([null, null, null]);
    await audit(bench, campaign.id);
  });

  it("are refused while the campaign is paused", async () => {
    const { campaign, chunk, ids } = await setup(2);
    await bench.pool.query("update volley.campaign set state = 'paused' where id = $1", [campaign.id]);
    expect(await open(chunk, ids)).toEqual([null, null]);
  });

  it("are never opened for a person who opted out after the intake: the message is suppressed", async () => {
    const { campaign, chunk, ids } = await setup(3);
    // Stored by itself, as if the messages had come into the queue only afterwards.
    await bench.pool.query(
      `insert into volley.suppression (hash, reason, source)
       values (volley.recipient_hash($1), 'wrote-stop', 'inbound')`,
      [phone(1)],
    );
    expect(await open(chunk, ids)).toEqual(["sending", "suppressed", "sending"]);
    await bench.pool.query("delete from volley.suppression");
    await audit(bench, campaign.id);
  });

  it("are never opened for a message past its time: it is expired", async () => {
    const { campaign, chunk, ids } = await setup(2);
    await bench.pool.query("update volley.message set expires_at = now() - interval '1 s' where id = $1", [
      ids[0],
    ]);
    expect(await open(chunk, ids)).toEqual(["expired", "sending"]);
    await audit(bench, campaign.id);
  });

  it("wait for a pause that is being committed, and see it", async () => {
    const { campaign, chunk, ids } = await setup(1);
    const pausing = await bench.pool.connect();
    await pausing.query("begin");
    await pausing.query("update volley.campaign set state = 'paused' where id = $1", [campaign.id]);
    const opening = open(chunk, ids);
    await pausing.query("commit");
    pausing.release();
    expect(await opening).toEqual([null]);
  });
});

describe("outcomes", () => {
  it("move a message once; the same outcome told twice changes nothing", async () => {
    const { campaign, chunk, ids } = await setup(2);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    expect(await record(ids, callId, accepted)).toEqual(["accepted", "accepted"]);
    expect(await record(ids, callId, accepted)).toEqual([null, null]);
    expect(await record(ids, callId, notSent)).toEqual([null, null]);
    await audit(bench, campaign.id);
  });

  it("of a message that was provably not sent lead to a fourth attempt and then to failed", async () => {
    const { campaign, chunk, ids } = await setup(1);
    const states = [];
    for (let tries = 1; tries <= 4; tries++) {
      const callId = createCallId(chunk.id);
      expect(await open(chunk, ids, callId)).toEqual(["sending"]);
      states.push(...(await record(ids, callId, notSent)));
    }
    expect(states).toEqual(["queued", "queued", "queued", "failed"]);
    expect(await open(chunk, ids)).toEqual([null]);
    await audit(bench, campaign.id);
  });

  it("by the account's fault use up no try", async () => {
    const { campaign, chunk, ids } = await setup(1);
    for (let times = 1; times <= 6; times++) {
      const callId = createCallId(chunk.id);
      await open(chunk, ids, callId);
      expect(await record(ids, callId, { kind: "later", reason: "throttled", usesTry: false })).toEqual([
        "queued",
      ]);
    }
    expect(await bench.ledger.messages.find(ids[0] as MessageId)).toMatchObject({
      attempts: 0,
      deferrals: 6,
    });
    await audit(bench, campaign.id);
  });

  it("of different calls gathered in one statement reach their own messages", async () => {
    const { campaign, chunk, ids } = await setup(60);
    const calls = ids.map((id, index) => ({
      id,
      callId: createCallId(chunk.id),
      providerMessageId: `p-${index}`,
    }));
    await Promise.all(calls.map((call) => open(chunk, [call.id], call.callId)));
    await Promise.all(
      calls.map(({ id, callId, providerMessageId }) =>
        record([id], callId, { kind: "accepted", providerMessageId }),
      ),
    );
    for (const call of calls) {
      expect(await bench.ledger.messages.find(call.id)).toMatchObject({
        providerMessageId: call.providerMessageId,
      });
    }
    await audit(bench, campaign.id);
  });
});

describe("a worker that is lost", () => {
  it("leaves unknown exactly the attempts that it had open; the next owner gets the rest", async () => {
    const { campaign, chunk, ids } = await setup(10);
    await open(chunk, ids.slice(0, 4));
    expect(await claim(bench, chunk.id), "a living lease is not taken over").toBeNull();
    await expireLease(chunk.id);
    const next = await claim(bench, chunk.id);
    expect(next?.fenced).toBe(4);
    expect((await bench.ledger.chunks.load(chunk.id)).map((message) => message.id)).toEqual(ids.slice(4));
    expect(await bench.ledger.campaigns.counts(campaign.id)).toEqual({ queued: 6, unknown: 4 });
    await audit(bench, campaign.id);
  });

  it("that wakes up and tells what became of its call settles its own unknown, and nobody else's", async () => {
    const { campaign, chunk, ids } = await setup(3);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    await expireLease(chunk.id);
    const next = await claim(bench, chunk.id);
    expect(await record(ids.slice(0, 1), callId, accepted)).toEqual(["accepted"]);
    expect(await record(ids.slice(1, 2), callId, notSent)).toEqual(["queued"]);
    // The second message is sent again by the new owner; the first worker's word counts no more.
    const again = createCallId(chunk.id);
    if (next === null) throw new Error("the lease had run out");
    expect(await open(next, ids.slice(1, 2), again)).toEqual(["sending"]);
    expect(await record(ids.slice(1, 2), callId, accepted)).toEqual([null]);
    expect(await record(ids.slice(1, 2), again, accepted)).toEqual(["accepted"]);
    const history = await bench.ledger.messages.attempts(ids[1] as MessageId);
    expect(history.filter((attempt) => attempt.late)).not.toHaveLength(0);
    await audit(bench, campaign.id);
  });
});

it("a message that seemed absent is not sent again when its call says late that it was taken", async () => {
  const { campaign, chunk, ids } = await setup(2);
  const callId = createCallId(chunk.id);
  await open(chunk, ids, callId);
  await record(ids, callId, unknown, 0);
  const due = await bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 });
  await bench.ledger.unknowns.settle(
    due
      .filter((one) => one.callId === callId)
      .map((one) => ({ ...one, as: "absent", providerMessageId: null, reason: null })),
  );
  expect(await record(ids.slice(0, 1), callId, accepted)).toEqual(["accepted"]);
  expect(await record(ids.slice(1), callId, notSent)).toEqual([null]);
  expect(await open(chunk, ids, createCallId(chunk.id))).toEqual([null, "sending"]);
  await audit(bench, campaign.id);
});

describe("unknowns", () => {
  it("come due by the database's clock, once for all who ask", async () => {
    const { chunk, ids } = await setup(5);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    await record(ids, callId, unknown, 0);
    const takes = await Promise.all(
      Array.from({ length: 4 }, () => bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 })),
    );
    expect(takes.flat().filter((due) => due.callId === callId)).toHaveLength(5);
  });

  it("that the provider does not have go back to the queue, and their chunk opens again", async () => {
    const { campaign, chunk, ids } = await setup(2);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    await record(ids, callId, unknown, 0);
    expect(await bench.ledger.chunks.finish(chunk, 60_000)).toEqual({ state: "done" });
    expect(await bench.ledger.campaigns.finishIfDone(campaign.id), "an unknown may still be settled").toBe(
      false,
    );
    const due = (await bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 })).filter(
      (one) => one.callId === callId,
    );
    const moved = await bench.ledger.unknowns.settle(
      due.map((one, index) => ({
        ...one,
        as: index === 0 ? "absent" : "accepted",
        providerMessageId: index === 0 ? null : "p-9",
        reason: null,
      })),
    );
    expect(moved.map((one) => one.state).sort()).toEqual(["accepted", "queued"]);
    const next = await claim(bench, chunk.id);
    expect(await bench.ledger.chunks.load(chunk.id)).toHaveLength(1);
    expect(next).not.toBeNull();
    await audit(bench, campaign.id);
  });

  it("that nobody can settle leave the campaign finished, with failures", async () => {
    const { campaign, chunk, ids } = await setup(1);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    await record(ids, callId, unknown, null);
    await bench.ledger.chunks.finish(chunk, 60_000);
    expect(await bench.ledger.campaigns.finishIfDone(campaign.id)).toBe(true);
    expect((await bench.ledger.campaigns.find(campaign.id))?.state).toBe("completed_with_failures");
  });
});

describe("chunks", () => {
  it("keep one message for a person who is in the campaign twice", async () => {
    const campaign = await addCampaign(bench, { recipients: 3 });
    const rows = await bench.ledger.messages.list({ campaign: campaign.id }, { limit: 10 });
    await bench.pool.query("update volley.campaign set state = 'draft' where id = $1", [campaign.id]);
    const again = await bench.ledger.chunks.add({
      campaignId: campaign.id,
      accounts: ["main"],
      class: "marketing",
      sender: null,
      state: "waiting",
      messages: rows.map((row) => ({
        id: row.id,
        to: row.to,
        position: 9,
        segments: 1,
        text: null,
        values: ["x"],
      })),
    });
    expect(again).toMatchObject({ id: null, accepted: 0, suppressed: 0, scheduled: 0 });
  });

  it("come back when a retry is due, not before", async () => {
    const { chunk, ids } = await setup(1);
    const callId = createCallId(chunk.id);
    await open(chunk, ids, callId);
    await bench.ledger.attempts.record([
      { messageId: ids[0] as MessageId, callId, outcome: notSent, retryInMs: 60_000, settleInMs: null },
    ]);
    const finished = await bench.ledger.chunks.finish(chunk, 60_000);
    expect(finished).toMatchObject({ state: "released" });
    expect(finished?.state === "released" && finished.dueInMs).toBeGreaterThan(50_000);
    expect(await claim(bench, chunk.id)).toBeNull();
  });

  it("wait when their campaign was paused under them", async () => {
    const { campaign, chunk } = await setup(2);
    await bench.pool.query("update volley.campaign set state = 'paused' where id = $1", [campaign.id]);
    expect(await bench.ledger.chunks.finish(chunk, 60_000)).toEqual({ state: "waiting" });
  });

  it("are kept by a living worker through leases that it extends", async () => {
    const { chunk } = await setup(1);
    await expireLease(chunk.id);
    expect(await bench.ledger.chunks.extendLeases([chunk.lease, randomUUID()], 60_000)).toEqual([
      chunk.lease,
    ]);
    expect(await claim(bench, chunk.id)).toBeNull();
  });

  it("pass settling times on by class", async () => {
    const campaign = await addCampaign(bench, { recipients: 1, messageClass: "transactional" });
    const chunk = await claim(bench, campaign.chunkId);
    if (chunk === null) throw new Error("nobody else can hold the chunk");
    const [message] = await bench.ledger.chunks.load(chunk.id);
    await open(chunk, [message?.id as MessageId]);
    await expireLease(chunk.id);
    await claim(bench, chunk.id, { settleInMs: { ...noSettling, transactional: 0 } });
    const due = await bench.ledger.unknowns.takeDue({ limit: 1000, againInMs: 60_000 });
    expect(due.map((one) => one.messageId)).toContain(message?.id);
  });
});
