// Rows stranded between two hops come back on the route, or are shown to a person.
//
//   released chunks that nobody holds   into the queue again (a lost job, a dead worker, an emptied Redis)
//   running campaigns                   their windows filled, or finished
//   unknowns whose time has come        the provider is asked; else the message's class decides
//
// Two sweeps at once have the effect of one: every statement takes only rows that no other has.

import { done, type StepEnd } from "../src/domain/step-end.ts";
import { LOOK_UP_PATIENCE_MS, type UnknownRules } from "../src/domain/unknown.ts";
import type { DueUnknown, Settlement } from "../src/ledger/unknowns.ts";
import type { LookUpAnswer } from "../src/providers/provider.ts";
import { type ReleaseCampaignParts, releaseCampaign } from "./release-campaign.ts";
import type { AccountParts, SendRequestParts } from "./send-request.ts";

export type ReconcileParts = ReleaseCampaignParts &
  Pick<SendRequestParts, "tokens" | "limiter" | "transport" | "log"> & {
    readonly accounts: ReadonlyMap<string, AccountParts>;
  };

const CHUNKS_MAX = 1_000;
const UNKNOWNS_MAX = 2_000;
/** An unknown whose question fails for a reason of ours is asked again after this. */
const ASK_AGAIN_MS = 30_000;
/** Questions to providers in one sweep wait for their limits no longer than this. */
const LOOK_UP_WAIT_MS = 10_000;

export async function reconcile(parts: ReconcileParts): Promise<StepEnd> {
  const { ledger, enqueue } = parts;
  const stranded = await ledger.chunks.due(CHUNKS_MAX);
  if (stranded.length > 0) await enqueue.chunks(stranded);
  await settleUnknowns(parts);
  for (const id of await ledger.campaigns.running()) await releaseCampaign(parts, id);
  return done;
}

async function settleUnknowns(parts: ReconcileParts): Promise<void> {
  const due = await parts.ledger.unknowns.takeDue({ limit: UNKNOWNS_MAX, againInMs: ASK_AGAIN_MS });
  if (due.length === 0) return;
  const calls = Map.groupBy(due, (unknown) => unknown.callId).values();
  const decided = await Promise.all([...calls].map((call) => decide(parts, call)));
  const verdicts = decided.flat();

  const settlements = verdicts.filter((verdict) => "as" in verdict);
  const postponements = verdicts.filter((verdict) => "inMs" in verdict);
  if (postponements.length > 0) await parts.ledger.unknowns.postpone(postponements);
  if (settlements.length === 0) return;
  const moved = await parts.ledger.unknowns.settle(settlements);
  parts.log.info({ settled: settlements.length, moved: moved.length }, "unknown messages settled");
}

type Postponement = { readonly attemptId: string; readonly answered: boolean; readonly inMs: number };
type Verdict = Settlement | Postponement;

/** The unknowns of one provider call. */
async function decide(parts: ReconcileParts, call: readonly DueUnknown[]): Promise<Verdict[]> {
  const [first] = call;
  const at = first === undefined ? undefined : parts.accounts.get(first.account);
  if (first === undefined || at === undefined) return [];
  if (at.provider.lookUp === null) return call.map(decideByClass);
  const answer = await ask(parts, at, call, first);
  return call.map((unknown, index) => decideByAnswer(unknown, index, answer, at.unknownRules));
}

/** At least once for transactional messages, at most once for all others. */
function decideByClass(unknown: DueUnknown): Settlement {
  const mayResend = unknown.class === "transactional" && unknown.mayTryAgain;
  return { ...unknown, as: mayResend ? "resent" : "kept", providerMessageId: null };
}

function decideByAnswer(
  unknown: DueUnknown,
  index: number,
  answer: LookUpAnswer,
  rules: UnknownRules,
): Verdict {
  const { attemptId } = unknown;
  if (answer.kind === "no-answer") {
    if (unknown.closedAgoMs > LOOK_UP_PATIENCE_MS) return { ...unknown, as: "kept", providerMessageId: null };
    return { attemptId, answered: false, inMs: ASK_AGAIN_MS };
  }
  const providerMessageId = answer.providerMessageIds[index] ?? null;
  if (providerMessageId !== null) return { ...unknown, as: "accepted", providerMessageId };
  // Absent once proves nothing: the provider may list a message later than it takes it.
  const nextAfterMs = rules.lookUpAfterMs[unknown.lookUps + 1];
  if (nextAfterMs === undefined) return { ...unknown, as: "absent", providerMessageId: null };
  return { attemptId, answered: true, inMs: Math.max(0, nextAfterMs - unknown.closedAgoMs) };
}

async function ask(
  { tokens, limiter, transport, log }: ReconcileParts,
  { account }: AccountParts,
  call: readonly DueUnknown[],
  { callId, openedAt }: DueUnknown,
): Promise<LookUpAnswer> {
  try {
    const token = await tokens.get(account);
    const permit = await limiter.acquire(account, 0, AbortSignal.timeout(LOOK_UP_WAIT_MS));
    await permit.ready();
    const question = { callId, openedAt, recipients: call.map((unknown) => unknown.to) };
    const answer = await transport.lookUp(question, account, token?.value ?? null);
    if (answer.kind === "no-answer" && answer.trouble?.kind === "token-rejected" && token !== null) {
      await tokens.rejected(account, token.generation);
    }
    return answer;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(
      { account: account.name, err: reason },
      "the provider could not be asked about an unknown; trying again",
    );
    return { kind: "no-answer", reason: "not-asked", trouble: null };
  }
}
