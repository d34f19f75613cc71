// How one attempt to send one message can end. Expected ends are values, never exceptions.
//
// The line that matters runs between `later` (provably not sent, so it may be tried again) and
// `unknown` (it may have been sent, so nobody may try again without evidence).

export type Outcome =
  | {
      readonly kind: "accepted";
      /** The provider's name for the message; null where it gives none. */
      readonly providerMessageId: string | null;
    }
  /** Refused for good; trying again would be refused again. */
  | { readonly kind: "rejected"; readonly reason: string }
  /** Provably not sent. `usesTry` is false when the account, not the message, was the reason (429, 401, 403). */
  | { readonly kind: "later"; readonly reason: string; readonly usesTry: boolean }
  | { readonly kind: "unknown"; readonly reason: string };

/** What a reply says about the whole account, beside the outcomes of its messages. */
export type AccountTrouble =
  /** 401: this token is not taken any more. */
  | { readonly kind: "token-rejected" }
  /** 429: wait; the provider's own hint in milliseconds, if it gave one. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number | null }
  /** No reply, a 5xx or one that cannot be read: too many of them open the account's circuit. */
  | { readonly kind: "failing"; readonly reason: string }
  /** 403, out of credit and the like: a person has to act. `advice` says what to check, without secrets. */
  | { readonly kind: "held"; readonly reason: string; readonly advice: string };

/** Reasons are stable, lower-case, dash-separated words such as `connect-refused` or `http-500`. */
export function allOutcomes(count: number, outcome: Outcome): Outcome[] {
  return Array.from({ length: count }, () => outcome);
}
