// What SMS.CX answers to a request that it takes: `info` about the whole, `data` with a row for each number.
//
//   smscx/smscx-api-php-library, docs/Model/Info.md, DataSms.md, TextAnalysis.md (read 2026-11-22)
//
// ASSUMED: the numbers of `statusCode` (their table is not public), a price of 0.04 a part everywhere, and that
// parts and price of the whole leave out those who get nothing.

import { randomUUID } from "node:crypto";
import { measureText } from "../domain/sms-text.ts";
import { type SmscxRecipient, type SmscxRequest, smscxDate } from "./smscx-request.ts";

export type SmscxStatus = "ACCEPTED" | "SCHEDULED" | "REJECTED" | "NO COVERAGE";

export type SmscxOutgoing = SmscxRecipient & { readonly text: string; readonly status: SmscxStatus };

const STATUS_CODES: Readonly<Record<SmscxStatus, number>> = {
  SCHEDULED: 1,
  ACCEPTED: 2,
  REJECTED: 6,
  "NO COVERAGE": 7,
};
const PART_CENTS = 4;

export function isTaken(status: SmscxStatus): boolean {
  return status === "ACCEPTED" || status === "SCHEDULED";
}

export function describeCampaign(
  request: SmscxRequest,
  outgoing: readonly SmscxOutgoing[],
  taken: { readonly from: string; readonly wallMs: number },
) {
  const { recipients, invalid, scheduledAtMs, dlrCallbackUrl } = request;
  const rows = outgoing.map((message) => describeMessage(request, message, taken));
  const parts = rows.reduce((sum, row) => sum + (row.cost === 0 ? 0 : row.parts), 0);
  return {
    info: {
      campaignId: randomUUID(),
      totalPhoneNumbers: recipients.length + invalid.length,
      totalValid: recipients.length,
      totalInvalid: invalid.length,
      totalCost: priceOf(parts),
      totalParts: parts,
      dlrCallbackUrl,
      phoneNumbersByCountry: countCountries(recipients),
      invalid,
      scheduled: scheduledAtMs !== null,
    },
    data: request.shortResponse ? [] : rows,
  };
}

function describeMessage(
  { trackData, scheduledAtMs, noTextDetails }: SmscxRequest,
  { to, countryIso, text, status }: SmscxOutgoing,
  { from, wallMs }: { readonly from: string; readonly wallMs: number },
) {
  const { segments: parts, encoding } = measureText(text);
  const textAnalysis = { length: text.length, unicode: encoding === "ucs-2", parts };
  return {
    msgId: randomUUID(),
    ...(trackData === null ? {} : { trackData }),
    status,
    statusCode: STATUS_CODES[status],
    errorCode: null,
    createdAt: smscxDate(wallMs),
    ...(scheduledAtMs === null ? {} : { scheduledAt: smscxDate(scheduledAtMs) }),
    inQuietHours: false,
    cost: isTaken(status) ? priceOf(parts) : 0,
    to,
    countryIso,
    from,
    ...(noTextDetails ? {} : { text }),
    parts,
    ...(noTextDetails ? {} : { textAnalysis }),
  };
}

function countCountries(recipients: readonly SmscxRecipient[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { countryIso } of recipients) {
    if (countryIso !== null) counts[countryIso] = (counts[countryIso] ?? 0) + 1;
  }
  return counts;
}

function priceOf(parts: number): number {
  return (parts * PART_CENTS) / 100;
}
