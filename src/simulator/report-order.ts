// What a simulated provider says about reports: which it owes for a request that it took, and how its own look.
//
//   ReportOrder   about one request: where its reports go, about whom, and their wording
//   ReportWire    about the provider: how many fit into a POST, when a failed one is repeated, how they are signed
//
// When and in which order they go out is report-sender.ts; whether a person gets the message hangs on the seed
// and the number alone, so that nobody has to remember a million decisions.

import { hashShare } from "./random.ts";

export type Fate =
  | { readonly kind: "pending" }
  | { readonly kind: "delivered" }
  /** `roll` in [0, 1) picks one of the provider's failures. */
  | { readonly kind: "undelivered"; readonly roll: number };

export const PENDING: Fate = { kind: "pending" };
export const DELIVERED: Fate = { kind: "delivered" };

export type ReportOrder = {
  /** Null: the request names none, and the account's own address counts, if it has one. */
  readonly url: string | null;
  /** Digits of those whose message was taken. */
  readonly recipients: readonly string[];
  /** The request wants to hear what happens before the end, too. */
  readonly intermediate: boolean;
  /** One report, without what surrounds it in a POST. `atMs`: when it happened. */
  readonly write: (index: number, fate: Fate, atMs: number) => string;
  /** In place of one report each: one about all of them. */
  readonly writeAll?: (fates: readonly Fate[], atMs: number) => string;
  /** A report in the same form about a message that nobody sent. */
  readonly writeStray: (atMs: number) => string;
  /** The message can never be sent, whatever the dice say. */
  readonly isDoomed?: (index: number) => boolean;
};

export type InboundSms = {
  /** As the person who sends it is known to everybody: digits, with or without a plus. */
  readonly from: string;
  /** A number or a short code of ours. */
  readonly to: string;
  readonly text: string;
};

export type ReportWire = {
  readonly perPostMax: number;
  readonly wrap: (items: readonly string[]) => string;
  /** Header lines that prove the sender, each with its line end. */
  readonly sign?: (body: string) => string;
  readonly retry: RetryPolicy;
  /** Left out where no document shows an inbound SMS. */
  readonly writeInbound?: (sms: InboundSms, atMs: number) => string;
  /** The provider's own word that a person wants no more messages. */
  readonly writeOptOut?: (digits: string, atMs: number) => string;
};

/**
 * After so many tries, the last of them answered so (null: not at all): milliseconds until the next, or the end.
 * `dropped`: this answer is final. `given-up`: the tries are used up.
 */
export type RetryPolicy = (tries: number, status: number | null) => number | Lost;
export type Lost = "dropped" | "given-up";

/** What the provider knows of a message by now; pending until its final report is due. */
export type FateAt = (digits: string, takenAtMs: number) => Fate;

export function fateOf(digits: string, dice: { readonly seed: number; readonly share: number }): Fate {
  const roll = hashShare(dice.seed, digits);
  return roll < dice.share ? { kind: "undelivered", roll: roll / dice.share } : DELIVERED;
}

export function pickFailure<Failure>(failures: readonly [Failure, ...Failure[]], roll: number): Failure {
  return failures[Math.floor(roll * failures.length)] ?? failures[0];
}
