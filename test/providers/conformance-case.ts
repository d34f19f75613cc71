// What the conformance suite wants to know of a provider, and what its parts share.

import fc from "fast-check";
import { expect } from "vitest";
import type { Account } from "../../src/domain/account.ts";
import type { Batch, HttpResponse, Provider } from "../../src/providers/provider.ts";

/** The vendor's documented bodies for batches of ours. What a provider cannot do is null. */
export type ConformanceCase = {
  readonly provider: Provider;
  /** Logs in by OAuth2 if the provider has that, has `reports: null` and an https baseUrl if any: accountOf(name). */
  readonly account: Account;
  /** The vendor's documented answer to a batch that it takes, each message under an id of its own or the batch's. */
  readonly acceptedReply: (batch: Batch) => HttpResponse;
  /**
   * Where acceptedReply's body lists the recipients, one item each, as keys from the outside in: `["to"]`. The
   * suite leaves items out, doubles, turns and mixes them. Null: the reply does not list recipients.
   */
  readonly itemsAt: readonly string[] | null;
  /**
   * The documented answer to a look-up that finds these messages of the call and no others; with no messages it
   * finds none. Null: the provider cannot be asked, or `sendsAgain` (then acceptedReply is the answer).
   */
  readonly foundReply: ((found: Batch) => HttpResponse) | null;
  /** A documented body that reports the one message of the batch delivered; null: provider.reports is null. */
  readonly deliveredReport: ((batch: Batch) => unknown) | null;
  /** The documented answer to a question about these messages that says each delivered; null: there is no `ask`. */
  readonly askedReply: ((batch: Batch) => HttpResponse) | null;
  /** A documented body that brings one SMS from numberAt(0) with the text "STOP"; null: `hasInbound` is false. */
  readonly inbound: unknown;
};

export const SECRET = "s3cret~.";
export const statuses = [
  200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 405, 408, 415, 429, 500, 502, 503, 504,
];
const reasonForm = /^[a-z0-9]+(-[a-z0-9]+)*$/;

export const anyBody = fc.oneof(
  fc.string(),
  fc.json(),
  fc.anything().map((value) => JSON.stringify(value) ?? ""),
);

export const bigBodies = [
  "[".repeat(200_000),
  `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
  `"${"a".repeat(1_000_000)}"`,
];

/** Lower-case words joined by dashes: nothing that a vendor wrote has this form by accident. */
export function expectReason(reason: string): void {
  expect(reason).toMatch(reasonForm);
  expect(reason.length).toBeLessThan(65);
}
