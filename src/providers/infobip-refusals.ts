// [5] What Infobip's error answers mean: which message of a batch is at fault, or what is wrong with the account.
// Read on 2026-11-22:
//
//   errors  https://www.infobip.com/docs/developer-resources/api-fundamentals/handling-errors
//   scopes  https://www.infobip.com/docs/essentials/api-essentials/api-authorization
//
// There are two forms: v3 `{errorCode, description, action, violations, resources}`, and that of older services
// and gateways, `{requestError: {serviceException: {messageId, text, validationErrors}}}`.

import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import type { Batch, HttpResponse, OutgoingMessage, Reading } from "./provider.ts";
import { httpReason } from "./reading.ts";

/** The messages of one entry of the request's `messages[]`, in the order of its destinations. */
type Entry = { readonly messages: readonly OutgoingMessage[] };

const CULPRIT_FORM =
  /^messages\[(\d{1,4})\]\.(?:destinations\[(\d{1,4})\](?:\.to)?|(content(?:\.text)?|sender))$/;

const scopeAdvice =
  "Infobip says that the login may not do this. Give the account's API key or user the scope sms:manage; or message:send or sms:message:send to send, and sms:logs:read to look messages up.";
const forbiddenAdvice =
  "Infobip forbids the call. Check in the Infobip portal that the account is active, that its API key or user may send SMS (scope message:send, sms:message:send or sms:manage), and that no IP safelist shuts this machine out.";
const addressAdvice =
  "Infobip does not know this address. Check the account's baseUrl: every account has a host of its own, shown in the Infobip portal.";

/**
 * One bad field fails the whole request. The messages that are named are out for good; the others, and a batch
 * whose culprit is not named, come again in smaller batches, at last alone.
 */
export function readRefused(response: HttpResponse, batch: Batch, entries: readonly Entry[]): Reading {
  const culprits = readCulprits(response, entries);
  const outcomes = batch.messages.map((message): Outcome => {
    const reason = culprits.get(message);
    if (reason !== undefined) return { kind: "rejected", reason };
    if (batch.messages.length > 1) return { kind: "later", reason: "batch-refused", usesTry: true };
    return { kind: "rejected", reason: httpReason(response) };
  });
  return { outcomes, trouble: null };
}

function readCulprits(response: HttpResponse, entries: readonly Entry[]): Map<OutgoingMessage, string> {
  const culprits = new Map<OutgoingMessage, string>();
  for (const property of readProperties(parseJsonObject(response.body))) {
    const match = CULPRIT_FORM.exec(property);
    if (match === null) continue;
    const [, entryAt, destinationAt, sharedField] = match;
    const messages = entries[Number(entryAt)]?.messages ?? [];
    const message = messages[Number(destinationAt)];
    if (message !== undefined) culprits.set(message, "invalid-recipient");
    if (sharedField === undefined) continue;
    // A text or sender that is refused is refused for everybody who was to get it.
    const reason = sharedField === "sender" ? "invalid-sender" : "invalid-text";
    for (const sharing of messages) culprits.set(sharing, reason);
  }
  return culprits;
}

/** The paths that an error names: `violations[].property` of v3, the keys of `validationErrors` of v1 and v2. */
function readProperties(reply: JsonObject | null): string[] {
  const violations = reply?.violations;
  const named = Array.isArray(violations)
    ? violations.map((item) => (isJsonObject(item) ? readString(item, "property") : null))
    : [];
  const errors = readServiceException(reply)?.validationErrors;
  return [
    ...named.filter((property) => property !== null),
    ...(isJsonObject(errors) ? Object.keys(errors) : []),
  ];
}

function readServiceException(reply: JsonObject | null): JsonObject | null {
  const requestError = isJsonObject(reply?.requestError) ? reply.requestError : null;
  return isJsonObject(requestError?.serviceException) ? requestError.serviceException : null;
}

export function troubleOf(response: HttpResponse): AccountTrouble | null {
  switch (response.status) {
    // With an API key, too: there is nothing to refresh then, and the account waits for a person.
    case 401:
      return { kind: "token-rejected" };
    case 403: {
      // E403: "Insufficient permissions to access the requested resource", with a link to the API's scopes.
      const isScope = readString(parseJsonObject(response.body), "errorCode") === "E403";
      return isScope
        ? { kind: "held", reason: "scope-missing", advice: scopeAdvice }
        : { kind: "held", reason: "http-403", advice: forbiddenAdvice };
    }
    case 404:
    case 405:
    case 415:
      return { kind: "held", reason: httpReason(response), advice: addressAdvice };
    case 429:
      return { kind: "throttled", retryAfterMs: null };
    default:
      return null;
  }
}
