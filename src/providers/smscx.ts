// [5] SMS.CX (SMS Connexion) Messaging API 1.0.2, by OAuth2 application or API key. Read on 2026-11-22:
//
//   token    https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/OauthApi.md
//   send     https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/SmsApi.md
//   fields   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/SendSmsMessageRequest.md
//   general  https://sms.cx/sms-api-documentation
//
// One request is one text for up to 25,000 numbers. SMS.CX carries out an `idempotencyId` once, so a call whose end
// is not known is settled by the very same call again (smscx-login.ts: tokens and keys; smscx-codes.ts: what errors
// mean; smscx-reports.ts, smscx-ask.ts: reports).

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import { type AccountTrouble, allOutcomes, type Outcome } from "../domain/outcome.ts";
import { UNLISTED_STATUS } from "../domain/report.ts";
import { sensitive } from "../domain/sensitive.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import { readRetryAfterMs } from "../platform/retry-after.ts";
import type {
  Batch,
  Finding,
  HttpRequest,
  HttpResponse,
  LookUpAnswer,
  LookUpQuestion,
  Provider,
  ProviderFacts,
  Reading,
} from "./provider.ts";
import { httpReason, isSuccess, noAnswer, readTrouble, readUnknown } from "./reading.ts";
import { smscxQuestions } from "./smscx-ask.ts";
import { readError, readId, readStrings, SCOPE, sendStates } from "./smscx-codes.ts";
import { authorization, buildTokenRequest, hostOf, keyHeaders } from "./smscx-login.ts";
import { smscxReports } from "./smscx-reports.ts";

/** "Max 25.000 phone numbers" */
const RECIPIENTS_MAX = 25_000;

const facts: ProviderFacts = {
  hasOwnHost: false,
  batchMax: RECIPIENTS_MAX,
  defaultRequestsPerSecond: 5,
  // Nothing is published about the queue behind the API.
  defaultSegmentsPerSecond: null,
  // "A text message can have up to 1530 characters (10 message parts)."
  segmentsMax: 10,
  takesSender: true,
  hasReports: true,
  hasInbound: true,
  reportProofs: [],
  unknownSettledBy: "idempotent-resend",
  sources: [
    "https://sms.cx/sms-api-documentation",
    "https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/SmsApi.md",
  ],
};

// ASSUMED, to be checked against a live account; everything else in these files is documented:
//   - 5 requests a second (above): the limit's headers are documented, its number is not.
//   - The same `idempotencyId` again is answered with the first reply and its `msgId`s, for a day.
//   - `duplicate_id`, which the pages show for other resources only, says that the first call was carried out.
//   - A 403 `no_coverage` for many numbers may be about some of them only.
//   - Reports are sent whatever the token's scopes are, so `sms` is enough.
//   - Every FAILED is permanent (smscx-codes.ts).

/** Half of the day, since the same call again would be a second SMS once its id is forgotten. */
const REPLAY_WINDOW_MS = 12 * 3_600_000;
/** "The parameter `from` is not valid (min 3, max 15 characters)", and it is required. */
const SENDER = /^.{3,15}$/s;
/** SMS.CX puts codes, links and dates in place of what stands in these; how to write them literally is not told. */
const PLACEHOLDER = "{{";

type SendBody = {
  readonly to: readonly string[];
  readonly from?: string;
  readonly text: string;
  /** True: numbers that SMS.CX takes for invalid are skipped and listed, instead of failing all. */
  readonly allowInvalid: true;
  readonly dlrCallbackUrl?: string;
  /** Echoed in the reply and in every report; "if the value is not a valid UUID" silently dropped. */
  readonly trackData: string;
  readonly idempotencyId: string;
  /** Leaves `data[].text` out of the reply, which would repeat the text for every number. */
  readonly noTextDetails: true;
};

