// [8] When a webhook that was not delivered is tried again, and when its endpoint is taken to be dead.
//
//   tried -> delivered
//     |---> again after the waits below; after the last of them the event is given up (a replay can bring it back)
//     |---> gone (410): the endpoint is disabled at once
//     '---> nothing but failures for ENDPOINT_PATIENCE_MS: the endpoint is disabled

import assert from "node:assert";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The wait after the first try, the second, and so on: 11 tries in 26 to 31 hours. */
const retryWaitsMs = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  1 * HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  8 * HOUR_MS,
  10 * HOUR_MS,
] as const;

/** How much later than the table says a try may be, so that what failed together does not come back together. */
const JITTER = 0.2;

/** A receiver may ask for more than the table gives, up to the table's longest wait. */
export const RETRY_AFTER_MS_MAX = 10 * HOUR_MS;

/** Longer than any weekend, and longer than the whole schedule of one event. */
export const ENDPOINT_PATIENCE_MS = 5 * 24 * HOUR_MS;

/** `triesSoFar` counts the one that just failed: 1 after the first. Null: given up. */
export function nextTryInMs(
  triesSoFar: number,
  retryAfterMs: number | null,
  random: () => number = Math.random,
): number | null {
  assert(Number.isInteger(triesSoFar) && triesSoFar >= 1, "A try comes before the next one.");
  const waitMs = retryWaitsMs[triesSoFar - 1];
  if (waitMs === undefined) return null;
  const askedMs = Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
  return Math.round(Math.max(waitMs, askedMs) * (1 + JITTER * random()));
}

/** `failingSinceMs`: the first failure after the last success, null when there is none. */
export function isEndpointDead(failingSinceMs: number | null, nowMs: number): boolean {
  return failingSinceMs !== null && nowMs - failingSinceMs >= ENDPOINT_PATIENCE_MS;
}
