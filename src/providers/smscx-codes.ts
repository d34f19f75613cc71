// [5] What SMS.CX's error codes and states mean to us, with the vendor's own wording as comments. Read on 2026-11-22:
//
//   codes   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/SmsApi.md ("Errors for POST /sms")
//   states  https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/DataSms.md
//
// A code or state that is not here is not repeated anywhere: it could hold anything.

import { type ReportedState, UNLISTED_STATUS } from "../domain/report.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import { isProviderId } from "./report-fields.ts";

/** What a request for sending was refused for. */
export type Refusal =
  /** For what all its messages have in common: in smaller company they would be refused as well. */
  | { readonly whose: "request"; readonly reason: string }
  /** For some of its numbers, which the reply may name, or which smaller requests find. */
  | { readonly whose: "numbers"; readonly reason: string }
  | { readonly whose: "account"; readonly reason: string; readonly advice: string };

/** The scope that POST /sms wants. */
export const SCOPE = "sms";

const request = (reason: string): Refusal => ({ whose: "request", reason });
const numbers = (reason: string): Refusal => ({ whose: "numbers", reason });
const account = (reason: string, advice: string): Refusal => ({ whose: "account", reason, advice });

const noCredit = account(
  "insufficient-credit",
  "The SMS.CX account is out of credit. Top it up; the messages wait.",
);
const scopeMissing = account(
  "scope-missing",
  `The token lacks the scope "${SCOPE}". Grant it to the application in the SMS.CX panel (HTTP API, Applications).`,
);
const accessDenied = account(
  "access-denied",
  "SMS.CX denies this account the call. Check in the SMS.CX panel the application's rights and its allowed IP addresses.",
);

/** All are `invalid_param` and a 400 unless said otherwise. */
const refusalsByCode: ReadonlyMap<number, Refusal> = new Map([
  // "The phone numbers array is too big (max. allowed: 25000 numbers)"
  [1103, numbers("too-many-recipients")],
  // "The parameter `to` is empty or not set"
  [1104, request("recipient-missing")],
  // "The parameter `from` is empty or not set"
  [1105, request("sender-missing")],
  // "The parameter `from` is not valid (min 3, max 15 characters)"
  [1106, request("sender-invalid")],
  // "The parameter `text` is empty or not set"
  [1107, request("text-missing")],
  // "The parameter `scheduledDate` is not a valid date"
  [1108, request("schedule-invalid")],
  // "The parameter `dlrCallbackUrl` is not a valid URL": no message's fault, but the configuration's.
  [
    1109,
    account("report-url-invalid", "SMS.CX does not take the address for reports. Check server.publicUrl."),
  ],
  // "Invalid alphabet."
  [1110, request("alphabet-invalid")],
  // "Idempotency Id provided is not a valid UUID (v1-v5)"
  [1111, request("reference-invalid")],
  // "The shortlink/attachment ID provided for tracking is invalid or not found"
  [1112, request("placeholder-invalid")],
  // insufficient_credit: "Insufficient credit"
  [1113, noCredit],
  // insufficient_credit: "Credit limit reached. To increase the credit limit, please contact your account manager"
  [
    1114,
    account(
      "credit-limit",
      "The SMS.CX account has reached its credit limit. Pay, or ask SMS.CX to raise it; the messages wait.",
    ),
  ],
  // "The scheduled date is in the past"
  [1116, request("schedule-invalid")],
  // access_denied, 403
  [1118, accessDenied],
  // no_coverage, 403: "No coverage or restricted destination"
  [1119, numbers("no-coverage")],
  // "The parameter `transliteration` should be an object"
  [1135, request("alphabet-invalid")],
  // "Invalid number of characters for the placeholder {{numbers}}"
  [1136, request("placeholder-invalid")],
  // "Number of characters for placeholders can be between 1 and 20"
  [1137, request("placeholder-invalid")],
  // "Group ID is not a valid group"
  [1140, request("group-invalid")],
  // "The phone number provided is not valid"
  [1207, numbers("invalid-recipient")],
  // "The phone numbers provided are invalid"
  [1210, numbers("invalid-recipient")],
  // "The parameter `removeEmojis` is not boolean (true or false)"
  [1503, request("alphabet-invalid")],
]);

/** For errors without a code, or with one that came after the pages were read. */
const refusalsByType: ReadonlyMap<string, Refusal> = new Map([
  ["insufficient_credit", noCredit],
  ["insufficient_scope", scopeMissing],
  ["access_denied", accessDenied],
  ["no_coverage", numbers("no-coverage")],
  ["invalid_param", numbers("invalid-param")],
  ["invalid_body", request("invalid-body")],
]);

/** "A resource with the same ID already exist", "You are trying to create/update a resource that must be unique". */
const duplicateTypes: ReadonlySet<string> = new Set(["duplicate_id", "duplicate_value"]);

/** `data[].status` of a reply: our reason when it refuses the number, null when it takes it. */
export const sendStates: ReadonlyMap<string, string | null> = new Map([
  // "Message has been accepted for delivery"
  ["ACCEPTED", null],
  // "Message has been scheduled at the date time specified", which the application's quiet hours may do, too.
  ["SCHEDULED", null],
  // "Message was rejected because the number has opted out from receiving messages"
  ["REJECTED", "opted-out"],
  // "There is no coverage for this destination or no pricing is set"
  ["NO COVERAGE", "no-coverage"],
]);

export type ReportMeaning = {
  readonly state: ReportedState;
  readonly reason: string;
  readonly permanent: boolean;
  readonly optedOut: boolean;
};

const pending = (reason: string): ReportMeaning => ({
  state: "pending",
  reason,
  permanent: false,
  optedOut: false,
});
const undelivered = (reason: string, optedOut = false): ReportMeaning => ({
  state: "undelivered",
  reason,
  permanent: true,
  optedOut,
});

/** `data[].status` of a `dlr_update`. ASSUMED: every FAILED is permanent; the table of error codes is not public. */
export const reportStates: ReadonlyMap<string, ReportMeaning> = new Map([
  ["ACCEPTED", pending("accepted")],
  ["SCHEDULED", pending("scheduled")],
  ["SENT", pending("sent")],
  ["DELIVERED", { state: "delivered", reason: "delivered", permanent: false, optedOut: false }],
  ["FAILED", undelivered("failed")],
  ["REJECTED", undelivered("opted-out", true)],
  ["NO COVERAGE", undelivered("no-coverage")],
]);
/** A state that SMS.CX may add one day is no proof of anything. */
export const unlistedReport: ReportMeaning = pending(UNLISTED_STATUS);

export type ReadError = {
  /** Null: no page says what this error means. */
  readonly refusal: Refusal | null;
  readonly isDuplicate: boolean;
  /** The numbers that the error names, as they stand there. */
  readonly invalid: readonly string[];
};

/** `{"error":{"type","message","uri","code"},"invalid":[...]}`; the official README has `invalid` inside `error`. */
export function readError(body: string): ReadError {
  const reply = parseJsonObject(body);
  const error: JsonObject | null = isJsonObject(reply?.error) ? reply.error : null;
  const type = readString(error, "type") ?? "";
  const code = Number(error?.code);
  return {
    refusal: refusalsByCode.get(code) ?? refusalsByType.get(type) ?? null,
    isDuplicate: duplicateTypes.has(type),
    invalid: [...readStrings(reply?.invalid), ...readStrings(error?.invalid)],
  };
}

export function readStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** An id of SMS.CX that may be kept and shown. */
export function readId(object: JsonObject, name: string): string | null {
  const id = readString(object, name);
  return isProviderId(id) ? id : null;
}
