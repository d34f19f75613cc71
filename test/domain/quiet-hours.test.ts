// Quiet hours on the wall, most of all on days when clocks are changed; luxon reads the wall a second time.

import fc from "fast-check";
import { DateTime } from "luxon";
import { expect, it } from "vitest";
import { quietFromMs, quietUntilMs } from "../../src/domain/quiet-hours.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";

const ZONES = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"] as TimeZone[];
const NIGHT = { fromMinute: 21 * 60, toMinute: 8 * 60, classes: [] };
const MINUTE_MS = 60_000;

const at = (text: string) => Date.parse(text);
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** By luxon. */
function isQuiet(atMs: number, zone: string, { fromMinute, toMinute }: typeof NIGHT): boolean {
  const { hour, minute } = DateTime.fromMillis(atMs, { zone });
  const now = hour * 60 + minute;
  return fromMinute < toMinute ? now >= fromMinute && now < toMinute : now >= fromMinute || now < toMinute;
}

it.each([
  ["the evening before", "2026-06-01T20:00:00Z", "2026-06-02T06:00:00.000Z"],
  ["the small hours", "2026-06-02T01:00:00Z", "2026-06-02T06:00:00.000Z"],
  ["the first quiet minute", "2026-06-01T19:00:00Z", "2026-06-02T06:00:00.000Z"],
  ["the last quiet minute", "2026-06-02T05:59:00Z", "2026-06-02T06:00:00.000Z"],
  ["the first open minute", "2026-06-02T06:00:00Z", null],
  ["noon", "2026-06-02T10:00:00Z", null],
  ["the night when clocks are put forward", "2026-03-28T23:00:00Z", "2026-03-29T06:00:00.000Z"],
  ["the night when clocks are put back", "2026-10-24T23:00:00Z", "2026-10-25T07:00:00.000Z"],
])("at %s it is quiet until", (_, from, until) => {
  expect(iso(quietUntilMs(at(from), [ZONES[0] as TimeZone], NIGHT))).toBe(until);
});

it("a country of several zones is quiet while any of them is", () => {
  const country = ["America/New_York", "America/Los_Angeles"] as TimeZone[];
  expect(iso(quietUntilMs(at("2026-06-01T13:00:00Z"), country, NIGHT))).toBe("2026-06-01T15:00:00.000Z");
  expect(iso(quietFromMs(at("2026-06-01T16:00:00Z"), country, NIGHT))).toBe("2026-06-02T01:00:00.000Z");
});

it("where no moment is open for all, people wait a day and no longer", () => {
  const world = ["Pacific/Auckland", "Europe/London", "America/Los_Angeles"] as TimeZone[];
  const nowMs = at("2026-06-01T12:00:00Z");
  expect(quietUntilMs(nowMs, world, { ...NIGHT, toMinute: 20 * 60 })).toBe(nowMs + 86_400_000);
});

it("nobody's zone is never quiet", () => {
  expect(quietUntilMs(at("2026-06-01T23:00:00Z"), [], NIGHT)).toBeNull();
});

it("a window that clocks jump over as a whole does not come on that day", () => {
  const window = { ...NIGHT, fromMinute: 120, toMinute: 121 };
  const evening = at("2026-03-08T00:00:00Z");
  // In New York 02:00 is followed by 03:00 on that day.
  expect(quietFromMs(evening, ["America/New_York" as TimeZone], window)).toBe(at("2026-03-09T06:00:00Z"));
});

it("open hours are open to their last minute, and quiet ones quiet, as a second reading of the wall finds", () => {
  const minute = fc.integer({ min: 0, max: 1_439 });
  // Days around the changes of 2026 in the four zones, and others.
  const day = fc.constantFrom(
    ...["2026-03-08", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-11-01", "2026-07-01"],
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      day,
      fc.integer({ min: 0, max: 2 * 1_440 }),
      minute,
      minute,
      (zone, from, minutes, fromMinute, toMinute) => {
        fc.pre(fromMinute !== toMinute);
        const window = { ...NIGHT, fromMinute, toMinute };
        const atMs = at(`${from}T00:00:00Z`) + minutes * MINUTE_MS;
        const untilMs = quietUntilMs(atMs, [zone], window);
        expect(untilMs !== null).toBe(isQuiet(atMs, zone, window));
        const endMs = untilMs ?? quietFromMs(atMs, [zone], window);
        expect(endMs).toBeGreaterThan(atMs);
        expect(isQuiet(endMs, zone, window)).toBe(untilMs === null);
        for (let ms = atMs; ms < endMs; ms += 10 * MINUTE_MS) {
          expect(isQuiet(ms, zone, window), iso(ms) ?? "").toBe(untilMs !== null);
        }
        expect(isQuiet(endMs - MINUTE_MS, zone, window)).toBe(untilMs !== null);
      },
    ),
    { numRuns: 1_000 },
  );
});
