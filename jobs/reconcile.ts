// Rows stranded between two hops come back on the route, or are shown to a person.
//
//   released chunks that nobody holds   into the queue again (a lost job, a dead worker, an emptied Redis)
//   running campaigns                   their windows filled, or finished
//   unknowns whose time has come        the provider is asked; else the message's class decides
//   cancelled campaigns                 their waiting messages taken back
//   accounts that work again            their customers are told
//
// Two sweeps at once have the effect of one: every statement takes only rows that no other has.

import { composeMessages } from "../src/domain/batch.ts";
import type { CallId, CampaignId, MessageId } from "../src/domain/message.ts";
import { type QuietHours, quietUntilMs } from "../src/domain/quiet-hours.ts";
import { done, type StepEnd } from "../src/domain/step-end.ts";
import { LOOK_UP_PATIENCE_MS, type UnknownRules } from "../src/domain/unknown.ts";
import type { DueUnknown, Settlement } from "../src/ledger/unknowns.ts";
import type { Finding, LookUp, LookUpAnswer, LookUpQuestion, NoAnswer } from "../src/providers/provider.ts";
import { askProvider } from "./ask-provider.ts";
import { type ReleaseCampaignParts, releaseCampaign } from "./release-campaign.ts";
import type { AccountParts, SendRequestParts } from "./send-request.ts";

export type ReconcileParts = ReleaseCampaignParts &
  Pick<SendRequestParts, "tokens" | "limiter" | "transport" | "circuits" | "log"> & {
    readonly accounts: ReadonlyMap<string, AccountParts>;
    readonly quietHours: QuietHours | null;
  };

const CHUNKS_MAX = 1_000;
const UNKNOWNS_MAX = 2_000;
/** An unknown whose question fails for a reason of ours is asked again after this. */
const ASK_AGAIN_MS = 30_000;
const IN_FLIGHT_MS = 1_000;
/** For one cancelled campaign in one sweep. */
const TAKE_BACK_MS = 10_000;

export async function reconcile(parts: ReconcileParts): Promise<StepEnd> {
  const { ledger, enqueue } = parts;
  const stranded = await ledger.chunks.due(CHUNKS_MAX);
  if (stranded.length > 0) await enqueue.chunks(stranded);
  await settleUnknowns(parts);
  for (const id of await ledger.campaigns.running()) await releaseCampaign(parts, id);
  await ledger.campaigns.noteRates();
  for (const id of await ledger.campaigns.cancelling()) await takeBack(parts, id);
  await noteRecoveries(parts);
  return done;
}

/** What waits of a cancelled campaign; a large one takes several sweeps. */
export async function takeBack({ ledger }: Pick<ReconcileParts, "ledger">, id: CampaignId): Promise<void> {
  const endsAtMs = performance.now() + TAKE_BACK_MS;
  while (performance.now() < endsAtMs && (await ledger.campaigns.cancelWaiting(id)));
}

/** An account whose circuit one process opened may be called by others only from then on: they say that it works. */
async function noteRecoveries({ ledger, circuits, accounts }: ReconcileParts): Promise<void> {
  for (const { account, agoMs } of await ledger.accountHealth.listDegraded()) {
    const at = accounts.get(account);
    const goodAgoMs = at === undefined ? null : circuits.goodAgoMs(at.account);
    // A call that was in flight when the account failed says nothing of the time after it.
    if (goodAgoMs !== null && goodAgoMs < agoMs - IN_FLIGHT_MS) await ledger.accountHealth.recovered(account);
  }
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
  const { lookUp } = at.provider;
  if (lookUp === null) return call.map(decideByClass);
  if (first.openedAgoMs > lookUp.windowMs) return call.map(keep);
  if (lookUp.sendsAgain && isQuiet(first, parts.quietHours)) return call.map(waitOn);
  const answers = await ask(parts, at, lookUp, call);
  return call.map((unknown) => decideByAnswer(unknown, answers(unknown.messageId), at.unknownRules));
}

/** At least once for transactional messages, at most once for all others. */
function decideByClass(unknown: DueUnknown): Settlement {
  const mayResend = unknown.class === "transactional" && unknown.mayTryAgain;
  return { ...keep(unknown), as: mayResend ? "resent" : "kept" };
}

