// Reads the body of POST /sms: the first error with its documented code, or what it asks for.
//
//   smscx/smscx-api-php-library, docs/Api/SmsApi.md, docs/Model/SendSmsMessageRequest.md (read 2026-11-22)
//
// ASSUMED: the order in which errors are found; that unknown fields and wrong types are `invalid_body`; that a
// text of more than 1530 characters has code 1107. A valid number is what our own reading calls one: theirs is
// not described, and both follow the same public numbering plans.

import { callingCodeOf, numberingMetadata } from "../domain/numbering-plan.ts";
import { type CountryCode, parseCountry, parsePhoneNumber } from "../domain/phone-number.ts";
import { isJsonObject, type JsonObject, parseJsonBody } from "./json-body.ts";
import { invalidParam, type SmscxError } from "./smscx-errors.ts";
import { checkPlaceholders } from "./smscx-text.ts";

export type SmscxRecipient = {
  /** With its plus. */
  readonly to: string;
  readonly digits: string;
  readonly countryIso: string | null;
};

export type SmscxRequest = {
  readonly recipients: readonly SmscxRecipient[];
  /** As they were written. */
  readonly invalid: readonly string[];
  readonly from: string;
  readonly text: string;
  /** Null: the message goes out at once. */
  readonly scheduledAtMs: number | null;
  readonly dlrCallbackUrl: string | null;
  readonly trackData: string | null;
  readonly idempotencyId: string | null;
  readonly shortResponse: boolean;
  readonly noTextDetails: boolean;
};

export type SmscxReading =
  | { readonly ok: true; readonly request: SmscxRequest }
  | {
      readonly ok: false;
      readonly error: SmscxError;
      /** Digits, as far as they could be read. */
      readonly recipients: readonly string[];
      readonly reference: string | null;
    };

const RECIPIENTS_MAX = 25_000;
const FROM_CHARACTERS_MIN = 3;
const FROM_CHARACTERS_MAX = 15;
const TEXT_CHARACTERS_MAX = 1530;
const UUID_V1_TO_V5 = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DATE = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
const ALPHABETS = [
  "NONE",
  "NON_GSM",
  "RUSSIAN_CYRILLIC",
  "BULGARIAN_CYRILLIC",
  "UKRAINIAN_CYRILLIC",
  "MACEDONIAN_CYRILLIC",
  "BELARUSIAN_CYRILLIC",
  "SERBIAN_CYRILLIC",
  "POLISH",
  "ROMANIAN",
  "TURKISH",
  "GREEK",
];
const FLAGS = ["allowInvalid", "isUtc", "shortResponse", "noTextDetails", "showTimezone"];
const TEXTS = ["from", "text", "countryIso", "scheduledDate", "dlrCallbackUrl", "trackData", "idempotencyId"];

export function readSmscxMessage(bytes: Buffer, wallMs: number): SmscxReading {
  const body = parseJsonBody(bytes);
  if (body === null) {
    return {
      ok: false,
      error: invalidBody("The body is not a JSON object."),
      recipients: [],
      reference: null,
    };
  }
  const written = listNumbers(body.to);
  const idempotencyId = textOf(body, "idempotencyId")?.toLowerCase() ?? null;
  const failed = (error: SmscxError): SmscxReading => ({
    ok: false,
    error,
    recipients: (written ?? []).map((number) => number.replace(/\D/g, "")),
    reference: idempotencyId,
  });
  const formError = checkForm(body, written) ?? checkValues(body, wallMs);
  if (formError !== null) return failed(formError);
  const { recipients, invalid } = readNumbers(written ?? [], textOf(body, "countryIso"));
  const numbersError = checkNumbers(recipients.length, invalid, body);
  if (numbersError !== null) return failed(numbersError);
  const trackData = textOf(body, "trackData");
  const scheduledDate = textOf(body, "scheduledDate");
  return {
    ok: true,
    request: {
      recipients,
      invalid,
      from: textOf(body, "from") ?? "",
      text: textOf(body, "text") ?? "",
      scheduledAtMs: scheduledDate === null ? null : parseDate(scheduledDate),
      dlrCallbackUrl: textOf(body, "dlrCallbackUrl"),
      // Anything but a UUID in lower case is dropped without a word.
      trackData: trackData !== null && UUID_V1_TO_V5.test(trackData) ? trackData : null,
      idempotencyId,
      shortResponse: body.shortResponse === true,
      noTextDetails: body.noTextDetails === true,
    },
  };
}

/** Dates in bodies: UTC without saying so. */
export function smscxDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** What is there at all, and of which type. */
function checkForm(body: JsonObject, written: readonly string[] | null): SmscxError | null {
  for (const name in body) {
    const value = body[name];
    if (name === "to" || name === "transliteration") continue;
    if (FLAGS.includes(name)) {
      if (typeof value !== "boolean") return invalidBody(`The parameter ${name} is not boolean`);
    } else if (TEXTS.includes(name)) {
      if (typeof value !== "string") return invalidBody(`The parameter ${name} is not a string`);
    } else {
      return invalidBody(`The parameter ${name} is not known`);
    }
  }
  if (body.to !== undefined && written === null) return invalidBody("The parameter to is no list of strings");
  return null;
}

