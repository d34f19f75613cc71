// Where coordination lives: the queue's backend, the shared token, the shared rate limit.
//
// Two implementations, postgres.ts and redis.ts, pass one conformance suite; nothing outside this folder may
// ask which one it is. All times here are durations in milliseconds measured on the engine's own clock, so
// workers with wrong clocks agree.

import type { BackendFactory, IQueueBackend } from "bullmq";

export type Engine = {
  readonly queueBackend: QueueBackend;
  readonly tokens: TokenCells;
  readonly rates: RateCells;
  /** Creates what the engine needs; safe to run twice and at once. */
  readonly migrate: () => Promise<void>;
  /** Resolves with the reasons why the engine is unfit to work on, empty when it is fit. Never throws. */
  readonly check: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

/** What `queue/` hands to BullMQ's constructors, unread. */
export type QueueBackend = {
  readonly connection: object;
  readonly prefix: string | undefined;
  readonly factory: BackendFactory<IQueueBackend, object> | undefined;
};

/** One token an account, for the whole fleet. */
export type TokenCells = {
  readonly read: (account: string) => Promise<TokenCell | null>;
  /**
   * Leave to refresh, for one process at a time. `generation` is the one the caller saw (0: none); when the
   * cell has moved past it the answer is `moved` and the caller reads again instead of calling the provider.
   */
  readonly lease: (
    account: string,
    lease: { readonly holder: string; readonly generation: number; readonly holdMs: number },
  ) => Promise<"granted" | "taken" | "moved">;
  /** Stores the next generation and ends the lease; false when the lease was lost meanwhile. */
  readonly write: (
    account: string,
    next: { readonly holder: string; readonly sealed: string; readonly lifeMs: number },
  ) => Promise<boolean>;
  readonly release: (account: string, holder: string) => Promise<void>;
};

export type TokenCell = {
  /** 1 for the first token of an account; grows by one with each refresh. */
  readonly generation: number;
  /** The token as the token part sealed it. */
  readonly sealed: string;
  readonly ageMs: number;
  /** Life left by what the provider said; negative when over. */
  readonly remainingMs: number;
  readonly lifeMs: number;
};

/**
 * One limiter cell an account. A permit is a slot in time: `take` reserves, for a list of waiting calls in
 * their order, the earliest slots that keep every sliding window under the limits, and stops at the first
 * call whose slot lies beyond `horizonMs`.
 */
export type RateCells = {
  readonly take: (account: string, ask: RateAsk) => Promise<RateGrant>;
  /** No slot before now + pauseMs, for the whole fleet; a shorter pause never cuts a longer one. */
  readonly pause: (
    account: string,
    pause: { readonly pauseMs: number; readonly reason: string },
  ) => Promise<void>;
  readonly read: (account: string) => Promise<{ readonly pausedMs: number; readonly reason: string | null }>;
};

export type RateAsk = {
  readonly requestsPerSecond: number;
  readonly segmentsPerSecond: number | null;
  /** Segments of each waiting call; a call always costs one request. */
  readonly segments: readonly number[];
  /** No slot sooner than this after the engine's now: for callers who know that they need so long to use it. */
  readonly leadMs: number;
  /** Not below `leadMs`, at most RATE_HORIZON_MS_MAX. */
  readonly horizonMs: number;
};

/** How far ahead slots may be leased at all. */
export const RATE_HORIZON_MS_MAX = 60_000;

export type RateGrant = {
  /** The engine's clock when it answered, since 1970; only differences of it mean anything. */
  readonly nowMs: number;
  /** For the first calls of the ask: milliseconds from the engine's now to each slot, 0 or more, ascending. */
  readonly slotsMs: readonly number[];
  /** When calls are left without a slot: milliseconds after which asking again makes sense. */
  readonly waitMs: number;
  readonly pausedMs: number;
};
