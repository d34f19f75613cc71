// A bucket that fills evenly: how the providers limit their token endpoints and their logs.

import type { Clock } from "./provider.ts";

export type BucketRate = { readonly burst: number; readonly perSecond: number };

/** True while there is a drop left; full at the start, refilled evenly. */
export function createBucket(rate: BucketRate, clock: Clock): () => boolean {
  let level = rate.burst;
  let filledAtMs = clock.nowMs();
  return () => {
    const nowMs = clock.nowMs();
    level = Math.min(rate.burst, level + ((nowMs - filledAtMs) / 1000) * rate.perSecond);
    filledAtMs = nowMs;
    if (level < 1) return false;
    level -= 1;
    return true;
  };
}
