// What is known of one message's life, in the order of time: its attempts, what the provider reported, and where
// it stands. The ledger keeps no row for an attempt that was accepted at the first try; the message itself tells of it.

import type { Message, PastAttempt } from "../ledger/messages.ts";
import type { ReportEntry } from "../ledger/reports.ts";
import type { Moment } from "./contract/messages.ts";

export function timelineOf(
  message: Message,
  createdAt: Date,
  {
    attempts,
    reports,
  }: { readonly attempts: readonly PastAttempt[]; readonly reports: readonly ReportEntry[] },
): Moment[] {
  const moments: Moment[] = [
    { what: "created", at: createdAt.toISOString() },
    ...attempts.map(toMoment),
    ...lastAttempt(message, attempts),
    ...reports.map(
      (one): Moment => ({
        what: "report",
        at: one.receivedAt.toISOString(),
        happenedAt: one.happenedAt?.toISOString() ?? null,
        account: one.account,
        state: one.state,
        reason: one.reason,
        code: one.code,
      }),
    ),
    { what: "state", at: message.changedAt.toISOString(), state: message.state, reason: message.reason },
  ];
  return moments.toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

function toMoment(attempt: PastAttempt): Moment {
  return {
    what: "attempt",
    at: attempt.openedAt.toISOString(),
    endedAt: attempt.closedAt.toISOString(),
    number: attempt.number,
    account: attempt.account,
    outcome: attempt.outcome,
    reason: attempt.reason,
    late: attempt.late,
    settledAs: attempt.settledAs,
  };
}

/** The attempt that is still open, or ended without a row of its own: accepted, or put off without using a try. */
function lastAttempt(message: Message, attempts: readonly PastAttempt[]): Moment[] {
  const { openedAt, callId, state } = message;
  const isTaken = state === "accepted" || state === "delivered" || state === "undelivered";
  const isPutOff = state !== "sending" && !isTaken;
  if (openedAt === null || attempts.some((one) => one.callId === callId)) return [];
  return [
    {
      what: "attempt",
      at: openedAt.toISOString(),
      endedAt: null,
      number: message.attempts + (isPutOff ? 1 : 0),
      account: message.account,
      outcome: state === "sending" ? null : isTaken ? "accepted" : "later",
      reason: null,
      late: false,
      settledAs: null,
    },
  ];
}
