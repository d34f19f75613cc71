// Local times and zones, against luxon as a second implementation, most of all around summer time.

import fc from "fast-check";
import { DateTime } from "luxon";
import { describe, expect, it } from "vitest";
import { type CountryCode, type PhoneNumber, parseCountry } from "../../src/domain/phone-number.ts";
import { parseMoment, parseTimeZone, showLocal, type TimeZone } from "../../src/domain/time-zone.ts";
import { zonesOf, zonesOfNumber } from "../../src/domain/zones-of.ts";

const ZONES = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"] as TimeZone[];

function momentIn(text: string, zone: string | null): string {
  const moment = parseMoment(text, zone as TimeZone | null);
  if (!moment.ok) throw new Error(moment.reason);
  return new Date(moment.atMs).toISOString();
}

it("a time in a zone is the instant that a second implementation finds, wherever it is there once", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.date({ min: new Date("2024-01-01"), max: new Date("2030-12-31"), noInvalidDate: true }),
      (zone, date) => {
        const text = DateTime.fromJSDate(date, { zone }).toFormat("yyyy-MM-dd'T'HH:mm");
        const other = DateTime.fromISO(text, { zone });
        const ours = Date.parse(momentIn(text, zone));
        const isThereTwice = other.getPossibleOffsets().length > 1;
        if (isThereTwice) expect(other.getPossibleOffsets().map((one) => one.toMillis())).toContain(ours);
        else expect(ours).toBe(other.toMillis());
        expect(showLocal(ours, zone)).toBe(text);
      },
    ),
    { numRuns: 500 },
  );
});

it.each([
  ["put forward, Stockholm", "2026-03-29T02:30", "Europe/Stockholm", "2026-03-29T01:30:00.000Z"],
  ["put forward, New York", "2026-03-08T02:15", "America/New_York", "2026-03-08T07:15:00.000Z"],
  [
    "put forward by half an hour, Lord Howe",
    "2026-10-04T02:10",
    "Australia/Lord_Howe",
    "2026-10-03T15:40:00.000Z",
  ],
  ["put back, Stockholm", "2026-10-25T02:30", "Europe/Stockholm", "2026-10-25T00:30:00.000Z"],
  ["put back, New York", "2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00.000Z"],
  [
    "put back by half an hour, Lord Howe",
    "2026-04-05T01:45",
    "Australia/Lord_Howe",
    "2026-04-04T14:45:00.000Z",
  ],
  ["never changed", "2026-07-01T09:00", "Asia/Kolkata", "2026-07-01T03:30:00.000Z"],
])("a time while clocks are %s", (_, text, zone, expected) => {
  expect(momentIn(text, zone)).toBe(expected);
});

it("an instant needs no zone", () => {
  expect(momentIn("2026-12-24T09:00+01:00", null)).toBe("2026-12-24T08:00:00.000Z");
  expect(momentIn("2026-12-24T09:00:30.5Z", null)).toBe("2026-12-24T09:00:30.500Z");
});

it.each([
  ["no zone", "2026-12-24T09:00", null, /has no zone/],
  ["a day that there is not", "2026-02-30T09:00", "Europe/Stockholm", /no such day/],
  ["hour 24", "2026-12-24T24:00", "Europe/Stockholm", /no such day or time/],
  ["a date only", "2026-12-24", "Europe/Stockholm", /is written/],
  ["a number", "1e3", "Europe/Stockholm", /is written/],
  ["seconds since 1970", "1798790400", null, /is written/],
  ["the year 9999", "9999-12-31T00:00", "Europe/Stockholm", /between 1970 and 9998/],
  ["a year before computers", "1969-12-31T00:00", "Europe/Stockholm", /between 1970 and 9998/],
  ["an offset that is none", "2026-12-24T09:00+25:00", null, /no such offset/],
  ["words", "tomorrow", "Europe/Stockholm", /is written/],
  ["another script's digits", "２０２６-12-24T09:00", "Europe/Stockholm", /is written/],
  ["nothing", "", "Europe/Stockholm", /is written/],
])("a time with %s is refused, and says what to write", (_, text, zone, reason) => {
  const moment = parseMoment(text, zone as TimeZone | null);
  expect(moment).toEqual({ ok: false, reason: expect.stringMatching(reason) });
});

it("zones go by their names in any case, and by nothing else", () => {
  expect(parseTimeZone("europe/stockholm")).toEqual({ ok: true, zone: "Europe/Stockholm" });
  expect(parseTimeZone("UTC")).toEqual({ ok: true, zone: "UTC" });
  for (const text of [
    "",
    "CETT",
    "+01:00",
    "Mars/Olympus",
    "../etc/passwd",
    "Europe/Stockholm\n",
    "x".repeat(200),
  ]) {
    expect(parseTimeZone(text), text).toMatchObject({ ok: false });
  }
});

describe("zones of people", () => {
  it("are those of the number's country", () => {
    expect(zonesOfNumber("+46701740605" as PhoneNumber)).toEqual(["Europe/Stockholm"]);
    expect(zonesOfNumber("+12125550123" as PhoneNumber)).toContain("America/Detroit");
    expect(zonesOfNumber("+12125550123" as PhoneNumber)).toContain("Pacific/Honolulu");
    expect(zonesOfNumber("+77012345678" as PhoneNumber)).not.toContain("Europe/Moscow");
  });

  it("are those of all countries that share the code, when the number does not say which", () => {
    expect(zonesOfNumber("+447700900123" as PhoneNumber)).toEqual(["Europe/Guernsey"]);
    expect(zonesOfNumber("+88213300000" as PhoneNumber)).toEqual([]);
  });

  it("that agree for years are one", () => {
    const zones = zonesOf("US" as CountryCode);
    expect(zones.length).toBeLessThan(12);
    const country = parseCountry("ES");
    expect(country.ok && zonesOf(country.country)).toEqual(["Africa/Ceuta", "Atlantic/Canary"]);
  });
});
