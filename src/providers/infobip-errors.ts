// [7] Infobip's errors of SMS, the vendor's name of each beside it, and what they mean to us: why a message got no
// further, as reports say it. Read on 2026-11-22:
//
//   codes  https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
//   flags  https://www.infobip.com/docs/developer-resources/api-fundamentals/error-code-reference
//
// Of the documented ones those are listed that have a word of their own here; the rest (protocols of the networks,
// provisioning in the USA, demo accounts) keep the reason of the status, with their code and Infobip's flag.

import { isJsonObject, type JsonObject } from "../platform/json.ts";

export type ErrorMeaning = {
  readonly reason: string;
  readonly permanent: boolean;
  readonly optedOut: boolean;
};

const passing = (reason: string): ErrorMeaning => ({ reason, permanent: false, optedOut: false });
const lasting = (reason: string): ErrorMeaning => ({ reason, permanent: true, optedOut: false });
const wished = (reason: string): ErrorMeaning => ({ reason, permanent: true, optedOut: true });

/** `permanent` is Infobip's own flag of each, also where it surprises (351, 628, 4101, 4103). */
const errors: ReadonlyMap<number, ErrorMeaning> = new Map([
  // Handset errors. EC_UNKNOWN_SUBSCRIBER
  [1, lasting("unknown-subscriber")],
  // EC_UNIDENTIFIED_SUBSCRIBER
  [5, passing("unidentified-subscriber")],
  // EC_ABSENT_SUBSCRIBER_SM, EC_ABSENT_SUBSCRIBER: switched off or without coverage
  [6, passing("absent-subscriber")],
  [27, passing("absent-subscriber")],
  // EC_ROAMING_NOT_ALLOWED
  [8, passing("roaming-not-allowed")],
  // EC_ILLEGAL_SUBSCRIBER
  [9, lasting("illegal-subscriber")],
  // EC_TELESERVICE_NOT_PROVISIONED: a subscription without SMS
  [11, lasting("no-sms-subscription")],
  // EC_ILLEGAL_EQUIPMENT
  [12, lasting("illegal-equipment")],
  // EC_CALL_BARRED: suspended, usually for unpaid bills
  [13, passing("barred")],
  // EC_SUBSCRIBER_BUSY_FOR_MT_SMS
  [31, passing("busy")],
  // EC_SM_DELIVERY_FAILURE
  [32, passing("delivery-failure")],
  // EC_SYSTEM_FAILURE
  [34, passing("system-failure")],
  // EC_UNKNOWN_ERROR
  [255, passing("unknown-error")],
  // EC_SM_DF_MEMORYCAPACITYEXCEEDED
  [256, passing("inbox-full")],
  // EC_PROVIDER_GENERAL_ERROR
  [500, passing("network-error")],
  // EC_INVALID_RESPONSE_RECEIVED
  [501, passing("network-error")],
  // EC_NO_RESPONSE
  [502, passing("network-error")],
  // EC_SERVICE_COMPLETION_FAILURE
  [503, passing("network-error")],
  // EC_UNEXPECTED_RESPONSE_FROM_PEER
  [504, passing("network-error")],
  // EC_MISTYPED_PARAMETER
  [507, passing("network-error")],
  // EC_NOT_SUPPORTED_SERVICE
  [508, passing("network-error")],
  // EC_DUPLICATED_INVOKE_ID
  [509, passing("network-error")],
  // EC_CANNOT_RECEIVE_SC
  [565, lasting("no-short-codes")],
  // EC_SC_BLOCKED_BY_END_USER: "Additional messages must not be sent unless the end user opts in again."
  [573, wished("blocked-by-recipient")],
  // EC_USER_OUT_OF_CREDIT
  [581, passing("recipient-out-of-credit")],
  // EC_TEMPORARY_HANDSET_FAILURE
  [628, lasting("handset-failure")],
  // EC_DEST_ADDRESS_UNABLE_TO_RECEIVE_SMS
  [629, lasting("cannot-receive-sms")],

  // User errors. EC_INVALID_DESTINATION_ADDRESS
  [351, passing("invalid-recipient")],
  // EC_INVALID_REQUEST_DESTINATION: country code not recognised
  [352, lasting("invalid-recipient")],
  // EC_MSG_TEXT_TOO_LONG
  [355, lasting("text-too-long")],
  // EC_INVALID_SOURCE_ADDRESS
  [368, lasting("invalid-sender")],
  // EC_LIMIT_REACHED, EC_QUOTA_REACHED: the operator's limits for a campaign or brand
  [541, passing("operator-limit-reached")],
  [542, passing("operator-quota-reached")],
  // EC_CONTENT_BLOCKED: "blocked by user opt-out (MO: STOP)"
  [603, wished("opted-out")],
  // EC_BLOCKED_BY_CAMPAIGN_BLACKLIST: nothing says that the person asked
  [604, lasting("blocked-by-campaign")],
  // EC_REJECTED_SPAM_BY_OPERATOR
  [607, lasting("rejected-as-spam")],
  // EC_SIGNALS_BLOCKED
  [608, passing("blocked-as-fraud")],
  // EC_IMSI_BLACKLISTED
  [2049, lasting("recipient-blocked")],
  // EC_BLACKLISTED_DESTINATIONADDRESS: by the operator or on the account; nothing says that the person asked
  [2052, lasting("recipient-blocked")],
  // EC_BLACKLISTED_SENDERADDRESS
  [2053, lasting("sender-blocked")],
  // EC_DEACTIVATED_LIST
  [3041, lasting("number-deactivated")],
  // EC_MESSAGE_CANCELED
  [4100, lasting("cancelled")],
  // EC_VALIDITY_EXPIRED
  [4101, lasting("validity-expired")],
  // EC_DESTINATION_FLOODING, EC_DESTINATION_TXT_FLOODING
  [4103, lasting("flooding")],
  [4104, lasting("flooding")],

  // Operator errors. EC_CONTENT_BLOCKED_BY_OPERATOR
  [561, lasting("content-blocked-by-operator")],
  // EC_DESTINATION_BLOCKED_BY_OPERATOR: likely a suspended account
  [566, lasting("blocked-by-operator")],
  // EC_DESTINATION_NOT_SMS_PROVISIONED
  [568, lasting("no-sms-subscription")],
  // EC_DEST_ADDRESS_SUSPENDED
  [569, lasting("number-suspended")],
  // EC_SMS_REJECTED_BY_MOBILE_OPERATOR
  [632, lasting("rejected-by-operator")],
  // EC_MESSAGE_EXPIRED
  [811, lasting("validity-expired")],
  // EC_MESSAGE_SUBMITTED_NOT_ACKED
  [815, lasting("not-acknowledged")],
  // EC_TIME_OUT
  [2048, passing("timeout")],
  // EC_DEST_ADDRESS_BLACKLISTED: in the operator's DND (Do Not Disturb) database
  [2050, wished("do-not-disturb")],
  // EC_NOTSUBMITTEDTOGMSC
  [4097, passing("not-passed-on")],
  // EC_VP_EXPIRED
  [4098, passing("validity-expired")],
  // EC_DUPLICATE_MESSAGE: the operator has had this text for this number
  [5492, lasting("duplicate-message")],
]);

/** NO_ERROR: the operator gave none. */
const NO_ERROR = 0;

/** `{groupId, groupName, id, name, description, permanent}`; the flag that comes along goes before our list. */
export function readError(value: unknown): {
  readonly id: number | null;
  readonly meaning: Partial<ErrorMeaning>;
} {
  const id = isJsonObject(value) ? readCode(value, "id") : null;
  if (!isJsonObject(value) || id === null || id === NO_ERROR) return { id: null, meaning: {} };
  const listed = errors.get(id);
  if (typeof value.permanent === "boolean") return { id, meaning: { ...listed, permanent: value.permanent } };
  return { id, meaning: listed ?? { permanent: true } };
}

/** An id or group of Infobip's codes; anything but a natural number is none. */
export function readCode(object: JsonObject, name: "id" | "groupId"): number | null {
  const code = Object.hasOwn(object, name) ? object[name] : null;
  return typeof code === "number" && Number.isSafeInteger(code) && code >= 0 ? code : null;
}