export const smscx: Provider = {
  name: "smscx",
  facts,
  logins: [{ credentials: ["applicationId", "applicationSecret"] }, { credentials: ["apiKey"] }],
  buildTokenRequest,
  authorization,
  textFault: (text) =>
    text.includes(PLACEHOLDER)
      ? 'The text holds "{{", which SMS.CX would replace by a code, a link or nothing. Write it without.'
      : null,
  senderFault: (from) =>
    from !== null && SENDER.test(from) ? null : "is wanted by SMS.CX and must have 3 to 15 characters",
  // One text for all: without fields every message of a template has the same.
  mayShareRequest: (_message, { template }) => template !== null && template.fields.length === 0,
  buildRequest,
  readResponse,
  lookUp: {
    sendsAgain: true,
    messagesMax: RECIPIENTS_MAX,
    windowMs: REPLAY_WINDOW_MS,
    buildRequest,
    readResponse: readReplay,
  },
  reports: { ...smscxReports, ask: smscxQuestions },
};

function buildRequest(batch: Batch, account: Account): HttpRequest {
  const [text, ...others] = new Set(batch.messages.map((message) => message.text.reveal()));
  assert(text !== undefined && others.length === 0, "SMS.CX takes one text in a request.");
  assert(batch.messages.length <= RECIPIENTS_MAX, "SMS.CX takes 25,000 numbers in a request.");
  // Checked at intake too; but a message may come here from another account, after a failed try.
  assert(!text.includes(PLACEHOLDER), "SMS.CX would change this text.");
  const body: SendBody = {
    to: batch.messages.map((message) => message.to),
    ...(batch.from === null ? {} : { from: batch.from }),
    text,
    allowInvalid: true,
    ...(account.reports === null ? {} : { dlrCallbackUrl: account.reports.url.reveal() }),
    trackData: batch.callId,
    idempotencyId: batch.callId,
    noTextDetails: true,
  };
  return {
    method: "POST",
    url: `${hostOf(account)}/sms`,
    headers: {
      ...keyHeaders(account),
      "content-type": "application/json",
      accept: "application/json",
    },
    body: sensitive(JSON.stringify(body)),
  };
}

function readResponse(response: HttpResponse, batch: Batch): Reading {
  if (isSuccess(response)) return readAccepted(response, batch);
  if (isDuplicate(response)) {
    const outcome: Outcome = { kind: "unknown", reason: "duplicate-idempotency-id" };
    return { outcomes: allOutcomes(batch.messages.length, outcome), trouble: null };
  }
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  if (response.status === 400 || response.status === 403) return readRefused(response, batch);
  return readUnknown(batch, httpReason(response));
}

/**
 * The reply to the same call again. Never `absent`, which would let a message be sent under a new id: a refusal of
 * the repetition says nothing about numbers that it does not name.
 */
function readReplay(response: HttpResponse, question: LookUpQuestion): LookUpAnswer {
  if (isDuplicate(response)) {
    const taken: Finding = { kind: "accepted", providerMessageId: null };
    return { kind: "answered", findings: question.messages.map(() => taken) };
  }
  const { outcomes, trouble } = readResponse(response, question);
  if (trouble !== null) {
    return noAnswer("reason" in trouble ? trouble.reason : httpReason(response), trouble);
  }
  // A refusal that no page describes could mean anything, also that the first call counted.
  if (!isSuccess(response) && readError(response.body).refusal === null)
    return noAnswer(httpReason(response));
  return { kind: "answered", findings: outcomes.map(toFinding) };
}

function toFinding(outcome: Outcome): Finding {
  switch (outcome.kind) {
    case "accepted":
    case "rejected":
      return outcome;
    case "later":
    case "unknown":
      return { kind: "undecided" };
    default:
      return outcome satisfies never;
  }
}

/**
 * Matched by number, never by position: invalid ones are left out of `data`. A sender that is not approved is
 * swapped in silence; `data[].from` shows that, but an acceptance is one all the same.
 */
