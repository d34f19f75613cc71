// One request of a chunk: token, limit, the cap of the day (day-cap.ts), attempt (commit), call, record.
//
// Never sends what it did not open itself, and nothing that waited so long after its opening that another
// worker may have taken the chunk over.

import { setTimeout as wait } from "node:timers/promises";
import type { Account } from "../src/domain/account.ts";
import type { Batch, BatchForm, OutgoingMessage } from "../src/domain/batch.ts";
import { VolleyError } from "../src/domain/errors.ts";
import { createCallId } from "../src/domain/ids.ts";
import type { CallId } from "../src/domain/message.ts";
import { allOutcomes, type Outcome } from "../src/domain/outcome.ts";
import { UNLISTED_STATUS } from "../src/domain/report.ts";
import { type RetryPolicy, retryWaitMs } from "../src/domain/retry.ts";
import { THROTTLED } from "../src/domain/route.ts";
import { type UnknownRules, unknownWaits } from "../src/domain/unknown.ts";
import { urgencyOf } from "../src/domain/urgency.ts";
import type { Ending } from "../src/ledger/attempts.ts";
import type { ClaimedChunk } from "../src/ledger/chunks.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Circuits } from "../src/limits/circuit.ts";
import type { InFlight } from "../src/limits/in-flight.ts";
import type { Limiter, Permit } from "../src/limits/limiter.ts";
import type { Logger } from "../src/platform/log.ts";
import type { Provider, Reading } from "../src/providers/provider.ts";
import type { Transport } from "../src/providers/transport.ts";
import type { SharedTokens, Token } from "../src/tokens/shared-token.ts";
import { askLeave } from "./day-cap.ts";

export type SendRequestParts = {
  readonly ledger: Ledger;
  readonly tokens: SharedTokens;
  readonly limiter: Limiter;
  readonly circuits: Circuits;
  readonly transport: Transport;
  readonly retry: RetryPolicy;
  readonly log: Logger;
};

export type AccountParts = {
  readonly account: Account;
  readonly provider: Provider;
  readonly unknownRules: UnknownRules;
  /** Bounds the calls of this process that are in flight at the account. */
  readonly inFlight: InFlight;
};

/** One turn of work on one chunk. */
export type Turn = {
  readonly chunk: ClaimedChunk;
  readonly parts: SendRequestParts;
  readonly at: AccountParts;
  /** The worker stops, or lost the job. */
  readonly signal: AbortSignal;
  /** Others have their turn from then on: what has no slot yet gets none, what has one is sent. */
  readonly ended: AbortSignal;
  /** Then the quiet hours of its people begin; undefined: never. */
  readonly openUntil: Date | undefined;
  /** Set when an attempt of this turn was provably not sent: its message may go on through another account. */
  tryFailed: boolean;
  /** Set when no further call of this turn makes sense: paused, lease lost, account in trouble. */
  over: boolean;
};

/** From the start of the opening to the end of the call, a replay after a 401 included. Well inside the lease. */
const CALL_DEADLINE_MS = 30_000;
/** An opening older than this is not used: its worker may have been frozen, and the chunk taken over. */
const OPEN_TO_CALL_MAX_MS = 10_000;
const TOKEN_PAUSE_MS = 30_000;
const HELD_PAUSE_MS = 60_000;
/** Without a hint from the provider: doubled by each time the message was put off before, up to the last. */
const THROTTLED_FIRST_MS = 1_000;
const THROTTLED_LAST_MS = 60_000;
/** The exit code of an error that a person has to mend: credentials, scopes. */
const CONFIGURATION = 3;
const RECORD_RETRY_MS = 500;
const RECORD_TRIES_MAX = 1_200;

export function isOver(turn: Turn): boolean {
  return turn.over || turn.ended.aborted;
}

/** Answers how the attempts that it opened ended; empty when nothing was opened. */
export async function sendRequest(
  turn: Turn,
  form: BatchForm,
  request: readonly OutgoingMessage[],
): Promise<Ending[]> {
  const { parts, at, signal } = turn;
  if (isOver(turn)) return [];
  const login = await getLogin(turn);
  if (login === null) return [];
  const segments = request.reduce((sum, message) => sum + message.segments, 0);
  const permit = await parts.limiter
    .acquire(at.account, segments, { signal: turn.ended, urgency: urgencyOf(turn.chunk) })
    .catch(() => null);
  if (permit === null || turn.over || signal.aborted) return [];
  const leave = await askLeave(turn, request);
  if (leave.messages.length === 0) return [];
  const endings = await openAndCall(turn, form, leave.messages, { login, permit });
  await leave.settle(endings);
  return endings;
}

