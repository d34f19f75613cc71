// What comes again and again: cron's five fields, read in a time zone.
//
// Where clocks are put forward, a fixed time that there is not comes right after the change, once; where they are put
// back, a fixed time comes once.

import { Cron } from "croner";
import type { TimeZone } from "./time-zone.ts";

export type Recurrence = {
  /** The next moment strictly after this one; null: it never comes again. */
  readonly nextAfter: (atMs: number) => number | null;
};

export type RecurrenceReading =
  | { readonly ok: true; readonly recurrence: Recurrence }
  | { readonly ok: false; readonly reason: string };

const CHARACTERS_MAX = 100;
const FIVE_FIELDS = /^\s*\S+(?:\s+\S+){4}\s*$/;
const EXAMPLE = '"0 9 * * MON": every Monday at nine';

export function parseRecurrence(text: string, zone: TimeZone): RecurrenceReading {
  const cron = text.length <= CHARACTERS_MAX && FIVE_FIELDS.test(text) ? readCron(text.trim(), zone) : null;
  if (cron === null) {
    return {
      ok: false,
      reason: `A repetition has cron's five fields: minute, hour, day, month, day of the week (${EXAMPLE}).`,
    };
  }
  const nextAfter = (atMs: number) => cron.nextRun(new Date(atMs))?.getTime() ?? null;
  if (nextAfter(Date.now()) === null) return { ok: false, reason: "The repetition never comes." };
  return { ok: true, recurrence: { nextAfter } };
}

function readCron(text: string, timezone: TimeZone): Cron | null {
  try {
    return new Cron(text, { mode: "5-part", paused: true, timezone });
  } catch {
    return null;
  }
}
