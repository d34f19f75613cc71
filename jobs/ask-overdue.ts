// Asks for reports that did not come: accepted messages past their account's time are noted, shown, and asked about
// where the provider can say. What is on disk if the process dies:
//
//   after messages are taken      they come back in an hour, one look-up poorer, asked or not
//   after an answer is stored     its reports, which the next run of apply-reports joins like any others
//
// Two of these at once ask about different messages: every statement takes only rows that no other has.

import type { CallId, MessageId } from "../src/domain/message.ts";
import { done, type StepEnd } from "../src/domain/step-end.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Overdue } from "../src/ledger/reports.ts";
import type { ReportAnswer, ReportQuestions } from "../src/providers/provider.ts";
import type { Transport } from "../src/providers/transport.ts";
import { type AskProviderParts, askProvider } from "./ask-provider.ts";
import type { AccountParts } from "./send-request.ts";

export type AskOverdueParts = AskProviderParts & {
  readonly ledger: Pick<Ledger, "inbox" | "reports">;
  readonly transport: Pick<Transport, "askReports">;
  readonly accounts: ReadonlyMap<string, AccountParts>;
};

/** Chunks that are looked through in a run: rounds of statements that stay short. */
const FIND_ROUNDS = 5;
const CHUNKS_IN_A_ROUND = 200;
/** What is taken at once: this many questions where calls were large; more where they were small, of which some are given back. */
const QUESTIONS_MAX = 50;
const MESSAGES_MAX = 2_000;
const ASK_AGAIN_MS = 3_600_000;
const LOOK_UPS_MAX = 6;
/** After this long the step gives way; it runs every minute. */
const TURN_MS = 20_000;
/** Questions of one account that fail in a row end its turn. */
const FAILURES_MAX = 3;

export async function askOverdue(parts: AskOverdueParts): Promise<StepEnd> {
  const expecting = [...parts.accounts.values()].filter(expectsReports);
  await findOverdue(parts, expecting);
  const endsAtMs = performance.now() + TURN_MS;
  await Promise.all(expecting.map((at) => askAccount(parts, at, endsAtMs)));
  return done;
}

/** A provider that may send reports all the same, because somebody arranged it there, is not waited for. */
function expectsReports({ account, provider }: AccountParts): boolean {
  return account.reports !== null && provider.facts.hasReports;
}

function questionsTo({ provider }: AccountParts): ReportQuestions | null {
  return provider.reports?.ask ?? null;
}

async function findOverdue({ ledger, log }: AskOverdueParts, expecting: readonly AccountParts[]) {
  const accounts = expecting.map((at) => ({
    name: at.account.name,
    afterMs: at.account.reports?.overdueAfterMs ?? 0,
    canAsk: questionsTo(at) !== null,
  }));
  let found = 0;
  for (let round = 0; round < FIND_ROUNDS; round += 1) {
    found += await ledger.reports.findOverdue(accounts, { chunks: CHUNKS_IN_A_ROUND });
  }
  if (found > 0) log.warn({ messages: found }, "accepted messages have no report in their account's time");
}

async function askAccount(parts: AskOverdueParts, at: AccountParts, endsAtMs: number): Promise<void> {
  const { ledger, limiter, log } = parts;
  const questions = questionsTo(at);
  if (questions === null) return;
  const { name } = at.account;
  // Whoever waits for the account to be called again uses up no look-ups meanwhile.
  const { pausedMs } = await limiter.state(at.account).catch(() => ({ pausedMs: 1 }));
  if (pausedMs > 0) return;
  const ask = {
    account: name,
    limit: Math.min(MESSAGES_MAX, QUESTIONS_MAX * questions.messagesMax),
    againInMs: ASK_AGAIN_MS,
    lookUpsMax: LOOK_UPS_MAX,
  };
  const turn: Turn = { parts, at, questions, endsAtMs, failures: 0, asked: 0, reported: 0, over: false };
  while (!turn.over) {
    const overdue = await ledger.reports.takeOverdue(ask);
    if (overdue.length === 0) break;
    await askAbout(turn, overdue);
  }
  const { asked, reported } = turn;
  if (asked > 0) log.info({ account: name, asked, reported }, "asked for overdue reports");
}

/** One run at one account. */
type Turn = {
  readonly parts: AskOverdueParts;
  readonly at: AccountParts;
  readonly questions: ReportQuestions;
  readonly endsAtMs: number;
  /** In a row. */
  failures: number;
  /** Messages. */
  asked: number;
  reported: number;
  over: boolean;
};

async function askAbout(turn: Turn, overdue: readonly Overdue[]): Promise<void> {
  const { parts, at, questions } = turn;
  const unasked = cut(overdue, questions.messagesMax);
  for (let question = unasked.shift(); question !== undefined; question = unasked.shift()) {
    const answer = await askOnce(parts, at, question);
    if (answer.kind === "answered") {
      await parts.ledger.inbox.add(answer.reports.map((report) => ({ account: at.account.name, report })));
      turn.reported += answer.reports.length;
    }
    turn.failures = answer.kind === "answered" ? 0 : turn.failures + 1;
    turn.over = turn.failures === FAILURES_MAX || !mayGoOn(answer) || performance.now() > turn.endsAtMs;
    if (turn.over) break;
  }
  if (unasked.length > 0) await parts.ledger.reports.giveBackOverdue(unasked.flat().map(idOf));
  turn.asked += overdue.length - unasked.flat().length;
}

const idOf = ({ messageId }: Overdue): MessageId => messageId;

/** What the account is troubled by will trouble the next question, too. */
function mayGoOn(answer: ReportAnswer): boolean {
  if (answer.kind === "answered" || answer.trouble === null) return true;
  return answer.trouble.kind === "failing";
}

async function askOnce(
  parts: AskOverdueParts,
  { account }: AccountParts,
  messages: readonly Overdue[],
): Promise<ReportAnswer> {
  return askProvider<ReportAnswer>(parts, account, {
    about: "overdue messages",
    segments: 0,
    call: (token) => parts.transport.askReports(messages, account, token),
  });
}

/** Those of one call in as few questions as they fit into. */
function cut(overdue: readonly Overdue[], messagesMax: number): Overdue[][] {
  const calls = Map.groupBy(overdue, (one): CallId => one.callId).values();
  return [...calls].flatMap((call) => {
    const count = Math.ceil(call.length / messagesMax);
    return Array.from({ length: count }, (_, at) => call.slice(at * messagesMax, (at + 1) * messagesMax));
  });
}
