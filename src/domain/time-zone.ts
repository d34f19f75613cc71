// Local times and the instants that they mean, by the IANA zones.
//
// Where clocks are put forward, a time that there is not means the one that comes after it by as much: 02:30 is
// 03:30. Where they are put back, a time that there is twice means the first one. Temporal's "compatible" rule, which
// is also that of calendars (RFC 5545).

import { Temporal } from "temporal-polyfill";

export type TimeZone = string & { readonly brand: "TimeZone" };

export type ZoneReading =
  | { readonly ok: true; readonly zone: TimeZone }
  | { readonly ok: false; readonly reason: string };
export type MomentReading =
  | { readonly ok: true; readonly atMs: number }
  | { readonly ok: false; readonly reason: string };

const ZONE_FORM = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;
const LOCAL_FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::[0-5]\d(?:\.\d{1,3})?)?$/;
const OFFSET_FORM = /(?:Z|[+-]\d{2}:\d{2})$/;
const YEAR_MIN = 1970;
const YEAR_MAX = 9998;
const EXAMPLE = "2026-12-24T09:00";

/** Names in any case; offsets are no zones, because they know no summer time. */
export function parseTimeZone(text: string): ZoneReading {
  const zone = ZONE_FORM.test(text) ? zoneNamed(text) : null;
  if (zone !== null) return { ok: true, zone };
  return { ok: false, reason: "A time zone is a name such as Europe/Stockholm." };
}

/** An instant with its offset or Z, or a local time in `zone`; null: there is none to read it in. */
export function parseMoment(text: string, zone: TimeZone | null): MomentReading {
  const offset = OFFSET_FORM.exec(text)?.[0] ?? "";
  const local = offset === "" ? text : text.slice(0, -offset.length);
  if (!LOCAL_FORM.test(local)) {
    return {
      ok: false,
      reason: `A time is written ${EXAMPLE} with a time zone, or ${EXAMPLE}+01:00 with its offset.`,
    };
  }
  const plain = readLocal(local);
  if (plain === null) return { ok: false, reason: "There is no such day or time." };
  if (plain.year < YEAR_MIN || plain.year > YEAR_MAX) {
    return { ok: false, reason: `The year must lie between ${YEAR_MIN} and ${YEAR_MAX}.` };
  }
  if (offset !== "") return readInstant(text);
  if (zone === null) {
    return {
      ok: false,
      reason: `The time has no zone: add its offset (${EXAMPLE}+01:00), or name a time zone.`,
    };
  }
  return { ok: true, atMs: toInstantMs(plain, zone) };
}

export function toInstantMs(local: Temporal.PlainDateTime, zone: TimeZone): number {
  return local.toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds;
}

export function localTime(atMs: number, zone: TimeZone): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone);
}

/** As it is written for people: 2026-12-24T09:00. */
export function showLocal(atMs: number, zone: TimeZone): string {
  return localTime(atMs, zone).toPlainDateTime().toString({ smallestUnit: "minute" });
}

/** Null: there is no such zone. Spelled as the zone's own name is. */
export function zoneNamed(name: string): TimeZone | null {
  try {
    return localTime(0, name as TimeZone).timeZoneId as TimeZone;
  } catch {
    return null;
  }
}

function readLocal(text: string): Temporal.PlainDateTime | null {
  try {
    return Temporal.PlainDateTime.from(text, { overflow: "reject" });
  } catch {
    return null;
  }
}

function readInstant(text: string): MomentReading {
  try {
    return { ok: true, atMs: Temporal.Instant.from(text).epochMilliseconds };
  } catch {
    return { ok: false, reason: "There is no such offset." };
  }
}
