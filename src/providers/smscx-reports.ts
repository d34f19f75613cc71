// [5] What SMS.CX sends to us: delivery reports, inbound SMS, opt-outs. Read on 2026-11-22:
//
//   reports   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/DataDlrUpdate.md
//   inbound   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/DataReceiveSms.md
//   opt-outs  https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/DataNewOptout.md
//
// Every request is `{"event": ..., "data": [...]}`, up to 200 items of one kind. A report names no number: only
// the `msgId` and, as `trackData`, our call. Nothing is signed; the secret in the path is all the proof there is.

import { isUuid } from "../domain/ids.ts";
import type { CallId } from "../domain/message.ts";
import type { Inbound, InboundReading, Report, ReportReading } from "../domain/report.ts";
import { sensitive } from "../domain/sensitive.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import type { ReportReader } from "./provider.ts";
import { readNumber } from "./report-fields.ts";
import { readId, reportStates, unlistedReport } from "./smscx-codes.ts";

export const smscxReports: Omit<ReportReader, "ask"> = { readReports, readInbound, isSigned: null };

const REPORT_EVENT = "dlr_update";
/** In UTC: "All dates are in UTC and the datetime format used is YYYY-MM-DD HH:MM:SS". */
const DATE_FORM = /^(2\d{3}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/;

function readReports(body: string): ReportReading | null {
  const event = readEvent(body);
  if (event === null || inboundReaders.has(event.name)) return null;
  if (event.name !== REPORT_EVENT) return { reports: [], unreadable: 0 };
  const { found, unreadable } = readItems(event.data, (item) => readReport(item, "datetime"));
  return { reports: found, unreadable };
}

function readInbound(body: string): InboundReading | null {
  const event = readEvent(body);
  if (event === null || event.name === REPORT_EVENT) return null;
  const read = inboundReaders.get(event.name);
  if (read === undefined) return { inbound: [], unreadable: 0 };
  const { found, unreadable } = readItems(event.data, read);
  return { inbound: found, unreadable };
}

/** `timeField`: a report that we asked for has another name for it. */
export function readReport(item: JsonObject, timeField: "datetime" | "updatedAt"): Report | null {
  const status = readString(item, "status");
  const providerMessageId = readId(item, "msgId");
  const callId = readCallId(item);
  if (status === null || (providerMessageId === null && callId === null)) return null;
  return {
    about: { messageId: null, callId, providerMessageId, to: null },
    ...(reportStates.get(status) ?? unlistedReport),
    // The error's code says more than the state's, which repeats the state.
    code: readCode(item.errorCode) ?? readCode(item.statusCode),
    at: readDate(item, timeField),
  };
}

function readText(item: JsonObject): Inbound | null {
  const from = readNumber(item.from);
  if (from === null) return null;
  const text = readString(item, "text");
  return {
    kind: "text",
    from,
    to: readId(item, "to"),
    text: text === null ? null : sensitive(text),
    providerMessageId: readId(item, "msgId"),
    at: readDate(item, "receivedAt"),
  };
}

/** By the link in a text, or by a person in the panel. The number is optional; without it there is nobody to spare. */
function readOptOut(item: JsonObject): Inbound | null {
  const from = readNumber(item.phoneNumber);
  if (from === null) return null;
  return {
    kind: "opt-out",
    from,
    to: null,
    text: null,
    providerMessageId: null,
    at: readDate(item, "datetime"),
  };
}

const inboundReaders: ReadonlyMap<string, (item: JsonObject) => Inbound | null> = new Map([
  ["receive_sms", readText],
  ["new_optout", readOptOut],
]);

/** Events of neither kind (clicks, other channels) are SMS.CX's as well and read as nothing, at both doors. */
function readEvent(body: string): { readonly name: string; readonly data: unknown } | null {
  const reply = parseJsonObject(body);
  const name = readString(reply, "event");
  return name === null ? null : { name, data: reply?.data };
}

function readItems<T>(data: unknown, read: (item: JsonObject) => T | null) {
  const items: readonly unknown[] = Array.isArray(data) ? data : [data];
  const found = items
    .map((item) => (isJsonObject(item) ? read(item) : null))
    .filter((item): item is T & {} => item !== null);
  return { found, unreadable: items.length - found.length };
}

/** What is not a UUID in lower case is not ours: SMS.CX passes on what we gave. */
function readCallId(item: JsonObject): CallId | null {
  const reference = readString(item, "trackData");
  return reference !== null && isUuid(reference) ? (reference as CallId) : null;
}

function readCode(value: unknown): string | null {
  const code = typeof value === "number" ? String(value) : value;
  return typeof code === "string" && /^\d{1,10}$/.test(code) ? code : null;
}

/** Null for what is no day or time of any calendar: `Date` alone would make 2 March of 30 February. */
function readDate(item: JsonObject, name: string): Date | null {
  const [, day, time] = DATE_FORM.exec(readString(item, name) ?? "") ?? [];
  if (day === undefined || time === undefined) return null;
  const date = new Date(`${day}T${time}.000Z`);
  const isReal = !Number.isNaN(date.getTime()) && date.toISOString() === `${day}T${time}.000Z`;
  return isReal ? date : null;
}
