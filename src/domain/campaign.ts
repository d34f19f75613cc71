// A campaign: one template to many recipients, cut into chunks, released a few at a time.

import type { MessageClass, MessageState } from "./message.ts";

export const campaignStates = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "completed",
  "completed_with_failures",
  "cancelled",
] as const;
export type CampaignState = (typeof campaignStates)[number];

export type ChunkId = string & { readonly brand: "ChunkId" };

/** What the queue is told of a chunk. */
export type ReleasedChunk = {
  readonly id: ChunkId;
  readonly account: string;
  readonly class: MessageClass;
  readonly messages: number;
  /** In which round of its account it has its turn: lower ones first (ledger/rounds.ts). */
  readonly round: number;
};

/** Rows in a chunk: one claim, one job, and the largest batch that any provider here takes. */
export const CHUNK_ROWS_MAX = 1000;

/**
 * Chunks of one campaign that may be in the queue for one account. Enough to keep a dozen workers busy, few
 * enough that pause acts at once and campaigns interleave.
 */
export const RELEASE_WINDOW_CHUNKS = 16;

/** Beyond these no campaign starts; null: no bound. */
export type CampaignCaps = { readonly messages: number | null; readonly costMicros: number | null };

export type StateCounts = Readonly<Partial<Record<MessageState, number>>>;

export function isFinished(state: CampaignState): boolean {
  return state === "completed" || state === "completed_with_failures" || state === "cancelled";
}
