// Reads the body of POST /xms/v1/{id}/batches, as strictly as Sinch's documents allow to say (read 2026-11-22).
//
//   https://developers.sinch.com/docs/sms/api-reference                 fields and bounds                [api]
//   https://developers.sinch.com/docs/sms/api-reference/status-codes    the codes of 400 and 403         [codes]
//   sinch/sinch-sdk-java, openapi-contracts, domains/sms/models/v1      types of the optional fields     [java]
//   sinch/docs, docs/sms (archived)                                     older, stricter bounds           [old]
//
// [codes] syntax_invalid_json: not JSON, or not the API's own; syntax_invalid_parameter_format: a value's form,
// such as a bad number; syntax_constraint_violation: a field missing, a list too long. The texts are ASSUMED.

import { digitsOf } from "./faults.ts";
import { isJsonObject, type JsonObject, parseJsonBody } from "./json-body.ts";
import type { Parameters } from "./sinch-text.ts";

export type SinchRefusal = {
  readonly status: 400 | 403;
  readonly code:
    | "syntax_invalid_json"
    | "syntax_invalid_parameter_format"
    | "syntax_constraint_violation"
    | "unknown_group"
    | "missing_callback_url";
  readonly text: string;
};

export type SinchBatchRequest = {
  readonly fields: JsonObject;
  /** Digits only, in the order of `to`. */
  readonly recipients: readonly string[];
  readonly body: string;
  readonly parameters: Parameters;
  readonly reference: string | null;
};

export type SinchReading =
  | { readonly ok: true; readonly request: SinchBatchRequest }
  | {
      readonly ok: false;
      readonly refusal: SinchRefusal;
      /** As far as they could be read. */
      readonly recipients: readonly string[];
      readonly reference: string | null;
    };

/** [api] */
const RECIPIENTS_MAX = 1000;
const BODY_CHARACTERS_MAX = 2000;
const CALLBACK_URL_CHARACTERS_MAX = 2048;
/** [old]; newer pages allow more without agreeing how much. */
const REFERENCE_CHARACTERS_MAX = 128;
/** [api] With `+`, with `00` or bare. The lengths are ASSUMED: E.164 ends at 15, no country is below 7. */
const NUMBER = /^(?:\+|00)?[1-9]\d{6,14}$/;
/** [api] Groups may stand in `to`; this account has none. The form of their ids is ASSUMED from the samples. */
const GROUP_ID = /^[0-9A-Za-z]{20,26}$/;
/** [api] A number, a short code or letters; the 11 characters of a name are the networks' bound. */
const ORIGINATOR = /^(?:\+?\d{3,15}|[\x20-\x7e]{1,11})$/;
/** [api] */
const PARAMETER_KEY = /^[A-Za-z0-9._-]{1,16}$/;
/** [java] */
const DELIVERY_REPORTS = ["none", "summary", "full", "per_recipient", "per_recipient_final"];
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
/** [java] `expire_at` is three days after `send_at` by default and at most. */
export const LIFE_MAX_MS = 3 * 24 * 3_600_000;

type FieldCheck = (value: unknown, name: string) => SinchRefusal | null;

const flag: FieldCheck = (value, name) => (typeof value === "boolean" ? null : wrongType(name, "a boolean"));

const date: FieldCheck = (value, name) => {
  if (typeof value !== "string") return wrongType(name, "a string");
  return parseIsoDate(value) === null ? wrongForm(name, "it is not an ISO-8601 date") : null;
};

function text(bounds: { readonly min: number; readonly max: number }): FieldCheck {
  return (value, name) => {
    if (typeof value !== "string") return wrongType(name, "a string");
    return value.length < bounds.min || value.length > bounds.max
      ? violation(`${name} must have ${bounds.min} to ${bounds.max} characters.`)
      : null;
  };
}

function whole(bounds: { readonly min: number; readonly max: number }): FieldCheck {
  return (value, name) => {
    if (!Number.isInteger(value)) return wrongType(name, "a whole number");
    return Number(value) < bounds.min || Number(value) > bounds.max
      ? violation(`${name} is out of its range.`)
      : null;
  };
}

/** Every field that the documents give a text batch. Others are refused [codes: "does not conform"]. */
const FIELDS: ReadonlyMap<string, FieldCheck> = new Map<string, FieldCheck>([
  ["to", checkRecipients],
  // That an empty body is refused is ASSUMED.
  ["body", text({ min: 1, max: BODY_CHARACTERS_MAX })],
  ["from", checkOriginator],
  // The other kinds of batch, mt_binary and mt_media, are not simulated.
  ["type", (value) => (value === "mt_text" ? null : notConforming("type must be mt_text."))],
  ["parameters", checkParameters],
  ["delivery_report", checkDeliveryReport],
  ["callback_url", checkCallbackUrl],
  ["client_reference", text({ min: 0, max: REFERENCE_CHARACTERS_MAX })],
  ["send_at", date],
  ["expire_at", date],
  ["flash_message", flag],
  ["truncate_concat", flag],
  ["feedback_enabled", flag],
  ["max_number_of_message_parts", whole({ min: 1, max: Number.MAX_SAFE_INTEGER })],
  ["from_ton", whole({ min: 0, max: 6 })],
  ["from_npi", whole({ min: 0, max: 18 })],
]);

