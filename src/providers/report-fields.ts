// [7] Fields of a report that every provider writes alike, read without trust.

import { type PhoneNumber, parsePhoneNumber } from "../domain/phone-number.ts";
import { type JsonObject, readString } from "../platform/json.ts";

/** The date and time of ISO 8601 with a zone; what else Date.parse would take is no time of a report. */
const TIME_FORM = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/;

export function readTime(object: JsonObject, name: string): Date | null {
  const text = readString(object, name);
  if (text === null || !TIME_FORM.test(text)) return null;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time;
}

/** With or without a plus: what we sent comes back as the same number. */
export function readNumber(value: unknown): PhoneNumber | null {
  if (typeof value !== "string" || !/^(?:\+|00)?[1-9]\d{4,14}$/.test(value)) return null;
  const reading = parsePhoneNumber(`+${value.replace(/^(?:\+|00)/, "")}`);
  return reading.ok ? reading.number : null;
}

/** Printable, without spaces, of a length that we can keep. */
export function isProviderId(value: string | null): value is string {
  return value !== null && /^[\x21-\x7e]{1,128}$/.test(value);
}