function decideByAnswer(unknown: DueUnknown, answer: Answer, rules: UnknownRules): Verdict {
  const { attemptId } = unknown;
  switch (answer.kind) {
    case "accepted":
      return { ...keep(unknown), as: "accepted", providerMessageId: answer.providerMessageId };
    case "rejected":
      return { ...keep(unknown), as: "rejected", reason: answer.reason };
    case "absent": {
      // Absent once proves nothing: the provider may list a message later than it takes it.
      const nextAfterMs = rules.lookUpAfterMs[unknown.lookUps + 1];
      if (nextAfterMs === undefined) return { ...keep(unknown), as: "absent" };
      return { attemptId, answered: true, inMs: Math.max(0, nextAfterMs - unknown.closedAgoMs) };
    }
    case "undecided":
      if (unknown.closedAgoMs > LOOK_UP_PATIENCE_MS) return keep(unknown);
      return waitOn(unknown);
    case "never":
      return keep(unknown);
    default:
      return answer satisfies never;
  }
}

/** To ask is to send, which nobody does in quiet hours. */
function isQuiet({ class: ofClass, zones, nowMs }: DueUnknown, rules: QuietHours | null): boolean {
  return rules?.classes.includes(ofClass) === true && quietUntilMs(nowMs, zones, rules) !== null;
}

function waitOn({ attemptId }: DueUnknown): Postponement {
  return { attemptId, answered: false, inMs: ASK_AGAIN_MS };
}

function keep(unknown: DueUnknown): Settlement {
  return { ...unknown, as: "kept", providerMessageId: null, reason: null };
}

/** never: the provider may not even be asked any more. */
type Never = { readonly kind: "never" };
type Answer = Finding | Never;
type Answers = (id: MessageId) => Answer;
const undecided: Answers = () => ({ kind: "undecided" });

/** Asks the provider about the unknowns of a call, in as many questions as it takes. */
async function ask(
  parts: ReconcileParts,
  at: AccountParts,
  lookUp: LookUp,
  call: readonly DueUnknown[],
): Promise<Answers> {
  const [first] = call;
  if (first === undefined) return undecided;
  const stored = await parts.ledger.unknowns.loadCall(first.callId);
  if (stored === null) return undecided;
  const { form, messages } = composeMessages(stored, at.account.from);
  const open = new Set(call.map((unknown) => unknown.messageId));
  // The same call again is the same call only with all of its messages.
  const asked = lookUp.sendsAgain ? messages : messages.filter(({ id }) => open.has(id));
  const findings = new Map<MessageId, Finding>();
  for (let from = 0; from < asked.length; from += lookUp.messagesMax) {
    const slice = asked.slice(from, from + lookUp.messagesMax);
    const question = { ...form, callId: first.callId, openedAt: first.openedAt, messages: slice };
    const answer = await askOnce(parts, at, lookUp, question);
    if (answer.kind === "never") return () => answer;
    if (answer.kind === "no-answer") break;
    slice.forEach(({ id }, index) => {
      const finding = answer.findings[index];
      if (finding !== undefined) findings.set(id, finding);
    });
  }
  return (id) => findings.get(id) ?? undecided(id);
}

async function askOnce(
  parts: ReconcileParts,
  { account }: AccountParts,
  { sendsAgain }: LookUp,
  question: LookUpQuestion,
): Promise<LookUpAnswer | Never> {
  return askProvider<LookUpAnswer | Never>(parts, account, {
    about: "an unknown",
    segments: sendsAgain ? question.messages.reduce((sum, message) => sum + message.segments, 0) : 0,
    // To ask is to send, so it is granted like an attempt, and at the last moment.
    beforeCall: () => (sendsAgain ? grantRepeat(parts, question.callId) : Promise.resolve(null)),
    call: (token) => parts.transport.lookUp(question, account, token),
  });
}

/** Null: granted. */
async function grantRepeat({ ledger }: ReconcileParts, callId: CallId): Promise<Never | NoAnswer | null> {
  const grant = await ledger.unknowns.grantRepeat(callId);
  switch (grant) {
    case "never":
      return { kind: "never" };
    case "not-now":
      return { kind: "no-answer", reason: "not-now", trouble: null };
    case "granted":
      return null;
    default:
      return grant satisfies never;
  }
}