async function openAndCall(
  turn: Turn,
  form: BatchForm,
  request: readonly OutgoingMessage[],
  { login, permit }: { readonly login: Login; readonly permit: Permit },
): Promise<Ending[]> {
  const { parts, at, signal } = turn;
  const callId = createCallId(turn.chunk.id);
  const openedAtMs = performance.now();
  const opened = await openAttempts(turn, callId, request);
  if (opened === null) return putOff(turn, request, callId, "not-opened");
  if (opened.length === 0) return [];

  if (!(await isReady(permit, signal))) return putOff(turn, opened, callId, "no-slot");
  if (performance.now() - openedAtMs > OPEN_TO_CALL_MAX_MS)
    return putOff(turn, opened, callId, "opened-too-long-ago");
  const calledAtMs = performance.now();
  const reading = await call(turn, { ...form, callId, messages: opened }, login, openedAtMs);
  if (reading.outcomes.some((outcome) => "reason" in outcome && outcome.reason === UNLISTED_STATUS)) {
    parts.log.warn(
      { account: at.account.name },
      "an answer with a status that the provider's documentation does not list: its messages are unknown",
    );
  }
  const ageless = parts.circuits.isSuspect(at.account);
  await heed(turn, reading, opened, performance.now() - calledAtMs);
  turn.tryFailed ||= reading.outcomes.some((outcome) => outcome.kind === "later" && outcome.usesTry);
  return toEndings(turn, opened, callId, ageless ? reading.outcomes.map(keepTry) : reading.outcomes);
}

/** Tries until it is recorded: what a provider said must not be lost to a database that restarts. */
export async function recordEndings(
  { parts: { ledger, log }, chunk }: Turn,
  endings: readonly Ending[],
): Promise<void> {
  if (endings.length === 0) return;
  for (let tries = 1; ; tries++) {
    try {
      await ledger.attempts.record(endings);
      return;
    } catch (error) {
      if (tries === RECORD_TRIES_MAX) throw error;
      if (tries === 1)
        log.warn({ chunk: chunk.id, err: reasonOf(error) }, "outcomes could not be recorded; trying on");
      // Holds no process back that has been told to stop: what it cannot record becomes unknown.
      await wait(RECORD_RETRY_MS, undefined, { ref: false });
    }
  }
}

/** False: the slot was missed and no other came in time. */
function isReady(permit: Permit, signal: AbortSignal): Promise<boolean> {
  return permit.ready(signal).then(
    () => true,
    () => false,
  );
}

type Login = { readonly token: Token | null };

/** Null: there is no token to be had now; the account waits and no message loses a try. */
async function getLogin(turn: Turn): Promise<Login | null> {
  const { parts, at } = turn;
  try {
    return { token: await parts.tokens.get(at.account) };
  } catch (error) {
    turn.over = true;
    parts.log.error({ account: at.account.name, code: codeOf(error) }, reasonOf(error));
    // A login that is refused stays so until a person acts; a token server that is away comes back.
    if (error instanceof VolleyError && error.exitCode === CONFIGURATION) await hold(turn, codeOf(error));
    await parts.limiter.pause(at.account, TOKEN_PAUSE_MS, codeOf(error));
    return null;
  }
}

/** The messages whose attempt is open now. Null: whether the opening was committed is not known. */
async function openAttempts(
  turn: Turn,
  callId: CallId,
  request: readonly OutgoingMessage[],
): Promise<OutgoingMessage[] | null> {
  const { chunk, parts, at } = turn;
  const { lease } = chunk;
  const account = at.account.name;
  try {
    const states = await parts.ledger.attempts.open(
      request.map(({ id }) => ({
        messageId: id,
        chunkId: chunk.id,
        lease,
        callId,
        account,
        until: turn.openUntil,
      })),
    );
    // None of them could even be withheld: the campaign is paused, the lease is lost, or quiet hours began.
    if (states.every((state) => state === null)) turn.over = true;
    return request.filter((_, index) => states[index] === "sending");
  } catch (error) {
    turn.over = true;
    parts.log.warn(
      { chunk: chunk.id, err: reasonOf(error) },
      "attempts could not be opened; nothing is sent",
    );
    return null;
  }
}

