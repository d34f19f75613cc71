// Sliding seconds, exactly: a log of what happened in the last 1000 ms with its sums. One use refuses what
// would go above a limit, the other remembers the worst second that was ever seen.
//
// A second is (t - 1000 ms, t]: two events exactly one second apart are not in the same one. The worst second
// always ends with an arrival, so looking at each arrival misses none.

const WINDOW_MS = 1000;

/** Slots are dropped from the front of the arrays once this many are spent. */
const SPENT_SLOTS_MAX = 4096;

type SlidingLog = {
  readonly requests: () => number;
  readonly recipients: () => number;
  readonly segments: () => number;
  /** Forgets what is older than the second that ends at `atMs`. */
  readonly trim: (atMs: number) => void;
  readonly push: (atMs: number, recipients: number, segments: number) => void;
  readonly clear: () => void;
};

export type RateLimits = {
  /** Null: no limit. */
  readonly requestsPerSecond: number | null;
  readonly segmentsPerSecond: number | null;
};

export type RateWindow = {
  /** True: it fits and has been counted. False: it would be too much, and costs nothing. */
  readonly admit: (atMs: number, segments: number) => boolean;
  /** Null where requests have no limit. */
  readonly requestsLeft: (atMs: number) => number | null;
  readonly setLimits: (limits: RateLimits) => void;
};

export type Peak = { readonly requests: number; readonly recipients: number; readonly segments: number };

export type PeakMeter = {
  readonly see: (atMs: number, recipients: number, segments: number) => void;
  /** The most of each in any sliding second; the three need not be the same second. */
  readonly peak: () => Peak;
  readonly clear: () => void;
};

export function createRateWindow(first: RateLimits): RateWindow {
  const log = createSlidingLog();
  let limits = first;
  return {
    admit: (atMs, segments) => {
      log.trim(atMs);
      const { requestsPerSecond, segmentsPerSecond } = limits;
      if (requestsPerSecond !== null && log.requests() + 1 > requestsPerSecond) return false;
      if (segmentsPerSecond !== null && log.segments() + segments > segmentsPerSecond) return false;
      log.push(atMs, 0, segments);
      return true;
    },
    requestsLeft: (atMs) => {
      log.trim(atMs);
      const { requestsPerSecond } = limits;
      return requestsPerSecond === null ? null : Math.max(0, requestsPerSecond - log.requests());
    },
    setLimits: (next) => {
      limits = next;
    },
  };
}

export function createPeakMeter(): PeakMeter {
  const log = createSlidingLog();
  let requests = 0;
  let recipients = 0;
  let segments = 0;
  return {
    see: (atMs, newRecipients, newSegments) => {
      log.trim(atMs);
      log.push(atMs, newRecipients, newSegments);
      requests = Math.max(requests, log.requests());
      recipients = Math.max(recipients, log.recipients());
      segments = Math.max(segments, log.segments());
    },
    peak: () => ({ requests, recipients, segments }),
    clear: () => {
      log.clear();
      requests = 0;
      recipients = 0;
      segments = 0;
    },
  };
}

function createSlidingLog(): SlidingLog {
  let times: number[] = [];
  let recipientsAt: number[] = [];
  let segmentsAt: number[] = [];
  let head = 0;
  let recipientsSum = 0;
  let segmentsSum = 0;

  function compact() {
    times = times.slice(head);
    recipientsAt = recipientsAt.slice(head);
    segmentsAt = segmentsAt.slice(head);
    head = 0;
  }

  return {
    requests: () => times.length - head,
    recipients: () => recipientsSum,
    segments: () => segmentsSum,
    trim: (atMs) => {
      while (head < times.length && (times[head] ?? 0) <= atMs - WINDOW_MS) {
        recipientsSum -= recipientsAt[head] ?? 0;
        segmentsSum -= segmentsAt[head] ?? 0;
        head += 1;
      }
      // Waiting until the spent half is the larger one keeps the cost of an event constant.
      if (head > SPENT_SLOTS_MAX && head > times.length / 2) compact();
    },
    push: (atMs, recipients, segments) => {
      times.push(atMs);
      recipientsAt.push(recipients);
      segmentsAt.push(segments);
      recipientsSum += recipients;
      segmentsSum += segments;
    },
    clear: () => {
      head = times.length;
      compact();
      recipientsSum = 0;
      segmentsSum = 0;
    },
  };
}
