// [5] Acme SMS, which does not exist: the adapter of docs/adding-a-provider.md. A real one names here the pages that
// it was written from, and the day on which they were read:
//
//   send, errors  https://docs.acme-sms.example/send
//   reports       https://docs.acme-sms.example/reports
//
// One request is up to 100 messages, each with its own text, under one reference of ours, which the answer and every
// report repeat. Acme cannot be asked about a call, so a message without a reply ends as its class says.

import type { Account } from "../../src/domain/account.ts";
import { isUuid } from "../../src/domain/ids.ts";
import type { CallId } from "../../src/domain/message.ts";
import type { AccountTrouble, Outcome } from "../../src/domain/outcome.ts";
import type { Report, ReportReading } from "../../src/domain/report.ts";
import { networkSenderFault } from "../../src/domain/sender.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../../src/platform/json.ts";
import { revealCredential } from "../../src/providers/credentials.ts";
import type {
  Batch,
  HttpRequest,
  HttpResponse,
  Provider,
  ProviderFacts,
  Reading,
} from "../../src/providers/provider.ts";
import { httpReason, isSuccess, readAll, readTrouble, readUnknown } from "../../src/providers/reading.ts";
import { isProviderId, readNumber, readTime } from "../../src/providers/report-fields.ts";

const HOST = "https://api.acme-sms.example";

const facts: ProviderFacts = {
  hasOwnHost: false,
  batchMax: 100,
  defaultRequestsPerSecond: 10,
  defaultSegmentsPerSecond: null,
  segmentsMax: 10,
  takesSender: true,
  hasReports: true,
  hasInbound: false,
  reportProofs: [],
  unknownSettledBy: "class",
  sources: ["https://docs.acme-sms.example/send", "https://docs.acme-sms.example/reports"],
};

// ASSUMED, to be checked against a live account; everything else in this file is documented:
//   - 10 requests a second (above): no limit is published.

/** `error` of one message -> our reason. "The other messages of the request are sent." */
const refusals: ReadonlyMap<string, string> = new Map([
  // "Nobody can have this number."
  ["invalid_number", "invalid-recipient"],
  // "We have no route to this country."
  ["no_route", "no-coverage"],
]);

type Verdict = Pick<Report, "state" | "reason" | "permanent" | "optedOut">;
const failed = { state: "undelivered", permanent: true, optedOut: false } as const;

/** `status` of a report -> what it says. */
const verdicts: ReadonlyMap<string, Verdict> = new Map<string, Verdict>([
  // "Handed to the network."
  ["sent", { state: "pending", reason: "sent", permanent: false, optedOut: false }],
  ["delivered", { state: "delivered", reason: "delivered", permanent: false, optedOut: false }],
  // "The phone was off for two days."
  ["expired", { ...failed, reason: "expired", permanent: false }],
  // "The network does not know the number."
  ["unknown_number", { ...failed, reason: "unknown-subscriber" }],
  // "The person has blocked all messages of the sender."
  ["blocked", { ...failed, reason: "blocked", optedOut: true }],
]);

export const acme: Provider = {
  name: "acme",
  facts,
  logins: [{ credentials: ["apiKey"] }],
  // A key needs no token.
  buildTokenRequest: () => null,
  authorization: (account) => sensitive(`Key ${revealCredential(account, "apiKey")}`),
  textFault: () => null,
  senderFault: (from) => (from === null ? null : networkSenderFault(from)),
  mayShareRequest: () => true,
  buildRequest,
  readResponse,
  lookUp: null,
  reports: { readReports, readInbound: () => null, isSigned: null, ask: null },
};

function buildRequest(batch: Batch, account: Account): HttpRequest {
  const body = {
    reference: batch.callId,
    ...(batch.from === null ? {} : { sender: batch.from }),
    ...(account.reports === null ? {} : { reportUrl: account.reports.url.reveal() }),
    messages: batch.messages.map(({ to, text }) => ({ to, text: text.reveal() })),
  };
  return {
    method: "POST",
    url: `${account.baseUrl ?? HOST}/v1/messages`,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: sensitive(JSON.stringify(body)),
  };
}

function readResponse(response: HttpResponse, batch: Batch): Reading {
  if (isSuccess(response)) return readAnswer(response, batch);
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  // "400: nothing was sent." Whose fault it was is not told, so each message is tried in smaller company, at last alone.
  if (response.status === 400) {
    const isAlone = batch.messages.length === 1;
    const later: Outcome = { kind: "later", reason: "batch-refused", usesTry: true };
    return readAll(batch, isAlone ? { kind: "rejected", reason: "invalid-request" } : later);
  }
  // A 5xx may follow a message that was sent.
  return readUnknown(batch, httpReason(response));
}

/** Matched by number, never by position; who is not named may have been sent to. */
function readAnswer(response: HttpResponse, batch: Batch): Reading {
  const reply = parseJsonObject(response.body);
  if (reply === null || reply.reference !== batch.callId || !Array.isArray(reply.messages)) {
    return readUnknown(batch, "unreadable");
  }
  const items: JsonObject[] = reply.messages.filter(isJsonObject);
  const byNumber = new Map(items.map((item) => [item.to, item]));
  const outcomes = batch.messages.map(({ to }): Outcome => {
    const item = byNumber.get(to);
    return item === undefined ? { kind: "unknown", reason: "not-in-response" } : readItem(item);
  });
  return { outcomes, trouble: null };
}

function readItem(item: JsonObject): Outcome {
  const id = readString(item, "id");
  if (isProviderId(id)) return { kind: "accepted", providerMessageId: id };
  const reason = refusals.get(readString(item, "error") ?? "");
  return reason === undefined ? { kind: "unknown", reason: "unlisted-error" } : { kind: "rejected", reason };
}

function troubleOf(response: HttpResponse): AccountTrouble | null {
  switch (response.status) {
    case 401:
      return { kind: "token-rejected" };
    case 402: {
      const advice = "The Acme account is out of credit. Top it up; the messages wait.";
      return { kind: "held", reason: "insufficient-credit", advice };
    }
    case 403: {
      const advice = "Acme forbids the call. Check in its console what the API key may do.";
      return { kind: "held", reason: httpReason(response), advice };
    }
    case 404: {
      const advice = "Acme does not know this address. Check the account's baseUrl.";
      return { kind: "held", reason: httpReason(response), advice };
    }
    case 429:
      return { kind: "throttled", retryAfterMs: null };
    default:
      return null;
  }
}

/** Null: this is no report of Acme's. What is one and cannot be read is counted, so that somebody looks at it. */
function readReports(body: string): ReportReading | null {
  const items = parseJsonObject(body)?.reports;
  if (!Array.isArray(items)) return null;
  const reports = items.map(readReport).filter((report) => report !== null);
  return { reports, unreadable: items.length - reports.length };
}

function readReport(item: unknown): Report | null {
  if (!isJsonObject(item)) return null;
  const status = readString(item, "status") ?? "";
  const verdict = verdicts.get(status);
  const reference = readString(item, "reference") ?? "";
  const to = readNumber(item.to);
  // The call and the number name the message, also before we have its id at Acme.
  if (verdict === undefined || !isUuid(reference) || to === null) return null;
  const id = readString(item, "id");
  const providerMessageId = isProviderId(id) ? id : null;
  return {
    about: { messageId: null, callId: reference as CallId, providerMessageId, to },
    ...verdict,
    code: status,
    at: readTime(item, "at"),
  };
}
