// The reports and the inbound SMS of the simulated Sinch (read 2026-11-22).
//
//   https://developers.sinch.com/docs/sms/api-reference (Webhooks, Delivery-reports, Inbounds)   bodies, retries  [api]
//   sinch/sinch-sdk-java, domains/sms/models/v1                        fields, statuses, Sinch's own codes         [java]
//   sinch/sinch-sdk-node, packages/sms, authorization.helper.ts        the HMAC headers                            [node]
//   sinch/docs, docs/sms/sms-smpp (archived)                           the operators' codes                        [old]
//
// ASSUMED: which status goes with which code; the operator; that no answer at all is repeated like a 5xx. Left out:
// that a 429 slows down the reports behind it.

import { createHmac, randomUUID } from "node:crypto";
import { measureText } from "../domain/sms-text.ts";
import type { Clock } from "./provider.ts";
import {
  DELIVERED,
  type Fate,
  type FateAt,
  type InboundSms,
  PENDING,
  pickFailure,
  type ReportOrder,
  type ReportWire,
  type RetryPolicy,
} from "./report-order.ts";
import type { SinchBatch } from "./sinch-batches.ts";
import type { SinchBatchRequest } from "./sinch-request.ts";

type Verdict = { readonly code: number; readonly status: string };

/** [java] 401: dispatched. */
const DISPATCHED: Verdict = { code: 401, status: "Dispatched" };
const ARRIVED: Verdict = { code: 0, status: "Delivered" };
/** [java] A recipient without a value for a parameter. */
const PARAMETER_MISSING: Verdict = { code: 405, status: "Failed" };
const FAILURES: readonly [Verdict, ...Verdict[]] = [
  // [old] The operators': unknown subscriber, destination blocked, absent subscriber.
  { code: 150, status: "Failed" },
  { code: 61, status: "Rejected" },
  { code: 153, status: "Failed" },
  // [java] Sinch's: temporary, expired before the SMSC, unroutable.
  { code: 404, status: "Failed" },
  { code: 406, status: "Expired" },
  { code: 402, status: "Rejected" },
];
const OPERATOR = "23420";
const RETRY_FIRST_MS = 5000;
const RETRY_LAST_MS = 81_920_000;

/** [api] One report a POST; 5xx and 429 are tried again after 5 s, then doubling; other answers are final. */
export function createSinchReports(
  settings: { readonly hmacSecret: string | null },
  clock: Clock,
): ReportWire {
  const { hmacSecret } = settings;
  const wire: ReportWire = { perPostMax: 1, wrap: ([item = ""]) => item, retry: retrySinch, writeInbound };
  if (hmacSecret === null) return wire;
  return {
    ...wire,
    sign: (body) => {
      const nonce = randomUUID().replaceAll("-", "").toUpperCase().slice(0, 26);
      return signSinchReport(body, {
        secret: hmacSecret,
        nonce,
        timestamp: Math.floor(clock.wallMs() / 1000),
      });
    },
  };
}

/** [node] base64(HMAC-SHA256(secret, body + "." + nonce + "." + timestamp)). */
export function signSinchReport(
  body: string,
  proof: { readonly secret: string; readonly nonce: string; readonly timestamp: number },
): string {
  const { secret, nonce, timestamp } = proof;
  const signature = createHmac("sha256", secret).update(`${body}.${nonce}.${timestamp}`).digest("base64");
  return (
    `x-sinch-webhook-signature: ${signature}\r\nx-sinch-webhook-signature-algorithm: HmacSHA256\r\n` +
    `x-sinch-webhook-signature-nonce: ${nonce}\r\nx-sinch-webhook-signature-timestamp: ${timestamp}\r\n`
  );
}

