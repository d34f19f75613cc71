// Readings that every provider makes alike: one outcome for the whole batch, or trouble with the account.

import { type AccountTrouble, allOutcomes, type Outcome } from "../domain/outcome.ts";
import type { Batch, HttpResponse, NoAnswer, Reading } from "./provider.ts";

export function readAll(batch: Batch, outcome: Outcome): Reading {
  return { outcomes: allOutcomes(batch.messages.length, outcome), trouble: null };
}

/** The account is the reason: nothing was sent, and no message loses a try over it. */
export function readTrouble(batch: Batch, trouble: AccountTrouble): Reading {
  const reason = "reason" in trouble ? trouble.reason : trouble.kind;
  return { outcomes: allOutcomes(batch.messages.length, { kind: "later", reason, usesTry: false }), trouble };
}

/** A reply that does not say whether the messages were taken: a 5xx, an undocumented status, an unreadable body. */
export function readUnknown(batch: Batch, reason: string): Reading {
  const outcomes = allOutcomes(batch.messages.length, { kind: "unknown", reason });
  return { outcomes, trouble: { kind: "failing", reason } };
}

/** Without trouble of its own the lack of an answer is the trouble. */
export function noAnswer(reason: string, trouble?: AccountTrouble | null): NoAnswer {
  return { kind: "no-answer", reason, trouble: trouble ?? { kind: "failing", reason } };
}

export function httpReason(response: HttpResponse): string {
  return `http-${response.status}`;
}

export function isSuccess(response: HttpResponse): boolean {
  return response.status >= 200 && response.status <= 299;
}
