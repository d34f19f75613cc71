// [7] What Sinch sends to us: delivery reports and inbound SMS, with the signature over them. Read on 2026-11-22:
//
//   bodies     https://developers.sinch.com/docs/sms/api-reference (Webhooks)
//   signature  https://github.com/sinch/sinch-sdk-node (packages/sms, with a published example)
//
// Documented is one report a POST; a list of them is read as well, should Sinch ever gather them.

import { createHmac } from "node:crypto";
import { isUuid } from "../domain/ids.ts";
import type { CallId } from "../domain/message.ts";
import type { Inbound, InboundReading, Report, ReportReading } from "../domain/report.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import { isJsonObject, type JsonObject, readString } from "../platform/json.ts";
import type { ReportReader, SignedRequest } from "./provider.ts";
import { isProviderId, readNumber, readTime } from "./report-fields.ts";
import { isSameSecret } from "./sender-proof.ts";
import { meaningOf } from "./sinch-codes.ts";

/**
 * ASSUMED: Sinch brings a report again for almost 23 hours, perhaps under its first signature, and one that is
 * refused is lost for good. So a signature holds for a day; a request that somebody replays within it says
 * what has been said already, and changes nothing.
 */
const SIGNATURE_AGE_SECONDS_MAX = 86_400;
/** For clocks that disagree. */
const SIGNATURE_AHEAD_SECONDS_MAX = 300;

/** One recipient's report, which our batches ask for. */
const RECIPIENT_REPORT = "recipient_delivery_report_sms";
/** One for the batch: with the recipients of each status (`full`), or with their numbers counted only (`summary`). */
const BATCH_REPORT = "delivery_report_sms";
const inboundTypes: ReadonlySet<string> = new Set(["mo_text", "mo_binary", "mo_media"]);

export const sinchReports: Omit<ReportReader, "ask"> = { readReports, readInbound, isSigned };

export function readReports(body: string): ReportReading | null {
  const items = itemsOf(body);
  if (!items.some((item) => isJsonObject(item) && isReport(item))) return null;
  const reports: Report[] = [];
  let unreadable = 0;
  for (const item of items) {
    for (const report of isJsonObject(item) ? readItem(item) : [null]) {
      if (report === null) unreadable += 1;
      else reports.push(report);
    }
  }
  return { reports, unreadable };
}

function readInbound(body: string): InboundReading | null {
  const items = itemsOf(body);
  if (!items.some((item) => isJsonObject(item) && isInbound(item))) return null;
  const read = items.map((item) => (isJsonObject(item) && isInbound(item) ? readMessage(item) : null));
  const inbound = read.filter((message) => message !== null);
  return { inbound, unreadable: read.length - inbound.length };
}

/** base64(HMAC-SHA256(secret, body "." nonce "." timestamp)), the timestamp in seconds. */
function isSigned({ headers, rawBody }: SignedRequest, secret: Sensitive<string>, nowMs: number): boolean {
  const signature = headers["x-sinch-webhook-signature"];
  const nonce = headers["x-sinch-webhook-signature-nonce"];
  const timestamp = headers["x-sinch-webhook-signature-timestamp"];
  if (signature === undefined || !nonce || timestamp === undefined || !/^\d{1,12}$/.test(timestamp))
    return false;
  if (headers["x-sinch-webhook-signature-algorithm"] !== "HmacSHA256") return false;
  const ageSeconds = nowMs / 1000 - Number(timestamp);
  if (ageSeconds > SIGNATURE_AGE_SECONDS_MAX || ageSeconds < -SIGNATURE_AHEAD_SECONDS_MAX) return false;
  const expected = createHmac("sha256", secret.reveal())
    .update(rawBody)
    .update(`.${nonce}.${timestamp}`)
    .digest("base64");
  return isSameSecret(signature, expected);
}

/** One object, or the items of a list; empty: the body is neither. */
function itemsOf(body: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(body);
    return Array.isArray(value) ? value : [value];
  } catch {
    return [];
  }
}

function isReport(item: JsonObject): boolean {
  const type = readString(item, "type");
  return type === RECIPIENT_REPORT || type === BATCH_REPORT;
}

function isInbound(item: JsonObject): boolean {
  return inboundTypes.has(readString(item, "type") ?? "");
}

/** Null stands for a report that could not be read. */
function readItem(item: JsonObject): readonly (Report | null)[] {
  switch (readString(item, "type")) {
    case RECIPIENT_REPORT:
      return [readReport(item, item, item.recipient)];
    case BATCH_REPORT:
      return Array.isArray(item.statuses)
        ? item.statuses.flatMap((status: unknown) =>
            isJsonObject(status) ? readGroup(item, status) : [null],
          )
        : [null];
    default:
      return [null];
  }
}

/** A summary has counts and no recipients: it is about nobody whom it names, so it reports nothing. */
function readGroup(batch: JsonObject, status: JsonObject): readonly (Report | null)[] {
  const { recipients } = status;
  if (recipients === undefined || recipients === null) return [];
  if (!Array.isArray(recipients)) return [null];
  return recipients.map((recipient: unknown) => readReport(batch, status, recipient));
}

function readReport(batch: JsonObject, status: JsonObject, recipient: unknown): Report | null {
  const code = readCode(status.code);
  const meaning = meaningOf(readString(status, "status") ?? "", code);
  const to = readNumber(recipient);
  const batchId = readString(batch, "batch_id");
  const reference = readString(batch, "client_reference");
  // The batch's id and the number together are Sinch's name for a message: half of it names nobody.
  if (meaning === null || to === null || !isProviderId(batchId)) return null;
  return {
    ...meaning,
    about: {
      messageId: null,
      // A parser's edge: whether the call is one of ours is for the ledger to say.
      callId: reference !== null && isUuid(reference) ? (reference as CallId) : null,
      providerMessageId: batchId,
      to,
    },
    code: code === null ? null : String(code),
    at: readTime(batch, "at"),
  };
}

/** A number; an old example of the vendor's has it as text. */
function readCode(value: unknown): number | null {
  const code = typeof value === "string" && /^\d{1,4}$/.test(value) ? Number(value) : value;
  return typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 9999 ? code : null;
}

function readMessage(item: JsonObject): Inbound | null {
  const from = readNumber(item.from);
  if (from === null) return null;
  const to = readString(item, "to");
  const id = readString(item, "id");
  // The body of the other types is base64 or a list of media.
  const text = item.type === "mo_text" ? readString(item, "body") : null;
  return {
    kind: "text",
    from,
    to: to !== null && /^[\x20-\x7e]{1,64}$/.test(to) ? to : null,
    text: text === null ? null : sensitive(text),
    providerMessageId: isProviderId(id) ? id : null,
    at: readTime(item, "received_at") ?? readTime(item, "sent_at"),
  };
}
