// Who goes first at an account. A one-time code has a person waiting for it, a campaign has not, whatever its class:
// so a message that came alone is more urgent than a transactional campaign.

import type { MessageClass } from "./message.ts";

/** The most urgent first. */
export const urgencies = ["urgent", "transactional", "reminder", "marketing"] as const;
export type Urgency = (typeof urgencies)[number];

export function urgencyOf(chunk: { readonly class: MessageClass; readonly messages: number }): Urgency {
  return chunk.class === "transactional" && chunk.messages === 1 ? "urgent" : chunk.class;
}

/**
 * A campaign has a chunk in every so many rounds of its account: while all classes wait, each gets a third of what the
 * class above it gets, and none gets nothing.
 */
export const ROUNDS_APART: Readonly<Record<MessageClass, number>> = {
  transactional: 1,
  reminder: 3,
  marketing: 9,
};
