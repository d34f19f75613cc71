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
import { networkSenderFault } from "../domain/sender.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import type { Template } from "../domain/template.ts";
import { basic, bearer, revealCredential } from "./credentials.ts";
import type { Batch, BatchForm, HttpRequest, OutgoingMessage, Provider, ProviderFacts } from "./provider.ts";
import { batchesUrl, usesOAuth2 } from "./sinch-address.ts";
import { sinchQuestions } from "./sinch-ask.ts";
import { sinchLookUp } from "./sinch-look-up.ts";
import { digitsOf, readResponse } from "./sinch-replies.ts";
import { sinchReports } from "./sinch-reports.ts";

const facts: ProviderFacts = {
  hasOwnHost: false,
  batchMax: 1_000,
  defaultRequestsPerSecond: 10,
  // Messages above the plan's rate wait in Sinch's own queue; nothing is refused.
  defaultSegmentsPerSecond: null,
  // 10 segments are 1530 characters: within the 2000 of today's page and the 1600 of the old one.
  segmentsMax: 10,
  takesSender: true,
  hasReports: true,
  hasInbound: true,
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
//   - `from` is "a number, short code or alphanumeric": no length is published, so what networks carry holds.
//   - A 401 on the API needs no look at its body, which is not documented.
//   - A signature's timestamp may be a day old (sinch-reports.ts).
//   - Report code 403 "internal error" may be tried again (sinch-codes.ts).
const PARAMETER_VALUE_CHARACTERS_MAX = 160;

const AUTH_HOST = "https://auth.sinch.com";
/** Longest `callback_url` that Sinch takes. */
const CALLBACK_URL_CHARACTERS_MAX = 2_048;
const PLACEHOLDER = "${";

type BatchBody = {
  readonly from?: string;
  readonly to: readonly string[];
  readonly body: string;
  readonly type: "mt_text";
  readonly parameters?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly delivery_report?: "per_recipient_final";
  readonly callback_url?: string;
  readonly client_reference: string;
};

export const sinch: Provider = {
  name: "sinch",
  facts,
  logins: [
    { credentials: ["projectId", "keyId", "keySecret"], regions: ["us", "eu"] },
    { credentials: ["servicePlanId", "apiToken"], regions: ["us", "eu", "au", "br", "ca"] },
  ],
  buildTokenRequest,
  authorization: (account, token) => bearer(token?.reveal() ?? revealCredential(account, "apiToken")),
  textFault: () => null,
  senderFault: (from) => (from === null ? null : networkSenderFault(from)),
  mayShareRequest,
  buildRequest,
  readResponse,
  lookUp: sinchLookUp,
  reports: { ...sinchReports, ask: sinchQuestions },
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
    ...askForReports(account),
    client_reference: batch.callId,
  };
  return {
    method: "POST",
    url: batchesUrl(account),
    headers: { "content-type": "application/json", accept: "application/json" },
    body: sensitive(JSON.stringify(body)),
  };
}

/** The last report of each recipient only: the ones before it move nothing. */
function askForReports({ reports }: Account): Pick<BatchBody, "delivery_report" | "callback_url"> {
  if (reports === null) return {};
  const url = reports.url.reveal();
  assert(url.length <= CALLBACK_URL_CHARACTERS_MAX, "The address for reports is longer than Sinch takes.");
  return { delivery_report: "per_recipient_final", callback_url: url };
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
