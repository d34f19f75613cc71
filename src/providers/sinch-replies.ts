// [5] What Sinch answers: a batch that was taken, a refusal, or trouble with the account. Read by the send and by
// the look-up; the pages are named in sinch.ts.

import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import type { Batch, HttpResponse, Reading } from "./provider.ts";
import { httpReason, isSuccess, readTrouble, readUnknown } from "./reading.ts";
import { isProviderId } from "./report-fields.ts";

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

const forbiddenAdvice =
  "Sinch forbids this account to send. Check in the Sinch dashboard that the access key belongs to the project (or the API token to the service plan), that it may use SMS, and that the account is not blocked or out of credit.";
/** What a person does about the 403 of a code; `forbiddenAdvice` for every other one. */
const vendorAdvice: ReadonlyMap<string, string> = new Map([
  [
    "missing_callback_url",
    "Sinch was asked for delivery reports and has no address for them. Check server.publicUrl, or set a default callback URL for the service plan in the Sinch dashboard.",
  ],
]);
const addressAdvice =
  "Sinch does not know this address. Check the account's projectId (or servicePlanId), region and baseUrl: a project's region is us or eu, a service plan's also au, br or ca.";

export function readResponse(response: HttpResponse, batch: Batch): Reading {
  const trouble = troubleOf(response);
  if (trouble !== null) return readTrouble(batch, trouble);
  if (isSuccess(response)) return readAccepted(response, batch);
  if (response.status === 400) return readRefused(response, batch);
  return readUnknown(batch, httpReason(response));
}

export function troubleOf(response: HttpResponse): AccountTrouble | null {
  switch (response.status) {
    case 401:
      return { kind: "token-rejected" };
    case 403:
      return {
        kind: "held",
        reason: vendorReasons.get(readError(response).code) ?? "http-403",
        advice: vendorAdvice.get(readError(response).code) ?? forbiddenAdvice,
      };
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

/** A batch as the 201 and the list show it; null: it cannot be read. */
export function readBatch(
  reply: JsonObject,
): { id: string; reference: string | null; recipients: Set<string> } | null {
  const id = readString(reply, "id");
  const to = reply.to;
  if (!isProviderId(id) || !Array.isArray(to)) return null;
  const recipients = new Set(to.filter((item) => typeof item === "string").map(digitsOf));
  return { id, reference: readString(reply, "client_reference"), recipients };
}

/** Sinch answers without the plus; its pages also allow `+` and `00` in front. */
export function digitsOf(number: string): string {
  return number.replace(/\D/g, "").replace(/^00/, "");
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

/** `{code, text}`, or on some versions of the status page `{error: {code, message, status, details}}`. */
function readError(response: HttpResponse): { readonly code: string; readonly text: string } {
  const reply = parseJsonObject(response.body);
  const error = isJsonObject(reply?.error) ? reply.error : null;
  const code = readString(reply, "code") ?? readString(error, "code") ?? readString(error, "status") ?? "";
  const text = readString(reply, "text") ?? readString(error, "message") ?? "";
  return { code, text: code === "syntax_invalid_json" ? "" : text };
}