/** The call itself, and once more with a new token when the provider no longer takes this one. */
async function call(turn: Turn, batch: Batch, { token }: Login, openedAtMs: number): Promise<Reading> {
  const { parts, at, signal } = turn;
  const send = (value: Token | null) =>
    parts.transport.send(batch, at.account, value?.value ?? null, {
      deadlineMs: Math.max(1, openedAtMs + CALL_DEADLINE_MS - performance.now()),
    });
  const reading = await send(token);
  if (reading.trouble?.kind !== "token-rejected" || token === null) return reading;
  try {
    const fresh = await parts.tokens.rejected(at.account, token.generation);
    const segments = batch.messages.reduce((sum, message) => sum + message.segments, 0);
    const permit = await parts.limiter.acquire(at.account, segments, {
      signal,
      urgency: urgencyOf(turn.chunk),
    });
    await permit.ready(signal);
    if (performance.now() - openedAtMs > OPEN_TO_CALL_MAX_MS) return reading;
    return await send(fresh);
  } catch (error) {
    if (!signal.aborted) parts.log.error({ account: at.account.name, code: codeOf(error) }, reasonOf(error));
    return reading;
  }
}

/** What a reply means for the account as a whole. */
async function heed(
  turn: Turn,
  { trouble }: Reading,
  messages: readonly OutgoingMessage[],
  tookMs: number,
): Promise<void> {
  const { parts, at } = turn;
  const { account } = at;
  if (trouble === null || trouble.kind === "failing") {
    const { circuits } = parts;
    const verdict = await (trouble === null
      ? circuits.succeeded(account, tookMs)
      : circuits.failed(account, trouble.reason));
    // What waits may go on through another account instead of sitting the pause out here.
    if (verdict === "opened") turn.over = true;
    if (verdict === "opened") await tellHealth(turn, trouble?.reason ?? "slow");
    if (verdict === "closed") await tellHealth(turn, null);
    return;
  }
  switch (trouble.kind) {
    case "throttled": {
      turn.over = true;
      const putOffBefore = Math.max(...messages.map((message) => message.deferrals));
      const ownWaitMs = Math.min(THROTTLED_LAST_MS, THROTTLED_FIRST_MS * 2 ** putOffBefore);
      return parts.limiter.pause(account, trouble.retryAfterMs ?? ownWaitMs, THROTTLED);
    }
    case "token-rejected":
      turn.over = true;
      parts.log.error(
        { account: account.name },
        "the provider refuses the account's login; the account waits",
      );
      await parts.limiter.pause(account, TOKEN_PAUSE_MS, trouble.kind);
      return hold(turn, trouble.kind);
    case "held":
      turn.over = true;
      parts.log.error({ account: account.name, reason: trouble.reason }, `account held: ${trouble.advice}`);
      await parts.limiter.pause(account, HELD_PAUSE_MS, trouble.reason);
      return hold(turn, trouble.reason);
    default:
      return trouble satisfies never;
  }
}

/** Until a call succeeds again; by then a person has acted. */
function hold(turn: Turn, reason: string): Promise<void> {
  turn.parts.circuits.held(turn.at.account);
  return tellHealth(turn, reason);
}

/** Customers hear of it once; that the ledger cannot be told now holds nothing up. Null: it works again. */
async function tellHealth({ parts, at }: Turn, reason: string | null): Promise<void> {
  const { name } = at.account;
  const { accountHealth } = parts.ledger;
  await (reason === null ? accountHealth.recovered(name) : accountHealth.degraded(name, reason)).catch(
    (error: unknown) => parts.log.warn({ account: name, err: reasonOf(error) }, "health could not be noted"),
  );
}

/** Provably not sent, and not by the message's fault. */
function putOff(turn: Turn, messages: readonly OutgoingMessage[], callId: CallId, reason: string): Ending[] {
  return toEndings(
    turn,
    messages,
    callId,
    allOutcomes(messages.length, { kind: "later", reason, usesTry: false }),
  );
}

function keepTry(outcome: Outcome): Outcome {
  return outcome.kind === "later" ? { ...outcome, usesTry: false } : outcome;
}

function toEndings(
  { at, chunk, parts }: Turn,
  messages: readonly OutgoingMessage[],
  callId: CallId,
  outcomes: readonly Outcome[],
): Ending[] {
  const settleInMs = unknownWaits(at.unknownRules)[chunk.class];
  return messages.map((message, index) => {
    const outcome = outcomes[index] ?? { kind: "unknown", reason: "no-outcome" };
    const usesTry = outcome.kind === "later" && outcome.usesTry;
    const retryInMs = usesTry ? retryWaitMs(parts.retry, message.attempts + 1) : 0;
    return { messageId: message.id, callId, outcome, retryInMs, settleInMs };
  });
}

function codeOf(error: unknown): string {
  return error instanceof VolleyError ? error.code : "unexpected";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
