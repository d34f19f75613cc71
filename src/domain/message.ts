// A message: one text to one person, the states it can be in and the one table of legal moves.
//
//   scheduled -> queued -> sending -> accepted -> delivered | undelivered
//       |           |         |-> rejected      the provider refused it for good
//       |           |         |-> queued        provably not sent; a later attempt follows
//       |           |         |-> failed        the fourth attempt was not sent either
//       |           |         '-> unknown       may have been sent; only evidence or policy moves it
//       '-----------'-> suppressed | expired | cancelled
//
// The ledger applies this table in SQL and refuses everything else; nothing moves a message backwards.

export const messageStates = [
  "scheduled",
  "queued",
  "sending",
  "accepted",
  "delivered",
  "undelivered",
  "rejected",
  "failed",
  "unknown",
  "suppressed",
  "expired",
  "cancelled",
] as const;
export type MessageState = (typeof messageStates)[number];

export const messageClasses = ["transactional", "reminder", "marketing"] as const;
export type MessageClass = (typeof messageClasses)[number];

export type MessageId = string & { readonly brand: "MessageId" };
export type CampaignId = string & { readonly brand: "CampaignId" };
/** Our name for one provider call; the provider gets it as client reference where it takes one. */
export type CallId = string & { readonly brand: "CallId" };

/** Attempts in a message's life: the first and three retries. */
export const ATTEMPTS_MAX = 4;

const moves: Readonly<Record<MessageState, readonly MessageState[]>> = {
  scheduled: ["queued", "suppressed", "expired", "cancelled"],
  // A report about a call that had been given up: what was to be sent again was sent.
  queued: ["sending", "accepted", "delivered", "undelivered", "suppressed", "expired", "cancelled"],
  sending: ["accepted", "rejected", "queued", "failed", "unknown"],
  // A look-up or report proves it was taken; a proven absence or the class policy sends it again.
  unknown: ["accepted", "delivered", "undelivered", "rejected", "queued", "failed"],
  accepted: ["delivered", "undelivered"],
  delivered: [],
  undelivered: [],
  rejected: [],
  failed: [],
  suppressed: [],
  expired: [],
  cancelled: [],
};

export function mayMove(from: MessageState, to: MessageState): boolean {
  return moves[from].includes(to);
}

/** States in which a person may have a message sent again: nobody received it, and nothing sends it any more. */
export const retryableStates = [
  "rejected",
  "failed",
  "undelivered",
  "expired",
] as const satisfies readonly MessageState[];

/** States in which Volley has work left to do; a campaign with none of them is finished. */
export const openStates = ["scheduled", "queued", "sending"] as const satisfies readonly MessageState[];

/** States that make a finished campaign `completed_with_failures`. */
export const failureStates = [
  "undelivered",
  "rejected",
  "failed",
  "unknown",
  "expired",
] as const satisfies readonly MessageState[];
