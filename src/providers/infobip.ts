// [5] Infobip SMS API v3, by OAuth2 (user name and password) or by API key. Read on 2026-11-22:
//
//   token   https://www.infobip.com/docs/essentials/api-essentials/api-authentication
//   send    https://www.infobip.com/docs/api/channels/sms
//   logs    https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports
//   form    https://www.infobip.com/docs/developer-resources/api-fundamentals/api-requests-and-responses
//   client  https://github.com/infobip/infobip-api-java-client (generated from the vendor's OpenAPI)
//
// A request holds texts, each with its own recipients, and every recipient has an id of ours
// (infobip-message-id.ts), by which replies, logs and reports are matched. Beside this file stand the tables of
// codes (infobip-statuses.ts, infobip-errors.ts), error answers (infobip-refusals.ts) and reports.

import type { Account } from "../domain/account.ts";
import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import { networkSenderFault } from "../domain/sender.ts";
import { sensitive } from "../domain/sensitive.ts";
import { isJsonObject, parseJsonObject, readString } from "../platform/json.ts";
import { bearer, revealCredential } from "./credentials.ts";
import { infobipQuestions } from "./infobip-ask.ts";
import { baseUrl, buildLogsRequest, LOG_ENTRIES_MAX, LOG_MESSAGES_MAX } from "./infobip-logs.ts";
import { infobipMessageId } from "./infobip-message-id.ts";
import { readRefused, troubleOf } from "./infobip-refusals.ts";
import { infobipReports } from "./infobip-reports.ts";
import { agreeOn, readStatus, type StatusMeaning } from "./infobip-statuses.ts";
import type {
  Batch,
  Finding,
  HttpRequest,
  HttpResponse,
  LookUpAnswer,
  LookUpQuestion,
  OutgoingMessage,
  Provider,
  ProviderFacts,
  Reading,
} from "./provider.ts";
import { httpReason, isSuccess, noAnswer, readTrouble, readUnknown } from "./reading.ts";

const facts: ProviderFacts = {
  hasOwnHost: true,
  batchMax: 1_000,
  defaultRequestsPerSecond: 10,
  defaultSegmentsPerSecond: null,
  // Infobip refuses more than 25 parts and more than 4000 bytes (status 25). Ten parts stay below both in any
  // encoding: 1530 characters of GSM-7, or 670 of UCS-2, which are at most 2010 bytes in UTF-8.
  segmentsMax: 10,
  takesSender: true,
  hasReports: true,
  hasInbound: true,
  reportProofs: ["basic", "oauth2"],
  unknownSettledBy: "look-up",
  sources: [
    "https://www.infobip.com/docs/api/channels/sms",
    "https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes",
    "https://www.infobip.com/docs/developer-resources/api-fundamentals/rate-limits-and-throttling",
  ],
};

// ASSUMED, to be checked against a live account; everything else in the files of Infobip is documented:
//   - 1000 recipients and 10 requests a second (above): "thousands of recipients in one go" is all that is public.
//   - A sender is what networks carry: no length is published.
//   - Positions in `violations[].property` count from zero, and the keys of an older `validationErrors` are the
//     same paths (infobip-refusals.ts).
//   - A 413 or 422 refuses a request like a 400; what any other undocumented status means is unknown.
//   - A message that the logs of the last 48 hours do not list was not taken. How soon a new one is listed is
//     not published, so the look-up is repeated (`unknown.lookUpAfterSeconds`).

const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 413, 422]);
/** Logs are kept for 48 hours; one hour is for clocks that disagree. */
const LOOK_UP_WINDOW_MS = 47 * 3_600_000;

type SendBody = {
  readonly messages: readonly {
    readonly sender?: string;
    readonly destinations: readonly { readonly to: string; readonly messageId: string }[];
    readonly content: { readonly text: string };
    readonly webhooks?: { readonly delivery: { readonly url: string }; readonly contentType: string };
  }[];
  readonly options: {
    readonly schedule: { readonly bulkId: string };
    readonly tracking: { readonly shortenUrl: false };
  };
};

export const infobip: Provider = {
  name: "infobip",
  facts,
  logins: [{ credentials: ["clientId", "clientSecret"] }, { credentials: ["apiKey"] }],
  buildTokenRequest,
  authorization: (account, token) =>
    token === null ? sensitive(`App ${revealCredential(account, "apiKey")}`) : bearer(token.reveal()),
  textFault: () => null,
  senderFault: (from) => (from === null ? null : networkSenderFault(from)),
  mayShareRequest: () => true,
  buildRequest,
  readResponse,
  lookUp: {
    sendsAgain: false,
    messagesMax: LOG_MESSAGES_MAX,
    windowMs: LOOK_UP_WINDOW_MS,
    buildRequest: buildLookUp,
    readResponse: readLookUp,
  },
  reports: { ...infobipReports, ask: infobipQuestions },
};

/** The secret goes into the body; in the query string, where some clients put it, every proxy would log it. */
function buildTokenRequest(account: Account): HttpRequest | null {
  if (account.credentials.apiKey !== undefined) return null;
  const form = new URLSearchParams({
    client_id: revealCredential(account, "clientId"),
    client_secret: revealCredential(account, "clientSecret"),
    grant_type: "client_credentials",
  });
  return {
    method: "POST",
    url: account.tokenUrl ?? `${baseUrl(account)}/auth/1/oauth2/token`,
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: sensitive(form.toString()),
  };
}