/** Null: the batch asks for no reports. */
export function orderSinchReports(
  request: SinchBatchRequest,
  batch: {
    readonly id: string;
    readonly defaultCallbackUrl: string | null;
    readonly textOf: (digits: string) => string | null;
  },
): ReportOrder | null {
  const { delivery_report: wanted, callback_url: url, from, parameters } = request.fields;
  if (wanted === undefined || wanted === "none") return null;
  const { recipients, reference } = request;
  const { id, defaultCallbackUrl, textOf } = batch;
  const hasOwnTexts = parameters !== undefined;
  const isDoomed = (index: number) => hasOwnTexts && textOf(recipients[index] ?? "") === null;
  const named = reference === null ? "" : `,"client_reference":${JSON.stringify(reference)}`;
  const sender = typeof from === "string" ? `,"applied_originator":${JSON.stringify(from)}` : "";
  const oneText = hasOwnTexts ? null : describeText(request.body);
  const write = (batchId: string, index: number, verdict: Verdict, atMs: number) => {
    const recipient = recipients[index] ?? "";
    const at = new Date(atMs).toISOString();
    return (
      `{"type":"recipient_delivery_report_sms","batch_id":"${batchId}","recipient":"${recipient}",` +
      `"code":${verdict.code},"status":"${verdict.status}","at":"${at}",` +
      `"operator_status_at":"${at.slice(0, 19)}Z"${named}${sender}` +
      `${oneText ?? describeText(textOf(recipient) ?? request.body)},"operator":"${OPERATOR}"}`
    );
  };
  const verdictOf = (index: number, fate: Fate) =>
    fate.kind === "undelivered" && isDoomed(index) ? PARAMETER_MISSING : judge(fate);
  const order: ReportOrder = {
    url: typeof url === "string" ? url : defaultCallbackUrl,
    recipients,
    intermediate: wanted === "per_recipient",
    write: (index, fate, atMs) => write(id, index, verdictOf(index, fate), atMs),
    writeStray: (atMs) => write(strayId(), 0, ARRIVED, atMs),
    isDoomed,
  };
  if (wanted !== "summary" && wanted !== "full") return order;
  return {
    ...order,
    writeAll: (fates) => {
      const verdicts = fates.map((fate, index) => verdictOf(index, fate));
      return writeBatch(`"batch_id":"${id}"${named}`, { recipients, verdicts, isFull: wanted === "full" });
    },
  };
}

/** [api] The answer to a question about a batch, whatever reports it asked for itself. */
export function describeSinchBatch(batch: SinchBatch, isFull: boolean, fateAt: FateAt): string {
  const { id, reference, json, doomed, createdAtMs } = batch;
  const recipients: readonly string[] = JSON.parse(json).to;
  const verdicts = recipients.map((digits) => {
    const fate = fateAt(digits, createdAtMs);
    return doomed.has(digits) && fate !== PENDING ? PARAMETER_MISSING : judge(fate);
  });
  const named = reference === null ? "" : `,"client_reference":${JSON.stringify(reference)}`;
  return writeBatch(`"batch_id":"${id}"${named}`, { recipients, verdicts, isFull });
}

/** [java] Those with the same code stand together; their numbers only in a `full` report. */
function writeBatch(
  head: string,
  about: {
    readonly recipients: readonly string[];
    readonly verdicts: readonly Verdict[];
    readonly isFull: boolean;
  },
): string {
  const groups = new Map<Verdict, string[]>();
  for (const [index, verdict] of about.verdicts.entries()) {
    const recipient = about.recipients[index] ?? "";
    const group = groups.get(verdict);
    if (group === undefined) groups.set(verdict, [recipient]);
    else group.push(recipient);
  }
  const statuses = [...groups].map(([{ code, status }, recipients]) => ({
    code,
    status,
    count: recipients.length,
    ...(about.isFull ? { recipients } : {}),
  }));
  const total = about.recipients.length;
  return `{"type":"delivery_report_sms",${head},"total_message_count":${total},"statuses":${JSON.stringify(statuses)}}`;
}

/** [api] */
function writeInbound({ from, to, text }: InboundSms, atMs: number): string {
  const at = new Date(atMs).toISOString();
  return JSON.stringify({
    type: "mo_text",
    id: strayId(),
    from: from.replace(/^\+/, ""),
    to: to.replace(/^\+/, ""),
    body: text,
    operator_id: OPERATOR,
    sent_at: at,
    received_at: at,
  });
}

const retrySinch: RetryPolicy = (tries, status) => {
  if (status !== null && status !== 429 && status < 500) return "dropped";
  const waitMs = RETRY_FIRST_MS * 2 ** (tries - 1);
  return waitMs > RETRY_LAST_MS ? "given-up" : waitMs;
};

function judge(fate: Fate): Verdict {
  if (fate === DELIVERED) return ARRIVED;
  if (fate === PENDING) return DISPATCHED;
  return fate.kind === "undelivered" ? pickFailure(FAILURES, fate.roll) : ARRIVED;
}

function describeText(text: string): string {
  const { segments, encoding } = measureText(text);
  return `,"number_of_message_parts":${segments},"encoding":"${encoding === "ucs-2" ? "UNICODE" : "GSM"}"`;
}

/** In the form of the samples' ids, and of nothing that was sent. */
function strayId(): string {
  return `01${randomUUID().replaceAll("-", "").toUpperCase().slice(0, 24)}`;
}
