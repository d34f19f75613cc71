// When a campaign would be finished if its accounts did nothing else: by their limits, their caps and the hours in
// which its people may be written to. An estimate: retries, pauses and other campaigns come on top.

import { type QuietHours, quietFromMs, quietUntilMs } from "./quiet-hours.ts";
import type { TimeZone } from "./time-zone.ts";

/** Messages that may leave at the same hours. */
export type Work = {
  readonly zones: readonly TimeZone[];
  readonly messages: number;
  readonly segments: number;
  /** The first and the last of them are not due before; null: at once. */
  readonly firstDueMs: number | null;
  readonly lastDueMs: number | null;
};

/** How fast one account is. */
export type Pace = {
  readonly requestsPerSecond: number;
  readonly segmentsPerSecond: number | null;
  readonly batchMax: number;
  /** Of a UTC day; null: no cap. */
  readonly messagesPerDay: number | null;
};

const DAY_MS = 86_400_000;
/** A step ends where hours open or close, or a day ends: months for one country, weeks for all of them. */
const STEPS_MAX = 2_000;

/** Null: not in any time that makes sense. `quiet` null: at any hour. */
export function estimateFinish(
  works: readonly Work[],
  {
    pace,
    quiet,
    fromMs,
  }: { readonly pace: Pace; readonly quiet: QuietHours | null; readonly fromMs: number },
): number | null {
  const open = works
    .filter(({ messages }) => messages > 0)
    .map((work) => ({ ...work, left: work.messages, eachMs: msPerMessage(work, pace) }));
  let atMs = fromMs;
  let day = dayOf(atMs);
  let leftOfDay = pace.messagesPerDay ?? Number.POSITIVE_INFINITY;

  for (let step = 0; step < STEPS_MAX; step += 1) {
    const waiting = open.filter(({ left }) => left > 0);
    if (waiting.length === 0) return Math.max(atMs, ...works.map(({ lastDueMs }) => lastDueMs ?? 0));
    if (dayOf(atMs) !== day) {
      day = dayOf(atMs);
      leftOfDay = pace.messagesPerDay ?? Number.POSITIVE_INFINITY;
    }
    const midnightMs = (day + 1) * DAY_MS;
    if (leftOfDay < 1) {
      atMs = midnightMs;
      continue;
    }
    const hours = waiting.map((work) => ({ work, opensMs: opensAt(work, atMs, quiet) }));
    const free = hours.filter(({ opensMs }) => opensMs <= atMs);
    if (free.length === 0) {
      atMs = Math.min(...hours.map(({ opensMs }) => opensMs));
      continue;
    }
    // Those first whose hours end first.
    const [next] = free
      .map(({ work }) => ({ work, closesMs: closesAt(work, atMs, quiet) }))
      .toSorted((one, other) => one.closesMs - other.closesMs);
    if (next === undefined) return null;
    const { work } = next;
    const untilMs = Math.min(next.closesMs, pace.messagesPerDay === null ? next.closesMs : midnightMs);
    const sent = Math.min(work.left, leftOfDay, Math.max(1, Math.floor((untilMs - atMs) / work.eachMs)));
    work.left -= sent;
    leftOfDay -= sent;
    atMs += sent * work.eachMs;
  }
  return null;
}

function msPerMessage({ messages, segments }: Work, pace: Pace): number {
  const segmentsEach = segments / messages;
  const { segmentsPerSecond } = pace;
  const batch =
    segmentsPerSecond === null
      ? pace.batchMax
      : Math.max(1, Math.min(pace.batchMax, Math.floor(segmentsPerSecond / segmentsEach)));
  const requestMs = 1_000 / pace.requestsPerSecond / Math.min(batch, messages);
  const segmentsMs = segmentsPerSecond === null ? 0 : (1_000 * segmentsEach) / segmentsPerSecond;
  return Math.max(requestMs, segmentsMs);
}

function opensAt({ zones, firstDueMs }: Work, atMs: number, quiet: QuietHours | null): number {
  const dueMs = Math.max(atMs, firstDueMs ?? atMs);
  if (quiet === null || zones.length === 0) return dueMs;
  return quietUntilMs(dueMs, zones, quiet) ?? dueMs;
}

function closesAt({ zones }: Work, atMs: number, quiet: QuietHours | null): number {
  return quiet === null || zones.length === 0 ? Number.POSITIVE_INFINITY : quietFromMs(atMs, zones, quiet);
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}
