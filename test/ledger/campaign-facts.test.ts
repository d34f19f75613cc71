// What a campaign's summary says of unknowns: each is counted once, under whoever settled it.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { Report } from "../../src/domain/report.ts";
import type { DueUnknown, Settlement } from "../../src/ledger/unknowns.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

/** A campaign whose one call broke off, so that all of its messages are unknown and due to be settled. */
async function setup(recipients: number) {
  const { ledger } = bench;
  const { id, chunkId } = await addCampaign(bench, { recipients });
  const chunk = await claim(bench, chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const messages = await ledger.chunks.load(chunkId);
  const callId = createCallId(chunkId);
  await ledger.attempts.open(
    messages.map((message) => ({
      messageId: message.id,
      chunkId,
      lease: chunk.lease,
      callId,
      account: "main",
    })),
  );
  await ledger.attempts.record(
    messages.map((message) => ({
      messageId: message.id,
      callId,
      outcome: { kind: "unknown", reason: "reset" },
      retryInMs: 0,
      settleInMs: 0,
    })),
  );
  return { id, due: await ledger.unknowns.takeDue({ limit: 100, againInMs: 60_000 }) };
}

function settlement(unknown: DueUnknown | undefined, as: Settlement["as"]): Settlement {
  if (unknown === undefined) throw new Error("there are fewer unknowns than that");
  return { ...unknown, as, providerMessageId: null, reason: null };
}

function reportOf({ messageId, callId }: DueUnknown, state: Report["state"]): Report {
  return {
    about: { messageId, callId, providerMessageId: null, to: null },
    state,
    reason: state,
    code: null,
    permanent: false,
    optedOut: false,
    at: null,
  };
}

async function bring(reports: readonly Report[]): Promise<void> {
  await bench.ledger.inbox.add(reports.map((report) => ({ account: "main", report })));
  await bench.ledger.reports.join(100);
}

it("an unknown that nothing more could be learnt of counts as reported once its report comes", async () => {
  const { ledger } = bench;
  const { id, due } = await setup(2);
  await ledger.unknowns.settle(due.map((one) => settlement(one, "kept")));
  expect(await ledger.messages.campaignFacts(id)).toMatchObject({ settledByLookUp: 0, settledByReport: 0 });
  await bring(due.slice(0, 1).map((one) => reportOf(one, "delivered")));
  expect(await ledger.messages.campaignFacts(id)).toMatchObject({ settledByLookUp: 0, settledByReport: 1 });
  expect(await ledger.campaigns.counts(id)).toEqual({ delivered: 1, unknown: 1 });
  await audit(bench, id);
});

it("an unknown counts as asked or as reported, never as both, whoever comes after", async () => {
  const { ledger } = bench;
  const { id, due } = await setup(7);
  const [taken, refused, absent, resent, kept, delivered, pending] = due;
  await ledger.unknowns.settle([
    settlement(taken, "accepted"),
    settlement(refused, "rejected"),
    settlement(absent, "absent"),
    settlement(resent, "resent"),
    settlement(kept, "kept"),
  ]);
  if (taken === undefined || delivered === undefined || pending === undefined)
    throw new Error("there are fewer unknowns than that");
  // Whoever was found by a question is reported, too; and one that was reported is asked about no more.
  await bring([
    reportOf(taken, "delivered"),
    reportOf(delivered, "delivered"),
    reportOf(pending, "pending"),
    reportOf(delivered, "delivered"),
  ]);
  await ledger.unknowns.settle([settlement(delivered, "accepted")]);
  expect(await ledger.messages.campaignFacts(id)).toMatchObject({
    settledByLookUp: 3,
    settledByReport: 2,
    resentByPolicy: 1,
  });
  expect(await ledger.campaigns.counts(id)).toEqual({
    delivered: 2,
    accepted: 1,
    rejected: 1,
    queued: 2,
    unknown: 1,
  });
  await audit(bench, id);
});