function checkValues(body: JsonObject, wallMs: number): SmscxError | null {
  const written = listNumbers(body.to) ?? [];
  const [from, text, idempotencyId] = [
    textOf(body, "from") ?? "",
    textOf(body, "text") ?? "",
    textOf(body, "idempotencyId"),
  ];
  if (written.length === 0) return invalidParam(1104, "The parameter `to` is empty or not set");
  if (written.length > RECIPIENTS_MAX) return invalidParam(1103, "The phone numbers array is too big");
  if (from === "") return invalidParam(1105, "The parameter `from` is empty or not set");
  if (from.length < FROM_CHARACTERS_MIN || from.length > FROM_CHARACTERS_MAX) {
    return invalidParam(1106, "The parameter `from` is not valid (min 3, max 15 characters)");
  }
  if (text === "") return invalidParam(1107, "The parameter `text` is empty or not set");
  if (text.length > TEXT_CHARACTERS_MAX) return invalidParam(1107, "The parameter `text` is too long");
  if (idempotencyId !== null && !UUID_V1_TO_V5.test(idempotencyId.toLowerCase())) {
    return invalidParam(1111, "Idempotency Id provided is not a valid UUID (v1-v5)");
  }
  const address = textOf(body, "dlrCallbackUrl");
  if (address !== null && !(URL.canParse(address) && /^https?:/i.test(address))) {
    return invalidParam(1109, "The parameter `dlrCallbackUrl` is not a valid URL");
  }
  return (
    checkDate(textOf(body, "scheduledDate"), wallMs) ??
    checkTransliteration(body.transliteration) ??
    checkPlaceholders(text)
  );
}

function checkDate(scheduledDate: string | null, wallMs: number): SmscxError | null {
  if (scheduledDate === null) return null;
  const ms = parseDate(scheduledDate);
  if (ms === null) return invalidParam(1108, "The parameter `scheduledDate` is not a valid date");
  return ms < wallMs ? invalidParam(1116, "The scheduled date is in the past") : null;
}

/** Checked, not carried out. */
function checkTransliteration(value: unknown): SmscxError | null {
  if (value === undefined) return null;
  if (!isJsonObject(value)) return invalidParam(1135, "The parameter `transliteration` should be an object");
  const { alphabet, removeEmojis } = value;
  if (alphabet !== undefined && !ALPHABETS.includes(String(alphabet))) {
    return invalidParam(1110, `Invalid alphabet. Must be one of: ${ALPHABETS.join(", ")}`);
  }
  if (removeEmojis === undefined || typeof removeEmojis === "boolean") return null;
  return invalidParam(1503, "The parameter `removeEmojis` is not boolean (true or false)");
}

/** One bad number fails them all, unless `allowInvalid`; no good one fails in any case. */
function checkNumbers(validCount: number, invalid: readonly string[], body: JsonObject): SmscxError | null {
  if (invalid.length === 0 || (body.allowInvalid === true && validCount > 0)) return null;
  // 1207 is the error of a single number; that one in a list counts as such, too, is ASSUMED.
  const isSingle = validCount + invalid.length === 1;
  const error = isSingle
    ? invalidParam(1207, "The phone number provided is not valid")
    : invalidParam(1210, "The phone numbers provided are invalid");
  return { ...error, invalid };
}

function readNumbers(written: readonly string[], countryIso: string | null) {
  const country = countryIso === null ? null : parseCountry(countryIso);
  const home: CountryCode | undefined = country?.ok === true ? country.country : undefined;
  const recipients: SmscxRecipient[] = [];
  const invalid: string[] = [];
  for (const raw of written) {
    const reading = parsePhoneNumber(raw, home);
    if (reading.ok) {
      const { number, country } = reading;
      const digits = number.slice(1);
      recipients.push({ to: number, digits, countryIso: country ?? mainCountryOf(digits) });
    } else invalid.push(raw);
  }
  return { recipients, invalid };
}

/** For the numbers that none of the countries with that calling code claims (ASSUMED); null for codes of no country. */
export function mainCountryOf(digits: string): string | null {
  return numberingMetadata.country_calling_codes[callingCodeOf(digits) ?? ""]?.[0] ?? null;
}

/** A single number may stand there without a list. Null: neither. */
function listNumbers(to: unknown): readonly string[] | null {
  if (typeof to === "string") return to === "" ? [] : [to];
  return Array.isArray(to) && to.every((entry) => typeof entry === "string") ? to : null;
}

function parseDate(text: string): number | null {
  const ms = DATE.test(text) ? Date.parse(`${text.replace(" ", "T")}Z`) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function textOf(body: JsonObject, name: string): string | null {
  const value = body[name];
  return typeof value === "string" ? value : null;
}

function invalidBody(message: string): SmscxError {
  return { type: "invalid_body", code: 1000, message };
}