function readAccepted(response: HttpResponse, batch: Batch): Reading {
  const reply = parseJsonObject(response.body);
  if (reply === null || !Array.isArray(reply.data)) return readUnknown(batch, "unreadable");
  const items: JsonObject[] = reply.data.filter(isJsonObject);
  // A reply to somebody else's call, from a confused proxy, proves nothing about ours.
  const references = items.map((item) => readString(item, "trackData"));
  if (references.some((reference) => reference !== null && reference !== batch.callId)) {
    return readUnknown(batch, "other-reference");
  }
  const byNumber = new Map(items.map((item) => [digitsOf(readString(item, "to") ?? ""), item]));
  const info = isJsonObject(reply.info) ? reply.info : null;
  const invalid = new Set(readStrings(info?.invalid).map(digitsOf));
  const outcomes = batch.messages.map(({ to }): Outcome => {
    const item = byNumber.get(digitsOf(to));
    if (item !== undefined) return readItem(item);
    if (invalid.has(digitsOf(to))) return { kind: "rejected", reason: "invalid-recipient" };
    return { kind: "unknown", reason: "not-in-response" };
  });
  return { outcomes, trouble: null };
}

function readItem(item: JsonObject): Outcome {
  const refusal = sendStates.get(readString(item, "status") ?? "");
  if (refusal === undefined) return { kind: "unknown", reason: UNLISTED_STATUS };
  if (refusal !== null) return { kind: "rejected", reason: refusal };
  return { kind: "accepted", providerMessageId: readId(item, "msgId") };
}

/**
 * The numbers that are named are out for good. The others, and a request whose culprits are not named, come again
 * in smaller ones, at last alone.
 */
function readRefused(response: HttpResponse, batch: Batch): Reading {
  const { refusal, invalid } = readError(response.body);
  const reason = refusal?.reason ?? httpReason(response);
  const named = new Set(invalid.map(digitsOf));
  const isForAll = refusal?.whose === "request" || batch.messages.length === 1;
  const outcomes = batch.messages.map(({ to }): Outcome => {
    if (named.has(digitsOf(to))) return { kind: "rejected", reason: "invalid-recipient" };
    if (isForAll) return { kind: "rejected", reason };
    return { kind: "later", reason: "batch-refused", usesTry: true };
  });
  return { outcomes, trouble: null };
}

/** A 400 like any bad request, and so is being out of credit. */
function isDuplicate(response: HttpResponse): boolean {
  return response.status === 400 && readError(response.body).isDuplicate;
}

function troubleOf(response: HttpResponse): AccountTrouble | null {
  const reason = httpReason(response);
  switch (response.status) {
    case 400:
    case 403: {
      const { refusal } = readError(response.body);
      if (refusal?.whose === "account")
        return { kind: "held", reason: refusal.reason, advice: refusal.advice };
      if (refusal !== null || response.status === 400) return null;
      const advice = `SMS.CX forbids the call. Check in the SMS.CX panel that the application has the scope "${SCOPE}", or the API key its rights, and which IP addresses are allowed.`;
      return { kind: "held", reason, advice };
    }
    case 401:
      return { kind: "token-rejected" };
    case 404:
    case 405:
    case 415:
      return {
        kind: "held",
        reason,
        advice: "SMS.CX does not know this address. Check the account's baseUrl.",
      };
    case 429:
      return { kind: "throttled", retryAfterMs: readResetMs(response.headers) };
    default:
      return null;
  }
}

/**
 * `X-Rate-Limit-Reset` is a moment in unix seconds; read against the server's own clock or not at all, and within
 * the bounds of a Retry-After.
 */
function readResetMs({ date, "x-rate-limit-reset": reset = "" }: HttpResponse["headers"]): number | null {
  if (date === undefined || Number.isNaN(Date.parse(date)) || !/^\d{10}$/.test(reset)) return null;
  return readRetryAfterMs({ "retry-after": new Date(Number(reset) * 1_000).toUTCString(), date });
}

/** SMS.CX answers with a plus; a list of invalid numbers repeats what was given. */
function digitsOf(number: string): string {
  return number.replace(/\D/g, "");
}
