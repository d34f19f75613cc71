// [5] Infobip's statuses of SMS, the vendor's name of each beside it, and what they mean to us: how far a message
// is, as replies, logs and reports say it. Read on 2026-11-22:
//
//   codes  https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
//   final  https://www.infobip.com/docs/developer-resources/api-fundamentals/message-status-codes
//
// Statuses of voice, MMS, e-mail and push are left out: an SMS does not get them.

import type { Outcome } from "../domain/outcome.ts";
import { type ReportedState, UNLISTED_STATUS } from "../domain/report.ts";
import { isJsonObject } from "../platform/json.ts";
import { readCode } from "./infobip-errors.ts";
import type { Finding } from "./provider.ts";

export type StatusMeaning = {
  readonly reason: string;
  /** In a reply to a send request. */
  readonly inReply: Outcome["kind"];
  /** In the logs: taken, refused, not sent and so as good as absent, or nothing that decides. */
  readonly inLog: Finding["kind"];
  /** In a report. */
  readonly reported: ReportedState;
  /** For `undelivered`, where the report's error says nothing about it. */
  readonly permanent: boolean;
  readonly optedOut: boolean;
  /** Not null: the account is the reason, and a person has to act. */
  readonly advice: string | null;
};

const CREDIT_ADVICE =
  "Infobip has no valid credit for this account. Top it up in the Infobip portal, or ask the account manager.";
const ROUTE_ADVICE =
  "Infobip has set up no route for this account. Ask the Infobip account manager to set up the destinations.";

const neutral = { permanent: false, optedOut: false, advice: null } as const;

/** Taken; what became of it is another report's to say, or said by `reported`. */
function taken(reason: string, reported: ReportedState): StatusMeaning {
  return { ...neutral, reason, inReply: "accepted", inLog: "accepted", reported };
}

/** Taken and given up: final in a reply; in the logs taken, because its report says more. */
function ended(reason: string, permanent: boolean): StatusMeaning {
  return { ...neutral, reason, inReply: "rejected", inLog: "accepted", reported: "undelivered", permanent };
}

/** Taken, passed on and waited for in vain: a reply cannot know that of a new message, so the logs are asked. */
function lost(reason: string, reported: ReportedState): StatusMeaning {
  return { ...neutral, reason, inReply: "unknown", inLog: "accepted", reported };
}

function refused(reason: string, optedOut = false): StatusMeaning {
  return {
    ...neutral,
    reason,
    inReply: "rejected",
    inLog: "rejected",
    reported: "undelivered",
    permanent: true,
    optedOut,
  };
}

/** Not sent, and worth another try; with an advice the account has to be put right first. */
function postponed(reason: string, advice: string | null = null): StatusMeaning {
  return { ...neutral, reason, inReply: "later", inLog: "absent", reported: "undelivered", advice };
}

/** Says nothing that could be relied on. */
const unclear: StatusMeaning = {
  ...neutral,
  reason: UNLISTED_STATUS,
  inReply: "unknown",
  inLog: "undecided",
  reported: "pending",
};

type StatusRow = { readonly groups: readonly number[]; readonly meaning: StatusMeaning };
const inGroup = (...groups: number[]) => {
  return (meaning: StatusMeaning): StatusRow => ({ groups, meaning });
};
const pending = inGroup(0, 1);
const undeliverable = inGroup(2);
const delivered = inGroup(3);
const expired = inGroup(4);
const rejected = inGroup(5);

