// Quiet hours: when nobody wants to hear from us, by the clock on the wall where the person lives.
//
//   22:30 quiet ---to---> open ---from---> quiet again
//
// A window may cross midnight. Where nobody knows in which of a country's zones a person is, all of them must be
// open. On days when clocks are changed the hours on the wall count, however long they last.

import { Temporal } from "temporal-polyfill";
import type { MessageClass } from "./message.ts";
import { localTime, type TimeZone } from "./time-zone.ts";

export type QuietHours = {
  /** Minutes of the day; the window begins with the first and ends before the second. They differ. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** The classes that respect it. */
  readonly classes: readonly MessageClass[];
};

type Window = Pick<QuietHours, "fromMinute" | "toMinute">;

const DAY_MS = 86_400_000;
/** In a country that spans the world there may be no moment at which all zones are open. */
const SEARCH_MS_MAX = 2 * DAY_MS;
const PERIODS_KEPT_MAX = 2_000;
const DAYS_AHEAD = [0, 1, 2] as const;

/** Null: people in these zones may be written to at that moment; else when they may again. */
export function quietUntilMs(atMs: number, zones: readonly TimeZone[], window: Window): number | null {
  const period = periodAt(atMs, zones, window);
  return period.isQuiet ? period.endsAtMs : null;
}

/** When it becomes quiet in the first of the zones; the moment itself, if it is quiet then. */
export function quietFromMs(atMs: number, zones: readonly TimeZone[], window: Window): number {
  const period = periodAt(atMs, zones, window);
  return period.isQuiet ? atMs : period.endsAtMs;
}

type Period = { readonly fromMs: number; readonly endsAtMs: number; readonly isQuiet: boolean };
/** The last period asked about, for each choice of zones: workers ask the same again and again. */
const periods = new Map<string, Period>();

function periodAt(atMs: number, zones: readonly TimeZone[], window: Window): Period {
  const key = `${zones.join()} ${window.fromMinute} ${window.toMinute}`;
  const known = periods.get(key);
  if (known !== undefined && known.fromMs <= atMs && atMs < known.endsAtMs) return known;
  const untilMs = openFrom(atMs, zones, window);
  const period =
    untilMs > atMs
      ? { fromMs: atMs, endsAtMs: untilMs, isQuiet: true }
      : {
          fromMs: atMs,
          endsAtMs: Math.min(atMs + SEARCH_MS_MAX, ...zones.map((zone) => nextQuiet(atMs, zone, window))),
          isQuiet: false,
        };
  if (periods.size >= PERIODS_KEPT_MAX) periods.clear();
  periods.set(key, period);
  return period;
}

/** The first moment from then on at which no zone is quiet. */
function openFrom(atMs: number, zones: readonly TimeZone[], window: Window): number {
  let openMs = atMs;
  while (openMs < atMs + SEARCH_MS_MAX) {
    const at = openMs;
    const quiet = zones.find((zone) => isQuiet(at, zone, window));
    if (quiet === undefined) return openMs;
    openMs = nextAt(openMs, quiet, window.toMinute);
  }
  return atMs + DAY_MS;
}

/** Clocks that are put back may fall into the window again. */
function nextQuiet(atMs: number, zone: TimeZone, window: Window): number {
  let startMs = nextAt(atMs, zone, window.fromMinute);
  // A window that clocks jump over as a whole does not come on that day.
  while (!isQuiet(startMs, zone, window)) startMs = nextAt(startMs, zone, window.fromMinute);
  const changeMs = localTime(atMs, zone).getTimeZoneTransition("next")?.epochMilliseconds ?? startMs;
  return changeMs < startMs && isQuiet(changeMs, zone, window) ? changeMs : startMs;
}

function isQuiet(atMs: number, zone: TimeZone, { fromMinute, toMinute }: Window): boolean {
  const { hour, minute } = localTime(atMs, zone);
  const now = hour * 60 + minute;
  return fromMinute < toMinute ? fromMinute <= now && now < toMinute : now >= fromMinute || now < toMinute;
}

/**
 * The first moment after `atMs` at which the clock on the wall comes to that minute of the day, or jumps over it.
 * Where it comes there twice, the second time counts, too.
 */
function nextAt(atMs: number, zone: TimeZone, minuteOfDay: number): number {
  const today = localTime(atMs, zone).toPlainDate();
  const time = Temporal.PlainTime.from({ hour: Math.floor(minuteOfDay / 60), minute: minuteOfDay % 60 });
  for (const days of DAYS_AHEAD) {
    const local = today.add({ days }).toPlainDateTime(time);
    for (const momentMs of momentsOf(local, zone)) if (momentMs > atMs) return momentMs;
  }
  throw new Error("a day has gone by without this minute");
}

/** One moment, two where clocks are put back, and the moment of the change where they jump over it. */
function momentsOf(local: Temporal.PlainDateTime, zone: TimeZone): number[] {
  const earlier = local.toZonedDateTime(zone, { disambiguation: "earlier" });
  const later = local.toZonedDateTime(zone, { disambiguation: "later" });
  if (earlier.toPlainDateTime().equals(local)) {
    return [...new Set([earlier.epochMilliseconds, later.epochMilliseconds])];
  }
  return [earlier.getTimeZoneTransition("next")?.epochMilliseconds ?? later.epochMilliseconds];
}
