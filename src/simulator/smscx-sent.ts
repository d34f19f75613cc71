// What the simulated SMS.CX remembers of its messages, and GET /reports/single/{msgId} about one of them.
//
//   smscx/smscx-api-php-library, docs/Api/ReportsApi.md, docs/Model/DataReportCampaign.md (read 2026-11-22)
//
// ASSUMED: `updatedAt` is the moment of the question, because nobody remembers when it was decided.

import { measureText } from "../domain/sms-text.ts";
import type { Fate } from "./report-order.ts";
import { wordSmscxFate } from "./reports-smscx.ts";
import { smscxDate } from "./smscx-request.ts";

export type SmscxSent = {
  readonly msgId: string;
  readonly to: string;
  readonly countryIso: string | null;
  readonly from: string;
  readonly text: string;
  readonly cost: number;
  readonly sentAtMs: number;
};

export type SmscxSentMessages = {
  readonly add: (message: SmscxSent) => void;
  readonly find: (msgId: string) => SmscxSent | null;
  readonly clear: () => void;
};

/** The oldest are forgotten beyond this. */
const KEPT_MAX = 200_000;

export function createSmscxSentMessages(): SmscxSentMessages {
  const byId = new Map<string, SmscxSent>();
  return {
    add: (message) => {
      byId.set(message.msgId, message);
      const oldest = byId.keys().next();
      if (byId.size > KEPT_MAX && oldest.done !== true) byId.delete(oldest.value);
    },
    find: (msgId) => byId.get(msgId) ?? null,
    clear: () => byId.clear(),
  };
}

export function describeSmscxSent(message: SmscxSent, fate: Fate, wallMs: number): string {
  const { msgId, to, countryIso, from, text, cost, sentAtMs } = message;
  const { segments: parts, encoding } = measureText(text);
  const rest = {
    inQuietHours: false,
    createdAt: smscxDate(sentAtMs),
    updatedAt: smscxDate(wallMs),
    cost,
    to,
    countryIso,
    from,
    source: "api",
    channel: "sms",
    text,
    textAnalysis: { length: text.length, unicode: encoding === "ucs-2", parts },
  };
  return `{"data":{"msgId":"${msgId}",${wordSmscxFate(fate)},${JSON.stringify(rest).slice(1)}}`;
}