const statuses: ReadonlyMap<number, StatusRow> = new Map([
  // PENDING_WAITING_DELIVERY
  [3, pending(taken("waiting-delivery", "pending"))],
  // PENDING_ENROUTE
  [7, pending(taken("en-route", "pending"))],
  // PENDING_ACCEPTED
  [26, pending(taken("accepted", "pending"))],

  // UNDELIVERABLE_REJECTED_OPERATOR: "possibly due to a network glitch"
  [4, undeliverable(ended("rejected-by-operator", false))],
  // UNDELIVERABLE_NOT_DELIVERED: "typically ... an invalid or unreachable destination number"
  [9, undeliverable(ended("not-delivered", true))],
  // UNDELIVERABLE_NOT_SENT: "The message has not been sent."
  [31, undeliverable(postponed("not-sent"))],

  // DELIVERED_TO_OPERATOR: "Intermediate. Reached the operator, not yet the handset. A further DLR may follow."
  [2, delivered(taken("delivered-to-operator", "pending"))],
  // DELIVERED_TO_HANDSET
  [5, delivered(taken("delivered", "delivered"))],

  // EXPIRED_EXPIRED: the operator had it when its validity ran out
  [15, expired(lost("expired", "undelivered"))],
  // EXPIRED_DLR_UNKNOWN: the operator had it, and no report ever came
  [29, expired(lost("no-report-from-operator", "no-word"))],
  // SIGNALS_BLOCKED: anti-fraud; in group 4 charged, in group 5 not
  [87, inGroup(4, 5)(refused("blocked-as-fraud"))],

  // REJECTED_NETWORK: no coverage of this network, or not set up on the account
  [6, rejected(refused("network-not-covered"))],
  // REJECTED_PREFIX_MISSING: prefix or length of the number
  [8, rejected(refused("invalid-recipient"))],
  // REJECTED_DND: the person subscribed to Do Not Disturb
  [10, rejected(refused("do-not-disturb", true))],
  // REJECTED_SOURCE: the sender is not registered on the account
  [11, rejected(refused("sender-not-registered"))],
  // REJECTED_NOT_ENOUGH_CREDITS
  [12, rejected(postponed("out-of-credit", CREDIT_ADVICE))],
  // REJECTED_SENDER: the sender is on the account's blocklist
  [13, rejected(refused("sender-blocked"))],
  // REJECTED_DESTINATION_BLOCKLISTED: by the operator or on the account; nothing says that the person asked
  [14, rejected(refused("recipient-blocked"))],
  // REJECTED_PREPAID_PACKAGE_EXPIRED
  [17, rejected(postponed("credit-expired", CREDIT_ADVICE))],
  // REJECTED_DESTINATION_NOT_REGISTERED: a test account, which may write to one number only
  [18, rejected(refused("recipient-not-registered"))],
  // REJECTED_ROUTE_NOT_AVAILABLE: "no routes on your account"
  [19, rejected(postponed("no-route", ROUTE_ADVICE))],
  // REJECTED_FLOODING_FILTER: by default 20 different or 6 equal messages to a number in an hour
  [20, rejected(postponed("flooding"))],
  // REJECTED_SYSTEM_ERROR: "Retry the submission"
  [21, rejected(postponed("system-error"))],
  // REJECTED_DUPLICATE_MESSAGE_ID: the first request with this id was taken; this says nothing about its message
  [23, rejected({ ...unclear, reason: "duplicate-message-id" })],
  // REJECTED_INVALID_UDH
  [24, rejected(refused("invalid-header"))],
  // REJECTED_MESSAGE_TOO_LONG: more than 25 parts or 4000 bytes
  [25, rejected(refused("text-too-long"))],
  // MISSING_TO
  [51, rejected(refused("missing-recipient"))],
  // REJECTED_DESTINATION: prefix or length of the number
  [52, rejected(refused("invalid-recipient"))],
  // REJECTED: declined at the receiving end
  [99, rejected(refused("declined"))],
  // UNDELIVERABLE_REJECTED_PLATFORM: malformed, or "temporarily unavailable"
  [100, rejected(postponed("rejected-by-platform"))],
]);

/** What a group says of a status that is not listed. */
const groups: ReadonlyMap<number, StatusMeaning> = new Map([
  // ACCEPTED, in the code page OK
  [0, taken("accepted", "pending")],
  // PENDING
  [1, taken("pending", "pending")],
  // UNDELIVERABLE: in a reply nothing says whether it was sent
  [2, { ...lost("undeliverable", "undelivered"), permanent: true }],
  // DELIVERED
  [3, taken("delivered", "delivered")],
  // EXPIRED
  [4, lost("expired", "undelivered")],
  // REJECTED
  [5, refused("refused-by-provider")],
]);

/** `{groupId, groupName, id, name, description}`, any part of which may be missing. */
export function readStatus(value: unknown): { readonly id: number | null; readonly meaning: StatusMeaning } {
  if (!isJsonObject(value)) return { id: null, meaning: unclear };
  const id = readCode(value, "id");
  const group = readCode(value, "groupId");
  const row = id === null ? undefined : statuses.get(id);
  if (row === undefined) return { id, meaning: (group === null ? null : groups.get(group)) ?? unclear };
  // An id in a group that is not its own is of a list that we do not know.
  return { id, meaning: group === null || row.groups.includes(group) ? row.meaning : unclear };
}

/** One meaning for all that is said of a message: acceptance stands, otherwise they have to agree. */
export function agreeOn(
  meanings: readonly StatusMeaning[],
  where: "inReply" | "inLog",
): StatusMeaning | undefined {
  const acceptance = meanings.find((meaning) => meaning[where] === "accepted");
  if (acceptance !== undefined) return acceptance;
  const [first] = meanings;
  const agree = meanings.every(
    (meaning) => meaning.reason === first?.reason && meaning[where] === first[where],
  );
  return agree ? first : unclear;
}
