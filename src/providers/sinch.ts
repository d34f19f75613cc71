// [5] Sinch SMS REST API (xms/v1), by OAuth2 (project) or by service plan and API token. Read on 2026-11-22:
//
//   token      https://developers.sinch.com/docs/identity-access-management/authenticate/oauth2
//   batches    https://developers.sinch.com/docs/sms/api-reference
//   rates      https://developers.sinch.com/docs/sms/resources/message-info/rate-limits
//   clients    https://github.com/sinch/sinch-sdk-node, https://github.com/sinch/sinch-sdk-java
//   old pages  https://github.com/sinch/docs (lengths of parameters)
//
// One request is one Sinch batch: up to 1000 recipients of one body, which may differ by `parameters` only.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import type { Template } from "../domain/template.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import { basic, bearer, revealCredential } from "./credentials.ts";
import type {
  Batch,
  BatchForm,
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
  batchMax: 1_000,
  defaultRequestsPerSecond: 10,
  // Messages above the plan's rate wait in Sinch's own queue; nothing is refused.
  defaultSegmentsPerSecond: null,
  // 10 segments are 1530 characters: within the 2000 of today's page and the 1600 of the old one.
  segmentsMax: 10,
  takesSender: true,
  hasReports: true,
  reportProofs: ["hmac", "basic", "oauth2"],
  unknownSettledBy: "look-up",
  sources: [
    "https://developers.sinch.com/docs/sms/api-reference",
    "https://developers.sinch.com/docs/sms/resources/message-info/rate-limits",
  ],
};

// ASSUMED, to be checked against a live account; everything else in this file is documented:
//   - 10 requests a second (above): the plan's rate stands in the contract only.
//   - `to[i]` in a 400 counts from zero.
//   - A parameter's value is not expanded again, not even together with what stands beside it.
//   - A value takes 160 characters, as on the old pages; today's limit is not published.
//   - A 401 on the API needs no look at its body, which is not documented.
const PARAMETER_VALUE_CHARACTERS_MAX = 160;

const AUTH_HOST = "https://auth.sinch.com";
/** The region that the vendor's own clients use when none is given. */
const DEFAULT_REGION = "us";
/** How far before the attempt a look-up starts, for clocks that disagree; Sinch keeps 14 days. */
const LOOK_UP_EARLIER_MS = 3_600_000;
const LOOK_UP_PAGE_SIZE = 30;
const PLACEHOLDER = "${";

type BatchBody = {
  readonly from?: string;
  readonly to: readonly string[];
  readonly body: string;
  readonly type: "mt_text";
  readonly parameters?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly client_reference: string;
};

/** Vendor codes of a 400 or 403 -> our reason. A code that is not here is not repeated: it could hold anything. */
const vendorReasons: ReadonlyMap<string, string> = new Map([
  // "The request could not be parsed as JSON."
  ["syntax_invalid_json", "syntax-invalid-json"],
  // "The format of a value is wrong", for example a number that is no number.
  ["syntax_invalid_parameter_format", "syntax-invalid-parameter-format"],
  // "A constraint is not met", for example a body that is too long.
  ["syntax_constraint_violation", "syntax-constraint-violation"],
  // "A recipient is a group that does not exist."
  ["unknown_group", "unknown-group"],
  // "No campaign or service has this id."
  ["unknown_campaign", "unknown-campaign"],
  // "A report was asked for, and there is no URL to send it to."
  ["missing_callback_url", "missing-callback-url"],
  // "The batch has been sent already."
  ["batch_already_dispatched", "batch-already-dispatched"],
]);

export const sinch: Provider = {
  name: "sinch",
  facts,
  buildTokenRequest,
  authorization: (account, token) => bearer(token?.reveal() ?? revealCredential(account, "apiToken")),
  textFault: () => null,
  mayShareRequest,
  buildRequest,
  readResponse,
  lookUp: { sendsAgain: false, messagesMax: 1_000, buildRequest: buildLookUp, readResponse: readLookUp },
  reports: null,
};