function buildRequest(batch: Batch, account: Account): HttpRequest {
  const reportUrl = readReportUrl(account);
  const body: SendBody = {
    messages: entriesOf(batch).map(({ text, messages }) => ({
      ...(batch.from === null ? {} : { sender: batch.from }),
      destinations: messages.map(({ id, to }) => ({
        // Digits only, "without a leading +".
        to: to.slice(1),
        messageId: infobipMessageId(id, batch.callId),
      })),
      content: { text },
      ...(reportUrl === null
        ? {}
        : { webhooks: { delivery: { url: reportUrl }, contentType: "application/json" } }),
    })),
    options: {
      // "If not provided, it will be auto-generated": ours lets a person find the call in Infobip's portal.
      schedule: { bulkId: batch.callId },
      // True by default, and would replace the links of a text.
      tracking: { shortenUrl: false },
    },
  };
  return {
    method: "POST",
    url: `${baseUrl(account)}/sms/3/messages`,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: sensitive(JSON.stringify(body)),
  };
}

function readResponse(response: HttpResponse, batch: Batch): Reading {
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  if (isSuccess(response)) return readReply(response, batch);
  if (REFUSED_STATUSES.has(response.status)) return readRefused(response, batch, entriesOf(batch));
  return readUnknown(batch, httpReason(response));
}

function buildLookUp(question: LookUpQuestion, account: Account): HttpRequest {
  return buildLogsRequest(
    question.messages.map(({ id }) => infobipMessageId(id, question.callId)),
    account,
  );
}

/**
 * What is listed is known, whatever else the list lacks. That something is not listed proves its absence, and
 * lets it be sent again, only if the list is whole and of our messages alone.
 */
function readLookUp(response: HttpResponse, question: LookUpQuestion): LookUpAnswer {
  const trouble = troubleOf(response);
  if (trouble !== null || response.status !== 200) return noAnswer(httpReason(response), trouble);
  const reply = parseJsonObject(response.body);
  const results = reply?.results;
  if (!Array.isArray(results)) return noAnswer("unreadable");
  const ids = question.messages.map(({ id }) => infobipMessageId(id, question.callId));
  const { byId, strangers } = meaningsOf(results, new Set(ids));
  const isWhole = strangers === 0 && isLastPage(reply?.cursor) && results.length < LOG_ENTRIES_MAX;
  const unlisted: Finding["kind"] = isWhole ? "absent" : "undecided";
  return {
    kind: "answered",
    findings: ids.map((id) => findingOf(id, agreeOn(byId.get(id) ?? [], "inLog"), unlisted)),
  };
}

/**
 * Reports to an address of the request come without any login. An account that wants a proof has a Subscription
 * instead, which applies "when no webhook is specified in the request". Without reports nothing is said either:
 * `notify: false` would silence a Subscription that other programs of the same account live on.
 */
function readReportUrl({ reports }: Account): string | null {
  if (reports === null || reports.basic !== null || reports.oauth2 !== null) return null;
  return reports.url.reveal();
}

type Entry = { readonly text: string; readonly messages: readonly OutgoingMessage[] };

/** One entry a text: a batch without fields has one, a template with fields as many as it has different texts. */
function entriesOf({ messages }: Batch): readonly Entry[] {
  const byText = Map.groupBy(messages, (message) => message.text.reveal());
  return [...byText].map(([text, sharing]) => ({ text, messages: sharing }));
}

function readReply(response: HttpResponse, batch: Batch): Reading {
  const items = parseJsonObject(response.body)?.messages;
  if (!Array.isArray(items)) return readUnknown(batch, "unreadable");
  const ids = batch.messages.map(({ id }) => infobipMessageId(id, batch.callId));
  const { byId } = meaningsOf(items, new Set(ids));
  let trouble: AccountTrouble | null = null;
  const outcomes = ids.map((id): Outcome => {
    const meaning = agreeOn(byId.get(id) ?? [], "inReply");
    if (meaning === undefined) return { kind: "unknown", reason: "not-in-response" };
    const { reason, advice } = meaning;
    if (advice !== null) trouble ??= { kind: "held", reason, advice };
    return outcomeOf(id, meaning);
  });
  return { outcomes, trouble };
}

function outcomeOf(id: string, { inReply, reason, advice }: StatusMeaning): Outcome {
  switch (inReply) {
    case "accepted":
      return { kind: inReply, providerMessageId: id };
    case "later":
      return { kind: inReply, reason, usesTry: advice === null };
    case "rejected":
    case "unknown":
      return { kind: inReply, reason };
    default:
      return inReply satisfies never;
  }
}

function findingOf(id: string, meaning: StatusMeaning | undefined, unlisted: Finding["kind"]): Finding {
  const kind = meaning?.inLog ?? unlisted;
  if (kind === "accepted") return { kind, providerMessageId: id };
  if (kind === "rejected") return { kind, reason: meaning?.reason ?? "refused-by-provider" };
  return { kind };
}

/** `{limit, nextCursor}`, where there is another page. */
function isLastPage(cursor: unknown): boolean {
  if (cursor === undefined || cursor === null) return true;
  return isJsonObject(cursor) && (cursor.nextCursor === undefined || cursor.nextCursor === null);
}

/** What a reply or the logs say of each id, which may be several things; items of no id of ours are strangers. */
function meaningsOf(items: readonly unknown[], ids: ReadonlySet<string>) {
  const byId = new Map<string, StatusMeaning[]>();
  let strangers = 0;
  for (const item of items) {
    const id = isJsonObject(item) ? readString(item, "messageId") : null;
    if (!isJsonObject(item) || id === null || !ids.has(id)) {
      strangers += 1;
      continue;
    }
    const { meaning } = readStatus(item.status);
    const meanings = byId.get(id);
    if (meanings === undefined) byId.set(id, [meaning]);
    else meanings.push(meaning);
  }
  return { byId, strangers };
}
