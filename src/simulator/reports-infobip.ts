// The reports and the inbound SMS of the simulated Infobip (read 2026-11-22).
//
//   https://api.infobip.com/platform/1/openapi/sms                                         bodies, retries  [I-sms]
//   https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes  codes           [I-codes]
//
// Ids, groups and the flag `permanent` are [I-codes]'s, descriptions ours. ASSUMED: which error goes with which
// status; the network; that every answer but a 2xx is repeated, for about a day; that n counts from 1.

import { randomUUID } from "node:crypto";
import { type InfobipEntry, infobipDate } from "./infobip-logs.ts";
import type { InfobipReportWish } from "./infobip-request.ts";
import {
  type Fate,
  type InboundSms,
  pickFailure,
  type ReportOrder,
  type ReportWire,
  type RetryPolicy,
} from "./report-order.ts";

/** A message that was taken, and what its request says about reports. */
export type InfobipReported = {
  readonly entry: InfobipEntry;
  readonly wish: InfobipReportWish;
  readonly callbackData: string | null;
};

const PER_POST_MAX = 100;
const MINUTE_MS = 60_000;
/** Sixteen tries end within a day; the seventeenth would not. */
const TRIES_MAX = 16;
const PRICE = { pricePerMessage: 0.01, currency: "EUR" };
const NETWORK = "23410";

const status = (groupId: number, groupName: string, id: number, name: string, description: string) => ({
  groupId,
  groupName,
  id,
  name,
  description,
});
const error = (groupId: number, groupName: string, id: number, name: string, permanent: boolean) => ({
  ...status(groupId, groupName, id, name, name),
  permanent,
});

const NO_ERROR = { ...error(0, "OK", 0, "NO_ERROR", false), description: "No Error" };
const ENROUTE = status(1, "PENDING", 7, "PENDING_ENROUTE", "Message sent to the network");
const TO_HANDSET = status(3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "Message delivered to handset");
const NOT_DELIVERED = status(2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED", "Message not delivered");
const EXPIRED = status(4, "EXPIRED", 15, "EXPIRED_EXPIRED", "Message expired");

/** As they stand in a body, so that a report costs no more than joining texts. */
const wording = (state: object, cause: object) =>
  `"status":${JSON.stringify(state)},"error":${JSON.stringify(cause)}`;
const ON_ITS_WAY = wording(ENROUTE, NO_ERROR);
const ARRIVED = wording(TO_HANDSET, NO_ERROR);
const FAILURES: readonly [string, ...string[]] = [
  wording(NOT_DELIVERED, error(1, "HANDSET_ERRORS", 1, "EC_UNKNOWN_SUBSCRIBER", true)),
  wording(NOT_DELIVERED, error(1, "HANDSET_ERRORS", 27, "EC_ABSENT_SUBSCRIBER", false)),
  wording(NOT_DELIVERED, error(1, "HANDSET_ERRORS", 32, "EC_SM_DELIVERY_FAILURE", false)),
  wording(EXPIRED, error(1, "HANDSET_ERRORS", 27, "EC_ABSENT_SUBSCRIBER", false)),
];

/** [I-sms] n tries after the first, each a minute and n * n minutes later. */
const retry: RetryPolicy = (tries) =>
  tries >= TRIES_MAX ? "given-up" : MINUTE_MS + MINUTE_MS * tries * tries;

export const infobipReports: ReportWire = {
  perPostMax: PER_POST_MAX,
  wrap: (items) => `{"results":[${items.join(",")}]}`,
  retry,
  writeInbound,
};

/** One order for each address: the messages of a request may name different ones. */
export function orderInfobipReports(reported: readonly InfobipReported[]): readonly ReportOrder[] {
  const groups = Map.groupBy(reported, ({ wish }) => `${wish.intermediate} ${wish.url}`);
  return [...groups.values()].map((group) => {
    const [first] = group;
    return {
      url: first?.wish.url ?? null,
      recipients: group.map(({ entry }) => entry.destination),
      intermediate: first?.wish.intermediate ?? false,
      write: (index, fate, atMs) => writeReport(group[index] ?? first, fate, atMs),
      writeStray: (atMs) => writeReport(first, { kind: "delivered" }, atMs, randomUUID()),
    };
  });
}

function writeReport(
  reported: InfobipReported | undefined,
  fate: Fate,
  atMs: number,
  strayId?: string,
): string {
  if (reported === undefined) return "{}";
  const { entry, callbackData } = reported;
  const { bulkId, messageId, destination, sender, sentAtMs, segments } = entry;
  const bulk = bulkId === null || strayId !== undefined ? "" : `"bulkId":${JSON.stringify(bulkId)},`;
  const from = sender === null ? "" : `"sender":${JSON.stringify(sender)},`;
  const echo = callbackData === null ? "" : `"callbackData":${JSON.stringify(callbackData)},`;
  return (
    `{${bulk}"messageId":${JSON.stringify(strayId ?? messageId)},"to":"${destination}",${from}` +
    `"sentAt":"${infobipDate(sentAtMs)}","doneAt":"${infobipDate(atMs)}","messageCount":${segments},` +
    `"price":${JSON.stringify(PRICE)},"mccMnc":"${NETWORK}",${echo}${wordFate(fate)}}`
  );
}

/** What the logs say of a message that was taken; null: nothing that they did not say at once. */
export function readInfobipFate(fate: Fate): Pick<InfobipEntry, "status" | "error"> | null {
  return fate.kind === "pending" ? null : JSON.parse(`{${wordFate(fate)}}`);
}

function wordFate(fate: Fate): string {
  switch (fate.kind) {
    case "pending":
      return ON_ITS_WAY;
    case "delivered":
      return ARRIVED;
    case "undelivered":
      return pickFailure(FAILURES, fate.roll);
    default:
      return fate satisfies never;
  }
}

/** [I-sms] The form MO_JSON_2. ASSUMED: the first word is the keyword, whatever the number's setup. */
function writeInbound({ from, to, text }: InboundSms, atMs: number): string {
  const result = {
    messageId: randomUUID(),
    from: from.replace(/^\+/, ""),
    to: to.replace(/^\+/, ""),
    text,
    cleanText: text.trim().replace(/^\S+\s*/, ""),
    keyword: /\S+/.exec(text)?.[0]?.toUpperCase() ?? "",
    receivedAt: infobipDate(atMs),
    smsCount: 1,
    price: { pricePerMessage: 0, currency: "EUR" },
    callbackData: "",
  };
  return JSON.stringify({ results: [result], messageCount: 1, pendingMessageCount: 0 });
}
