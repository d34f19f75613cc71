// [5] mobile.digital, one recipient a call behind an AWS API Gateway. Read on 2026-11-22:
//
//   token, send  https://www.apimobiledigital.com/oauth2-api-docs.html
//   lengths      https://www.apimobiledigital.com/webhook-api-docs.html
//
// Little is public. There is no reference of ours, no look-up and no described report, so what a call that broke
// off became can only be told by a person, and a message without a reply ends as its class says. The gateway's
// host is each customer's own: `baseUrl` of the account, which the configuration demands.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import type { AccountTrouble } from "../domain/outcome.ts";
import type { Report, ReportReading } from "../domain/report.ts";
import { sensitive } from "../domain/sensitive.ts";
import { parseJsonObject, readString } from "../platform/json.ts";
import { basic, bearer } from "./credentials.ts";
import type { Batch, HttpRequest, HttpResponse, Provider, ProviderFacts, Reading } from "./provider.ts";
import { httpReason, isSuccess, readAll, readTrouble, readUnknown } from "./reading.ts";
import { isProviderId, readNumber, readTime } from "./report-fields.ts";

const facts: ProviderFacts = {
  hasOwnHost: true,
  batchMax: 1,
  defaultRequestsPerSecond: 5,
  defaultSegmentsPerSecond: null,
  // "Up to 306 characters": two joined parts of 153.
  segmentsMax: 2,
  takesSender: false,
  // A send cannot ask for reports, and no page describes one, so nothing may wait for it. Those that somebody has
  // arranged with mobile.digital are read below.
  hasReports: false,
  hasInbound: false,
  reportProofs: [],
  unknownSettledBy: "class",
  sources: [
    "https://www.apimobiledigital.com/oauth2-api-docs.html",
    "https://www.apimobiledigital.com/webhook-api-docs.html",
  ],
};

// ASSUMED, to be checked against a live account; everything else in this file is documented:
//   - 5 requests a second (above): no limit is published.
//   - Any 2xx is an acceptance (but see readAccepted); its body may hold the message's id under one of these names.
//   - Status codes that the page does not explain mean what AWS API Gateway means by them: 403 is a wrong path as
//     well as a missing right, and a 502, 503 or 504 may follow a message that was sent.
//   - A delivery report, if one comes, is {"messageId", "recipient", "status": "delivered" | "failed", "timestamp"}.
const idFields = ["messageId", "message_id", "id"] as const;

/** "write: send SMS/MMS, campaigns, triggers"; nothing else is asked for. */
const SCOPE = "write";

const scopeAdvice = `The token lacks the scope "${SCOPE}". Ask mobile.digital to grant it to the account's client id.`;
const forbiddenAdvice = `mobile.digital forbids the call: either the token lacks the scope "${SCOPE}", or the gateway does not know the path. Check the scopes of the account's client id, and its baseUrl.`;

/** `error` of a 400 -> our reason; RFC 6749 (5.2), which the page's error examples follow. */
const refusalReasons: ReadonlyMap<string, string> = new Map([
  // "The request is missing a parameter, or is otherwise malformed."
  ["invalid_request", "invalid-request"],
]);
/** `error` values that are about the credentials whatever the status. */
const credentialErrors: ReadonlySet<string> = new Set(["invalid_client", "invalid_token"]);

export const mobileDigital: Provider = {
  name: "mobile-digital",
  facts,
  logins: [{ credentials: ["clientId", "clientSecret"] }],
  buildTokenRequest,
  authorization: (account, token) => {
    if (token === null) throw new Error(`Account ${account.name} has no token.`);
    return bearer(token.reveal());
  },
  textFault: () => null,
  // A request has no field for one; the gateway's own sender is what people would see.
  senderFault: (from) => (from === null ? null : "cannot be chosen at mobile.digital; leave it out"),
  mayShareRequest: () => false,
  buildRequest,
  readResponse,
  lookUp: null,
  reports: { readReports, readInbound: () => null, isSigned: null, ask: null },
};

