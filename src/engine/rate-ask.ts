// What both engines demand of an ask for slots, and its form in microseconds.

import assert from "node:assert";
import { RATE_HORIZON_MS_MAX, type RateAsk } from "./engine.ts";

/** Slots in one take: bounds how long one account holds up the server. */
const SLOTS_MAX = 1_000;

export function parseAsk(ask: RateAsk) {
  const { requestsPerSecond, segmentsPerSecond, leadMs, horizonMs } = ask;
  assert(requestsPerSecond > 0 && Number.isFinite(requestsPerSecond), "a rate of requests is above zero");
  assert(
    segmentsPerSecond === null || (segmentsPerSecond > 0 && Number.isFinite(segmentsPerSecond)),
    "a rate of segments is above zero",
  );
  assert(
    leadMs >= 0 && leadMs <= horizonMs && horizonMs <= RATE_HORIZON_MS_MAX,
    "lead <= horizon <= maximum",
  );
  const segments = ask.segments.slice(0, SLOTS_MAX);
  assert(
    segments.every((count) => count >= 0 && Number.isFinite(count)),
    "a call has no negative segments",
  );
  return {
    requestsPerSecond,
    segmentsPerSecond,
    segments,
    leadUs: leadMs * 1_000,
    horizonUs: horizonMs * 1_000,
  };
}