function buildTokenRequest(account: Account): HttpRequest | null {
  if (!usesOAuth2(account)) return null;
  const base = account.baseUrl ?? AUTH_HOST;
  return {
    method: "POST",
    url: account.tokenUrl ?? `${base}/oauth2/token`,
    headers: {
      authorization: basic(account, "keyId", "keySecret"),
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: sensitive("grant_type=client_credentials"),
  };
}

/** Without a template only messages with one and the same text may share; who fills the batch sees to that. */
function mayShareRequest(message: OutgoingMessage, batch: BatchForm): boolean {
  if (batch.template === null) return !message.text.reveal().includes(PLACEHOLDER);
  return (
    batch.template.parts.every((part) => !part.includes(PLACEHOLDER)) && message.values.every(fitsParameter)
  );
}

function buildRequest(batch: Batch, account: Account): HttpRequest {
  const body: BatchBody = {
    ...(batch.from === null ? {} : { from: batch.from }),
    to: batch.messages.map((message) => digitsOf(message.to)),
    ...(batch.messages.length === 1 ? plainText(batch) : sharedText(batch)),
    type: "mt_text",
    client_reference: batch.callId,
  };
  return {
    method: "POST",
    url: batchesUrl(account),
    headers: { "content-type": "application/json", accept: "application/json" },
    body: sensitive(JSON.stringify(body)),
  };
}

function readResponse(response: HttpResponse, batch: Batch): Reading {
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  if (isSuccess(response)) return readAccepted(response, batch);
  if (response.status === 400) return readRefused(response, batch);
  return readUnknown(batch, httpReason(response));
}

function buildLookUp(question: LookUpQuestion, account: Account): HttpRequest {
  // Without start_date Sinch looks back 24 hours only.
  const query = new URLSearchParams({
    client_reference: question.callId,
    start_date: new Date(question.openedAt.getTime() - LOOK_UP_EARLIER_MS).toISOString(),
    page_size: String(LOOK_UP_PAGE_SIZE),
  });
  const url = `${batchesUrl(account)}?${query}`;
  return { method: "GET", url, headers: { accept: "application/json" }, body: null };
}

/**
 * Only a whole and sound list may say that Sinch does not have a message, because that lets it be sent again:
 * a batch that is not ours, a page that is not the last, or a count that disagrees proves nothing.
 */
function readLookUp(response: HttpResponse, question: LookUpQuestion): LookUpAnswer {
  const trouble = troubleOf(response);
  if (trouble !== null || response.status !== 200) return noAnswer(httpReason(response), trouble);
  const reply = parseJsonObject(response.body);
  const batches = reply?.batches;
  if (!Array.isArray(batches)) return noAnswer("unreadable");
  const count = reply?.count;
  if (count !== undefined && count !== batches.length) return noAnswer("incomplete-list");
  const found = new Map<string, string>();
  for (const item of batches) {
    const batch = isJsonObject(item) ? readBatch(item) : null;
    if (batch === null || batch.reference !== question.callId) return noAnswer("unreadable");
    for (const digits of batch.recipients) found.set(digits, batch.id);
  }
  return {
    kind: "answered",
    findings: question.messages.map(({ to }) => {
      const providerMessageId = found.get(digitsOf(to));
      return providerMessageId === undefined ? { kind: "absent" } : { kind: "accepted", providerMessageId };
    }),
  };
}

function usesOAuth2(account: Account): boolean {
  return account.credentials.projectId !== undefined;
}

function batchesUrl(account: Account): string {
  const region = account.region ?? DEFAULT_REGION;
  const host = usesOAuth2(account) ? `zt.${region}` : region;
  const id = revealCredential(account, usesOAuth2(account) ? "projectId" : "servicePlanId");
  return `${account.baseUrl ?? `https://${host}.sms.api.sinch.com`}/xms/v1/${encodeURIComponent(id)}/batches`;
}

/** An empty value would make Sinch fall back to a default, and without one fail the recipient (code 405). */
function fitsParameter(value: Sensitive<string>): boolean {
  const text = value.reveal();
  return text !== "" && text.length <= PARAMETER_VALUE_CHARACTERS_MAX && !text.includes(PLACEHOLDER);
}

/** A lone message travels as its rendered text; a literal "${" in it gets its "$" from a parameter. */
function plainText(batch: Batch): Pick<BatchBody, "body" | "parameters"> {
  const [message] = batch.messages;
  assert(message !== undefined, "A batch has a message.");
  const text = message.text.reveal();
  if (!text.includes(PLACEHOLDER)) return { body: text };
  const body = text.split(PLACEHOLDER).join(`${placeholder(0)}{`);
  return { body, parameters: { p0: { [digitsOf(message.to)]: "$" } } };
}

function sharedText({ template, messages }: Batch): Pick<BatchBody, "body" | "parameters"> {
  if (template !== null && template.fields.length > 0) return templateText(template, messages);
  const [body, ...others] = new Set(messages.map((message) => message.text.reveal()));
  assert(body !== undefined && others.length === 0, "Messages of one batch without fields have one text.");
  return { body };
}

function templateText(template: Template, messages: readonly OutgoingMessage[]) {
  const body = template.parts
    .map((part, index) => {
      const slot = template.slots[index];
      return slot === undefined ? part : part + placeholder(template.fields.indexOf(slot));
    })
    .join("");
  const parameters = template.fields.map((_field, index) => [
    `p${index}`,
    valuesOf(messages, (message) => readValue(message, index)),
  ]);
  return { body, parameters: Object.fromEntries(parameters) };
}

function valuesOf(messages: readonly OutgoingMessage[], read: (message: OutgoingMessage) => string) {
  return Object.fromEntries(messages.map((message) => [digitsOf(message.to), read(message)]));
}

/** Our own keys, because Sinch takes 16 characters of `A-Za-z0-9.-_` and a field may have any name. */
function placeholder(index: number): string {
  return `\${p${index}}`;
}

function readValue(message: OutgoingMessage, index: number): string {
  const value = message.values[index];
  assert(value !== undefined, "A message has a value for each field of its template.");
  return value.reveal();
}

function readAccepted(response: HttpResponse, batch: Batch): Reading {
  const reply = parseJsonObject(response.body);
  const taken = reply === null ? null : readBatch(reply);
  if (taken === null) return readUnknown(batch, "unreadable");
  // A reply to somebody else's call, from a confused proxy, proves nothing about ours.
  if (taken.reference !== null && taken.reference !== batch.callId) {
    return readUnknown(batch, "other-reference");
  }
  const outcomes = batch.messages.map(
    (message): Outcome =>
      taken.recipients.has(digitsOf(message.to))
        ? { kind: "accepted", providerMessageId: taken.id }
        : { kind: "unknown", reason: "not-in-response" },
  );
  return { outcomes, trouble: null };
}

/**
 * One bad number fails the whole request. The numbers that are named are out for good; the others, and a batch
 * whose culprit is not named, come again in smaller batches, at last alone.
 */
function readRefused(response: HttpResponse, batch: Batch): Reading {
  const { code, text } = readError(response);
  const named = new Set([...text.matchAll(/\bto\[(\d{1,4})\]/g)].map((match) => Number(match[1])));
  const outcomes = batch.messages.map((_message, index): Outcome => {
    if (named.has(index)) return { kind: "rejected", reason: "invalid-recipient" };
    if (batch.messages.length > 1) return { kind: "later", reason: "batch-refused", usesTry: true };
    return { kind: "rejected", reason: vendorReasons.get(code) ?? httpReason(response) };
  });
  return { outcomes, trouble: null };
}

function troubleOf(response: HttpResponse): AccountTrouble | null {
  switch (response.status) {
    case 401:
      return { kind: "token-rejected" };
    case 403:
      return {
        kind: "held",
        reason: vendorReasons.get(readError(response).code) ?? "http-403",
        advice:
          "Sinch forbids this account to send. Check in the Sinch dashboard that the access key belongs to the project (or the API token to the service plan), that it may use SMS, and that the account is not blocked.",
      };
    case 404:
    case 405:
    case 415:
      return {
        kind: "held",
        reason: httpReason(response),
        advice:
          "Sinch does not know this address. Check the account's projectId (or servicePlanId), region and baseUrl.",
      };
    case 429:
      return { kind: "throttled", retryAfterMs: null };
    default:
      return null;
  }
}

/** `{code, text}`, or on some versions of the status page `{error: {code, message, status, details}}`. */
function readError(response: HttpResponse): { readonly code: string; readonly text: string } {
  const reply = parseJsonObject(response.body);
  const error = isJsonObject(reply?.error) ? reply.error : null;
  const code = readString(reply, "code") ?? readString(error, "code") ?? readString(error, "status") ?? "";
  const text = readString(reply, "text") ?? readString(error, "message") ?? "";
  return { code, text: code === "syntax_invalid_json" ? "" : text };
}

function readBatch(
  reply: JsonObject,
): { id: string; reference: string | null; recipients: Set<string> } | null {
  const id = readString(reply, "id");
  const to = reply.to;
  if (id === null || !/^[\x21-\x7e]{1,128}$/.test(id) || !Array.isArray(to)) return null;
  const recipients = new Set(to.filter((item) => typeof item === "string").map(digitsOf));
  return { id, reference: readString(reply, "client_reference"), recipients };
}

/** Sinch answers without the plus; its pages also allow `+` and `00` in front. */
function digitsOf(number: string): string {
  return number.replace(/\D/g, "").replace(/^00/, "");
}