export function readSinchBatch(
  bytes: Buffer,
  options: {
    readonly defaultCallbackUrl: string | null;
    readonly isRejected: (digits: string) => boolean;
    readonly wallMs: number;
  },
): SinchReading {
  const fields = parseJsonBody(bytes);
  if (fields === null)
    return { ok: false, refusal: notConforming("The body is not a JSON object."), ...NOBODY };
  const { to, body, parameters, client_reference: reference } = fields;
  const known = {
    recipients: Array.isArray(to) ? to.map((entry) => digitsOf(String(entry))) : [],
    reference: typeof reference === "string" ? reference : null,
  };
  const refusal = checkFields(fields) ?? checkTogether(fields, options);
  if (refusal !== null) return { ok: false, refusal, ...known };
  const rejected = known.recipients.findIndex(options.isRejected);
  if (rejected >= 0) return { ok: false, refusal: badRecipient(rejected), ...known };
  // checkFields has seen that these are what they are taken for.
  return {
    ok: true,
    request: { fields, body: String(body), parameters: (parameters ?? {}) as Parameters, ...known },
  };
}

/** ISO-8601 as Sinch uses it; a time without a zone is UTC (ASSUMED). Null for anything else. */
export function parseIsoDate(value: string): number | null {
  if (!ISO_DATE.test(value)) return null;
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(value.slice(10)) || value.length === 10;
  const ms = Date.parse(zoned ? value : `${value}Z`);
  return Number.isNaN(ms) ? null : ms;
}

const NOBODY = { recipients: [], reference: null } as const;

function checkFields(fields: JsonObject): SinchRefusal | null {
  for (const name in fields) {
    const check = FIELDS.get(name);
    if (check === undefined) return notConforming(`The field ${name} is not known.`);
    const refusal = check(fields[name], name);
    if (refusal !== null) return refusal;
  }
  for (const name of ["to", "body"]) {
    if (!Object.hasOwn(fields, name)) return violation(`The field ${name} is required.`);
  }
  return null;
}

/** What no field can tell alone. */
function checkTogether(
  fields: JsonObject,
  options: { readonly defaultCallbackUrl: string | null; readonly wallMs: number },
): SinchRefusal | null {
  const { delivery_report: report, callback_url: url, send_at: sendAt, expire_at: expireAt } = fields;
  const wantsReports = report !== undefined && report !== "none";
  if (wantsReports && url === undefined && options.defaultCallbackUrl === null) {
    const words = "Delivery reports are asked for, and neither the batch nor the account has a callback URL.";
    return { status: 403, code: "missing_callback_url", text: words };
  }
  if (typeof expireAt !== "string") return null;
  const startMs = (typeof sendAt === "string" ? parseIsoDate(sendAt) : null) ?? options.wallMs;
  const lifeMs = (parseIsoDate(expireAt) ?? 0) - startMs;
  return lifeMs <= 0 || lifeMs > LIFE_MAX_MS
    ? violation("expire_at must lie after send_at and at most three days later.")
    : null;
}

function checkRecipients(value: unknown): SinchRefusal | null {
  if (!Array.isArray(value)) return wrongType("to", "a list");
  if (value.length < 1 || value.length > RECIPIENTS_MAX) {
    return violation(`to must have 1 to ${RECIPIENTS_MAX} entries.`);
  }
  for (let index = 0; index < value.length; index += 1) {
    const entry: unknown = value[index];
    if (typeof entry !== "string") return wrongType(`to[${index}]`, "a string");
    if (NUMBER.test(entry)) continue;
    if (!GROUP_ID.test(entry)) return badRecipient(index);
    return { status: 403, code: "unknown_group", text: `The group of to[${index}] is not known.` };
  }
  return null;
}

function checkOriginator(value: unknown): SinchRefusal | null {
  if (typeof value !== "string") return wrongType("from", "a string");
  return ORIGINATOR.test(value) ? null : wrongForm("from", "it is no number, short code or name");
}

function checkParameters(value: unknown): SinchRefusal | null {
  if (!isJsonObject(value)) return wrongType("parameters", "an object");
  for (const key in value) {
    if (!PARAMETER_KEY.test(key)) return wrongForm("parameters", "a key has a form that no key has");
    const values = value[key];
    if (!isJsonObject(values)) return wrongType(`parameters.${key}`, "an object");
    for (const number in values) {
      if (typeof values[number] !== "string") return wrongType(`parameters.${key}`, "an object of strings");
      if (number !== "default" && !NUMBER.test(number)) {
        return wrongForm(`parameters.${key}`, "it names neither a number nor the default");
      }
    }
  }
  return null;
}

function checkDeliveryReport(value: unknown): SinchRefusal | null {
  return typeof value === "string" && DELIVERY_REPORTS.includes(value)
    ? null
    : notConforming(`delivery_report must be one of ${DELIVERY_REPORTS.join(", ")}.`);
}

function checkCallbackUrl(value: unknown): SinchRefusal | null {
  if (typeof value !== "string") return wrongType("callback_url", "a string");
  if (value.length > CALLBACK_URL_CHARACTERS_MAX) {
    return violation(`callback_url must have at most ${CALLBACK_URL_CHARACTERS_MAX} characters.`);
  }
  const isWeb = URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  return isWeb ? null : wrongForm("callback_url", "it is not a web address");
}

/** [api] One malformed number fails the whole request, and the text names its place. */
function badRecipient(index: number): SinchRefusal {
  return wrongForm(`to[${index}]`, "it is not a phone number");
}

function wrongForm(name: string, why: string): SinchRefusal {
  const words = `The format of ${name} is invalid: ${why}.`;
  return { status: 400, code: "syntax_invalid_parameter_format", text: words };
}

function wrongType(name: string, expected: string): SinchRefusal {
  return notConforming(`The value of ${name} is not ${expected}.`);
}

function notConforming(words: string): SinchRefusal {
  return { status: 400, code: "syntax_invalid_json", text: words };
}

function violation(words: string): SinchRefusal {
  return { status: 400, code: "syntax_constraint_violation", text: words };
}
