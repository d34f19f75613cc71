// The reports, the inbound SMS and the opt-outs of the simulated SMS.CX.
//
//   smscx/smscx-api-php-library, docs/Model/CallBack*.md (read 2026-11-22)    bodies
//
// ASSUMED: the numbers of `statusCode` and `errorCode` (their tables are not public); five tries with growing pauses;
// an intermediate SENT for nobody, because no request asks for it.

import { randomUUID } from "node:crypto";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import type { Fate, InboundSms, ReportOrder, ReportWire } from "./report-order.ts";
import { mainCountryOf, smscxDate } from "./smscx-request.ts";

/** A row of the answer. */
type SmscxReported = { readonly msgId: string; readonly to: string };

const PER_POST_MAX = 200;
const RETRY_WAITS_MS = [10_000, 60_000, 300_000, 1_800_000];
const WORDING: Readonly<Record<Fate["kind"], string>> = {
  pending: '"statusCode":3,"status":"SENT","errorCode":null',
  delivered: '"statusCode":5,"status":"DELIVERED","errorCode":null',
  undelivered: '"statusCode":4,"status":"FAILED","errorCode":101',
};

export function wordSmscxFate(fate: Fate): string {
  return WORDING[fate.kind];
}

export const smscxReports: ReportWire = {
  perPostMax: PER_POST_MAX,
  wrap: (items) => `{"event":"dlr_update","data":[${items.join(",")}]}`,
  retry: (tries) => RETRY_WAITS_MS[tries - 1] ?? "given-up",
  writeInbound,
  writeOptOut,
};

export function orderSmscxReports(
  reported: readonly SmscxReported[],
  request: {
    readonly campaignId: string;
    readonly trackData: string | null;
    readonly dlrCallbackUrl: string | null;
  },
): ReportOrder {
  const { campaignId, trackData } = request;
  const write = (id: { campaignId: string; msgId: string }, fate: Fate, atMs: number) =>
    `{"campaignId":"${id.campaignId}","msgId":"${id.msgId}",` +
    `${trackData === null ? "" : `"trackData":"${trackData}",`}` +
    `${WORDING[fate.kind]},"datetime":"${smscxDate(atMs)}"}`;
  return {
    url: request.dlrCallbackUrl,
    recipients: reported.map(({ to }) => to.slice(1)),
    intermediate: false,
    write: (index, fate, atMs) => write({ campaignId, msgId: reported[index]?.msgId ?? "" }, fate, atMs),
    writeStray: (atMs) =>
      write({ campaignId: randomUUID(), msgId: randomUUID() }, { kind: "delivered" }, atMs),
  };
}

function writeInbound({ from, to, text }: InboundSms, atMs: number): string {
  const sms = {
    msgId: randomUUID(),
    from: withPlus(from),
    countryIso: countryOf(from),
    to,
    text,
    cost: 0,
    receivedAt: smscxDate(atMs),
  };
  return JSON.stringify({ event: "receive_sms", data: [sms] });
}

function writeOptOut(digits: string, atMs: number): string {
  const optOut = {
    hitId: 1,
    optoutId: randomUUID(),
    optoutUrl: "https://s.example/o/Ab3dE9",
    optoutType: "link",
    phoneNumber: withPlus(digits),
    campaignId: randomUUID(),
    groupId: null,
    countryIso: countryOf(digits),
    datetime: smscxDate(atMs),
  };
  return JSON.stringify({ event: "new_optout", data: [optOut] });
}

function withPlus(number: string): string {
  return `+${number.replace(/^\+/, "")}`;
}

function countryOf(number: string): string | null {
  const reading = parsePhoneNumber(withPlus(number));
  return reading.ok ? (reading.country ?? mainCountryOf(reading.number.slice(1))) : null;
}
