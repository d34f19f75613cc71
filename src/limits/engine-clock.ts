// Where the engine's clock stands on our monotonic one, learned from the round trips of our calls.
//
// A reply that was read late (a busy event loop, a slow network) says little about the moment it was
// written, so the shortest trip of the last seconds decides for all of them.

/** Clocks drift apart by some 0.05 ms a second at worst: by less than a trip's own doubt in this time. */
const TRIP_AGE_MS_MAX = 10_000;

export type RoundTrip = {
  /** On our clock. */
  readonly sentMs: number;
  readonly receivedMs: number;
  /** On the engine's clock, some moment between the two. */
  readonly engineMs: number;
};

export type EngineClock = {
  readonly learn: (trip: RoundTrip) => void;
  /** Our clock's reading at a moment of the engine's clock. */
  readonly toLocalMs: (engineMs: number) => number;
};

export function createEngineClock(): EngineClock {
  let best = { offsetMs: 0, doubtMs: Number.POSITIVE_INFINITY, learnedMs: Number.NEGATIVE_INFINITY };
  return {
    learn({ sentMs, receivedMs, engineMs }) {
      const offsetMs = (sentMs + receivedMs) / 2 - engineMs;
      const doubtMs = (receivedMs - sentMs) / 2;
      const outdated = receivedMs - best.learnedMs > TRIP_AGE_MS_MAX;
      // Two trips that cannot both be right: the engine's clock was set, or another server took over.
      const contradicted = Math.abs(offsetMs - best.offsetMs) > doubtMs + best.doubtMs + 1;
      if (doubtMs <= best.doubtMs || outdated || contradicted)
        best = { offsetMs, doubtMs, learnedMs: receivedMs };
    },
    toLocalMs: (engineMs) => engineMs + best.offsetMs,
  };
}
