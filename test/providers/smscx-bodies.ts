// SMS.CX's bodies for the tests of its adapter. Those under recorded/smscx are written by hand, in the shapes of
// https://github.com/smscx/smscx-api-php-library/tree/main/docs/Model.

import { readFileSync } from "node:fs";
import type { Batch } from "../../src/domain/batch.ts";
import { reply } from "./support.ts";

export const msgId = (index: number) => `c0ffee00-0000-4000-8000-${String(index).padStart(12, "0")}`;

export function recorded(name: string): string {
  return readFileSync(new URL(`./recorded/smscx/${name}.json`, import.meta.url), "utf8");
}

/** The documented 200; ids follow the numbers, so that an item says the same wherever it stands. */
export function acceptedReply({ callId, from, messages }: Batch) {
  const data = messages.map(({ to }) => ({
    msgId: msgId(Number(to.slice(-5))),
    trackData: callId,
    status: "ACCEPTED",
    statusCode: 2,
    errorCode: null,
    createdAt: "2026-01-01 00:00:00",
    inQuietHours: false,
    cost: 0.04,
    to,
    countryIso: "GB",
    from: from ?? "InfoText",
    parts: 1,
  }));
  const info = { campaignId: "6ba7b810-9dad-4111-80b4-00c04fd430c8", totalValid: data.length, invalid: [] };
  return reply(200, { info, data });
}

/** The documented 200 of getSingleReport, about the first message. */
export function askedReply({ callId, from, messages }: Batch) {
  const to = messages[0]?.to ?? "";
  return reply(200, {
    data: {
      msgId: msgId(Number(to.slice(-5))),
      trackData: callId,
      status: "DELIVERED",
      statusCode: 5,
      errorCode: null,
      inQuietHours: false,
      createdAt: "2026-01-01 00:00:00",
      updatedAt: "2026-01-01 00:00:09",
      cost: 0.04,
      to,
      countryIso: "GB",
      from: from ?? "InfoText",
      source: "api",
      channel: "sms",
      text: "Hello",
      textAnalysis: { length: 5, unicode: false, parts: 1 },
    },
  });
}

export function errorBody(type: string, code?: number) {
  return { error: { type, message: "x", uri: "https://sms.cx/sms-api-documentation/", code } };
}
