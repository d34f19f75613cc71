// Statements that want the same rows meet, and neither locks the other out: who locks what, in which order, is a table
// in docs/design.md.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { CallId, MessageId } from "../../src/domain/message.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { createLedger, type Ledger } from "../../src/ledger/ledger.ts";
import type { DueUnknown } from "../../src/ledger/unknowns.ts";
import { cross } from "../support/crossing.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

/** A claimed chunk and its messages in the order of their ids. */
async function setup(recipients: number) {
  const { id, chunkId } = await addCampaign(bench, { recipients });
  const chunk = await claim(bench, chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await bench.ledger.chunks.load(chunkId)).map((message) => message.id).sort();
  const [first, last] = [ids.at(0), ids.at(-1)];
  if (first === undefined || last === undefined) throw new Error("the chunk is empty");
  const callId = createCallId(chunkId);
  const open = (which: readonly MessageId[], { ledger = bench.ledger, as = callId } = {}) =>
    ledger.attempts.open(
      which.map((messageId) => ({ messageId, chunkId, lease: chunk.lease, callId: as, account: "main" })),
    );
  return { id, chunkId, chunk, ids, first, last, callId, open };
}

function record(ids: readonly MessageId[], callId: CallId, outcome: Outcome) {
  return bench.ledger.attempts.record(
    ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs: 0 })),
  );
}

/** Attempts that ended as unknown, taken to be settled. */
async function breakOff(ids: readonly MessageId[], callId: CallId): Promise<DueUnknown[]> {
  await record(ids, callId, { kind: "unknown", reason: "reset" });
  return bench.ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 });
}

const settle = (due: readonly DueUnknown[], as: "accepted" | "resent") =>
  bench.ledger.unknowns.settle(due.map((one) => ({ ...one, as, providerMessageId: null, reason: null })));

async function bringReports(ids: readonly MessageId[], callId: CallId): Promise<void> {
  await bench.ledger.inbox.add(
    ids.map((messageId) => ({
      account: "main",
      report: {
        about: { messageId, callId, providerMessageId: null, to: null },
        state: "delivered",
        reason: "delivered",
        code: null,
        permanent: false,
        optedOut: false,
        at: null,
      },
    })),
  );
}

/** As another process has it. */
const ledgerBeside = (): Ledger => createLedger({ pool: bench.pool });

describe("unknowns that are settled", () => {
  it("while their reports are joined are settled once, by whoever is first", async () => {
    const { id, ids, first, callId, open } = await setup(3);
    await open(ids);
    const due = await breakOff(ids, callId);
    await bringReports(ids, callId);
    const [joined, settled] = await cross(
      bench.pool,
      { table: "message", id: first },
      () => bench.ledger.reports.join(100),
      () => settle(due, "accepted"),
    );
    expect(joined).toMatchObject({ joined: 3, moved: 3 });
    expect(settled).toEqual([]);
    await audit(bench, id);
  });

  it("while another message of their chunk goes to another account come back to work", async () => {
    const { id, ids, first, callId, chunk, open } = await setup(2);
    await open([first]);
    const due = await breakOff([first], callId);
    const [settled, moved] = await cross(
      bench.pool,
      { table: "campaign", id },
      () => settle(due, "resent"),
      () => bench.ledger.chunks.reroute(chunk, { account: "spare", triedOnly: false }),
    );
    expect(settled).toEqual([{ id: first, state: "queued" }]);
    expect(moved).toMatchObject({ account: "spare" });
    expect(ids).toHaveLength(2);
    await audit(bench, id);
  });

  it("while a lost worker's chunk is claimed again come back to work", async () => {
    const { id, chunkId, ids, first, last, callId, open } = await setup(2);
    await open(ids);
    const due = await breakOff([first], callId);
    await bench.pool.query("update volley.chunk set lease_until = now() where id = $1", [chunkId]);
    const [claimed, settled] = await cross(
      bench.pool,
      { table: "message", id: last },
      () => claim(bench, chunkId),
      () => settle(due, "resent"),
    );
    expect(claimed).toMatchObject({ fenced: 1 });
    expect(settled).toEqual([{ id: first, state: "queued" }]);
    await audit(bench, id);
  });
});

describe("messages are locked in one order", () => {
  it("by calls that open them, however they name them", async () => {
    // So many that a planner looks each of them up, as in any table of some size.
    const { id, ids: all, open } = await setup(500);
    await bench.pool.query("analyze volley.message");
    const ids = all.slice(0, 2);
    const [first = ""] = ids;
    const answers = await cross(
      bench.pool,
      { table: "message", id: first },
      () => open(ids),
      () =>
        open(ids.toReversed(), {
          ledger: ledgerBeside(),
          as: createCallId("1" as Parameters<typeof createCallId>[0]),
        }),
    );
    expect(answers.flat().filter((state) => state === "sending")).toHaveLength(2);
    await audit(bench, id);
  });

  it("by outcomes that are recorded while reports are joined", async () => {
    const { id, ids, first, callId, open } = await setup(2);
    await open(ids);
    await bringReports(ids, callId);
    await cross(
      bench.pool,
      { table: "message", id: first },
      () => bench.ledger.reports.join(100),
      () => record(ids.toReversed(), callId, { kind: "accepted", providerMessageId: null }),
    );
    expect(await bench.ledger.campaigns.counts(id)).toEqual({ accepted: 2 });
    await audit(bench, id);
  });
});
