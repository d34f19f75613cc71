// [7] What Infobip sends to us: delivery reports of the SMS API v3 and v2, many in one request, and inbound SMS
// (MO_JSON_2). Read on 2026-11-22:
//
//   reports  https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports
//   inbound  https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages
//   logins   https://www.infobip.com/docs/developer-resources/api-fundamentals/webhooks
//
// No field is required by the schema, so each may be missing. Infobip can sign with an HMAC, but no page says
// in which header and over what; a Subscription with Basic or OAuth2 proves the sender instead.

import { type PhoneNumber, parsePhoneNumber } from "../domain/phone-number.ts";
import type { Inbound, Report, ReportReading } from "../domain/report.ts";
import { sensitive } from "../domain/sensitive.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import { readError } from "./infobip-errors.ts";
import { parseInfobipMessageId } from "./infobip-message-id.ts";
import { readStatus } from "./infobip-statuses.ts";
import type { ReportReader } from "./provider.ts";

const ID_FORM = /^[\x21-\x7e]{1,200}$/;
const ADDRESS_FORM = /^[\x20-\x7e]{1,64}$/;
/** `2026-01-01T00:00:00.000+0100`: the offset has no colon and varies with the account. */
const TIME_FORM = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|([+-]\d\d):?(\d\d))$/;

export const infobipReports: Omit<ReportReader, "ask"> = {
  readReports,
  readInbound: (body) => {
    const { items, unreadable } = readResults(body, isInbound, readInbound);
    return items === null ? null : { inbound: items, unreadable };
  },
  isSigned: null,
};

/** Entries of the logs have the same fields as far as reports are concerned, but for the number's. */
export function readReports(body: string): ReportReading | null {
  const { items, unreadable } = readResults(body, isReport, readReport);
  return items === null ? null : { reports: items, unreadable };
}

/** Null items: no list, or a list of something else, as at the other door. An empty one says nothing, soundly. */
function readResults<T>(
  body: string,
  isOne: (item: JsonObject) => boolean,
  read: (item: JsonObject) => T | null,
): { readonly items: readonly T[] | null; readonly unreadable: number } {
  const results = parseJsonObject(body)?.results;
  if (!Array.isArray(results)) return { items: null, unreadable: 0 };
  const ours = results.filter(isJsonObject).filter(isOne);
  if (ours.length === 0 && results.length > 0) return { items: null, unreadable: 0 };
  const items = ours.map(read).filter((item) => item !== null);
  return { items, unreadable: results.length - items.length };
}

function isReport(item: JsonObject): boolean {
  return isJsonObject(item.status);
}

function isInbound(item: JsonObject): boolean {
  return !isReport(item) && readString(item, "from") !== null && Object.hasOwn(item, "receivedAt");
}

function readReport(item: JsonObject): Report | null {
  const providerMessageId = readId(item);
  if (providerMessageId === null) return null;
  const status = readStatus(item.status);
  const error = readError(item.error);
  const { reported } = status.meaning;
  const isUndelivered = reported === "undelivered";
  const code = (isUndelivered ? error.id : null) ?? status.id;
  return {
    about: {
      messageId: null,
      callId: null,
      ...parseInfobipMessageId(providerMessageId),
      providerMessageId,
      to: readNumber(item, "to"),
    },
    state: reported,
    reason: (isUndelivered ? error.meaning.reason : null) ?? status.meaning.reason,
    code: code === null ? null : String(code),
    permanent: isUndelivered && (error.meaning.permanent ?? status.meaning.permanent),
    optedOut: isUndelivered && (error.meaning.optedOut === true || status.meaning.optedOut),
    at: readTime(item, "doneAt") ?? readTime(item, "sentAt"),
  };
}

function readInbound(item: JsonObject): Inbound | null {
  const from = readNumber(item, "from");
  if (from === null) return null;
  const to = readString(item, "to");
  const text = readString(item, "text");
  return {
    kind: "text",
    from,
    to: to !== null && ADDRESS_FORM.test(to) ? to : null,
    text: text === null ? null : sensitive(text),
    providerMessageId: readId(item),
    at: readTime(item, "receivedAt"),
  };
}

function readId(item: JsonObject): string | null {
  const id = readString(item, "messageId");
  return id !== null && ID_FORM.test(id) ? id : null;
}

/** Infobip writes numbers without the plus. */
function readNumber(item: JsonObject, name: string): PhoneNumber | null {
  const digits = readString(item, name)?.replace(/^\+/, "") ?? "";
  if (!/^\d{5,15}$/.test(digits)) return null;
  const reading = parsePhoneNumber(`+${digits}`);
  return reading.ok ? reading.number : null;
}

function readTime(item: JsonObject, name: string): Date | null {
  const match = TIME_FORM.exec(readString(item, name) ?? "");
  if (match === null) return null;
  const [, local, hours, minutes] = match;
  const at = new Date(`${local}${hours === undefined ? "Z" : `${hours}:${minutes}`}`);
  return Number.isNaN(at.getTime()) ? null : at;
}
