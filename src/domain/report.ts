// What a provider tells us later: delivery reports about messages that we sent, and SMS that people sent to us.
//
// Both come late, twice and out of order. A report only says what the provider said; which message it is about
// and whether it may move it is for the ledger to decide, by the table in message.ts.

import type { CallId, MessageId } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";
import type { Sensitive } from "./sensitive.ts";

/** The reason where the provider said what its documentation does not list: it is kept, and moves nothing. */
export const UNLISTED_STATUS = "unlisted-status";

export type Report = {
  readonly about: ReportSubject;
  readonly state: ReportedState;
  /** Our word for it: lower case, dashes, such as `unknown-subscriber`; `delivered` when it was. */
  readonly reason: string;
  /** The provider's own code, for a person who asks there; digits and short words only. */
  readonly code: string | null;
  /** For `undelivered`: whether the same message to the same person would fail again. */
  readonly permanent: boolean;
  /** The person asked the provider or the network not to be written to. */
  readonly optedOut: boolean;
  /** When it happened, by the provider's clock. */
  readonly at: Date | null;
};

/** What the report names; each provider names a message in its own way, and some of it may be missing. */
export type ReportSubject = {
  readonly messageId: MessageId | null;
  readonly callId: CallId | null;
  readonly providerMessageId: string | null;
  readonly to: PhoneNumber | null;
};

/**
 * pending: on its way, nothing final. no-word: the network never answered the provider, and nobody will know;
 * that is not a failure.
 */
export const reportedStates = ["pending", "delivered", "undelivered", "no-word"] as const;
export type ReportedState = (typeof reportedStates)[number];

/** Readable reports of one request. Items that could not be read are counted, so that somebody looks at them. */
export type ReportReading = { readonly reports: readonly Report[]; readonly unreadable: number };

export type Inbound = {
  /** opt-out: the provider took it itself, there may be no text. */
  readonly kind: "text" | "opt-out";
  readonly from: PhoneNumber;
  /** The number or short code that was written to. */
  readonly to: string | null;
  readonly text: Sensitive<string> | null;
  readonly providerMessageId: string | null;
  readonly at: Date | null;
};

export type InboundReading = { readonly inbound: readonly Inbound[]; readonly unreadable: number };
