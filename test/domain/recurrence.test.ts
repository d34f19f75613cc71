// What comes again, by cron in a zone, on the days when clocks are changed and on all others.

import fc from "fast-check";
import { DateTime } from "luxon";
import { expect, it } from "vitest";
import { parseRecurrence } from "../../src/domain/recurrence.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";

const ZONES = ["Europe/Stockholm", "America/New_York", "Australia/Adelaide", "Asia/Kolkata"] as TimeZone[];

function read(text: string, zone = "Europe/Stockholm") {
  const reading = parseRecurrence(text, zone as TimeZone);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.recurrence;
}

function times(text: string, zone: string, from: string, count: number): string[] {
  const recurrence = read(text, zone);
  const found: string[] = [];
  let atMs: number | null = Date.parse(from);
  while (found.length < count) {
    atMs = recurrence.nextAfter(atMs);
    if (atMs === null) break;
    found.push(DateTime.fromMillis(atMs, { zone }).toFormat("MM-dd HH:mm ZZ"));
  }
  return found;
}

it("a time that a day does not have comes right after the change, once", () => {
  expect(times("30 2 * * *", "Europe/Stockholm", "2026-03-28T12:00Z", 2)).toEqual([
    "03-29 03:00 +02:00",
    "03-30 02:30 +02:00",
  ]);
});

it("a time that a day has twice comes once", () => {
  expect(times("30 2 * * *", "Europe/Stockholm", "2026-10-24T12:00Z", 2)).toEqual([
    "10-25 02:30 +02:00",
    "10-26 02:30 +01:00",
  ]);
});

it("Mondays at nine are at nine in summer and in winter", () => {
  expect(times("0 9 * * MON", "America/New_York", "2026-10-20T00:00Z", 3)).toEqual([
    "10-26 09:00 -04:00",
    "11-02 09:00 -05:00",
    "11-09 09:00 -05:00",
  ]);
});

it("once a day is once on every day, in every zone, whatever the hour", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      (zone, hour, minute) => {
        const { nextAfter } = read(`${minute} ${hour} * * *`, zone);
        const days: string[] = [];
        let atMs = DateTime.fromISO("2026-01-01", { zone }).toMillis() - 1;
        for (let day = 0; day < 365; day += 1) {
          const nextMs = nextAfter(atMs);
          if (nextMs === null || nextMs <= atMs) throw new Error("it does not go on");
          atMs = nextMs;
          days.push(DateTime.fromMillis(atMs, { zone }).toISODate() ?? "");
        }
        const all = Array.from({ length: 365 }, (_, day) =>
          DateTime.fromISO("2026-01-01", { zone }).plus({ days: day }).toISODate(),
        );
        expect(days).toEqual(all);
      },
    ),
    { numRuns: 40 },
  );
});

it.each(["", "9", "* * * * * *", "61 * * * *", "0 0 30 2 *", "@daily", "0 9 * * MONDAY!", "x".repeat(200)])(
  "%s is refused",
  (text) => {
    expect(parseRecurrence(text, "Europe/Stockholm" as TimeZone)).toMatchObject({ ok: false });
  },
);