function buildTokenRequest(account: Account): HttpRequest {
  return {
    method: "POST",
    url: account.tokenUrl ?? `${baseOf(account)}/oauth2/token`,
    headers: {
      authorization: basic(account, "clientId", "clientSecret"),
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: sensitive(`grant_type=client_credentials&scope=${SCOPE}`),
  };
}

function baseOf({ name, baseUrl }: Account): string {
  assert(baseUrl !== null, `Account ${name} has no baseUrl; the configuration was to check that.`);
  return baseUrl;
}

function buildRequest(batch: Batch, account: Account): HttpRequest {
  const [message, ...others] = batch.messages;
  if (message === undefined || others.length > 0)
    throw new Error("mobile.digital takes one recipient a call.");
  return {
    method: "POST",
    url: `${baseOf(account)}/sendSMS`,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: sensitive(JSON.stringify({ recipient: message.to, message: message.text.reveal() })),
  };
}

function readResponse(response: HttpResponse, batch: Batch): Reading {
  if (isSuccess(response)) return readAccepted(response, batch);
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  if (response.status !== 400) return readUnknown(batch, httpReason(response));
  return readAll(batch, {
    kind: "rejected",
    reason: refusalReasons.get(readError(response).code) ?? httpReason(response),
  });
}

/**
 * The reply's form is not published, so any 2xx will do, with an id or without. Not so a page of HTML or half a
 * JSON, which come from something in between, and a reply that calls itself no success.
 */
function readAccepted(response: HttpResponse, batch: Batch): Reading {
  const reply = parseJsonObject(response.body);
  if (reply === null && /^\s*[<{[]/.test(response.body)) {
    return readUnknown(batch, "unreadable");
  }
  if (reply?.success === false) return readUnknown(batch, "no-success");
  const ids = idFields.map((name) => readString(reply, name));
  const id = ids.find(isProviderId);
  return readAll(batch, { kind: "accepted", providerMessageId: id ?? null });
}

/** A body with the two fields that make it a report is one; without a status that we know it cannot be read. */
function readReports(body: string): ReportReading | null {
  const item = parseJsonObject(body);
  if (item === null || !Object.hasOwn(item, "messageId") || !Object.hasOwn(item, "status")) return null;
  const id = readString(item, "messageId");
  const status = readString(item, "status");
  if (!isProviderId(id) || (status !== "delivered" && status !== "failed")) {
    return { reports: [], unreadable: 1 };
  }
  const report: Report = {
    about: { messageId: null, callId: null, providerMessageId: id, to: readNumber(item.recipient) },
    state: status === "delivered" ? "delivered" : "undelivered",
    reason: status,
    code: null,
    permanent: status === "failed",
    optedOut: false,
    at: readTime(item, "timestamp"),
  };
  return { reports: [report], unreadable: 0 };
}

function troubleOf(response: HttpResponse): AccountTrouble | null {
  const { code, text } = readError(response);
  if (response.status === 401 || (response.status === 400 && credentialErrors.has(code))) {
    return { kind: "token-rejected" };
  }
  switch (response.status) {
    case 403: {
      const isScope = code === "insufficient_scope" || /scope/i.test(text);
      return isScope
        ? { kind: "held", reason: "scope-missing", advice: scopeAdvice }
        : { kind: "held", reason: "http-403", advice: forbiddenAdvice };
    }
    case 404:
    case 405:
    case 415:
      return {
        kind: "held",
        reason: httpReason(response),
        advice:
          "mobile.digital's gateway does not know this address. Check the account's baseUrl: it ends before /sendSMS.",
      };
    case 429:
      return { kind: "throttled", retryAfterMs: null };
    default:
      return null;
  }
}

/** `{error, error_description}` from the service, `{message}` from the gateway. */
function readError(response: HttpResponse): { readonly code: string; readonly text: string } {
  const reply = parseJsonObject(response.body);
  const text = readString(reply, "error_description") ?? readString(reply, "message") ?? "";
  return { code: readString(reply, "error") ?? "", text };
}
