// [1] When a message may leave: its wish for a time, read in the zone that was meant, and kept out of quiet hours.

import type { MessageClass } from "../domain/message.ts";
import type { CountryCode, PhoneNumber } from "../domain/phone-number.ts";
import { type QuietHours, quietUntilMs } from "../domain/quiet-hours.ts";
import { AHEAD_MS_MAX, LATE_MS_MAX, PAST_MS_MAX } from "../domain/schedule.ts";
import { parseMoment, parseTimeZone, type TimeZone } from "../domain/time-zone.ts";
import { zonesOfNumber, zonesOfReading } from "../domain/zones-of.ts";

/** As it was written. */
export type TimeOf = {
  /** An instant ("2026-12-24T09:00+01:00"), or a local time in the zone ("2026-12-24T09:00"). */
  readonly at?: string | undefined;
  /** Where the person is: an IANA name, or "recipient": by the number's country. */
  readonly zone?: string | undefined;
  /** Not sent from then on; as `at`. */
  readonly expiresAt?: string | undefined;
};

export type DueTime =
  | {
      readonly ok: true;
      /** Where the person lives; several when the number's country has several, empty when nobody knows. */
      readonly zones: readonly TimeZone[];
      /** Absent: at once. */
      readonly dueAt?: Date;
      readonly expiresAt?: Date;
    }
  | TimeFault;

export type TimeFault = {
  readonly ok: false;
  readonly field: "sendAt" | "timeZone" | "expiresAt";
  readonly reason: string;
};

export const RECIPIENT_ZONE = "recipient";
const UTC = "UTC" as TimeZone;
/** From a time in UTC until the last zone on earth has come to it. */
const LAST_ZONE_MS = 12 * 3_600_000;

export function dueTime({
  at,
  zone,
  readIn = zone,
  expiresAt,
  to,
  class: ofClass,
  quietHours,
  nowMs,
}: TimeOf & {
  /** In which local times are read, where it is not the person's own zone. */
  readonly readIn?: string | undefined;
  readonly to: { readonly number: PhoneNumber; readonly country: CountryCode | null };
  readonly class: MessageClass;
  readonly quietHours: QuietHours | null;
  readonly nowMs: number;
}): DueTime {
  const own = readZone(zone);
  if (own?.ok === false) return own;
  // A zone that was named is the person's own, and says more than the number does.
  const zones = own === null ? zonesOfReading(to) : [own.zone];
  const other = zone === undefined ? readZone(readIn) : null;
  if (other?.ok === false) return other;
  const reading = readIn === undefined ? null : other === null ? zones : [other.zone];
  const due = at === undefined ? null : readMoment(at, reading);
  if (due?.ok === false) return faultIn("sendAt", due.reason);
  const expiry = expiresAt === undefined ? null : readMoment(expiresAt, reading);
  if (expiry?.ok === false) return faultIn("expiresAt", `The expiry: ${expiry.reason}`);
  const fault = dueFault(due?.atMs ?? null, nowMs);
  if (fault !== null) return faultIn("sendAt", fault);
  const late = expiryFault(due?.atMs ?? null, expiry?.atMs ?? null, nowMs);
  if (late !== null) return faultIn("expiresAt", late);

  const isLater = due !== null && due.atMs > nowMs;
  const quietUntil =
    isLater && quietHours?.classes.includes(ofClass) === true
      ? quietUntilMs(due.atMs, zones, quietHours)
      : null;
  if (quietUntil !== null && expiry !== null && expiry.atMs <= quietUntil)
    return faultIn("expiresAt", "The expiry comes before the quiet hours of that time end.");
  const dueMs = isLater ? (quietUntil ?? due.atMs) : null;
  const lateMs = expiry?.atMs ?? (dueMs === null ? null : dueMs + LATE_MS_MAX);
  return {
    ok: true,
    zones,
    ...(dueMs === null ? {} : { dueAt: new Date(dueMs) }),
    ...(lateMs === null ? {} : { expiresAt: new Date(lateMs) }),
  };
}

/** From a time to its expiry; null: they cannot be read any more. */
export function lifeMs({
  at,
  expiresAt,
  zone,
  to,
}: {
  readonly at: string;
  readonly expiresAt: string;
  readonly zone: string | undefined;
  readonly to: PhoneNumber;
}): number | null {
  const own = readZone(zone);
  if (own?.ok === false) return null;
  const reading = zone === undefined ? null : own === null ? zonesOfNumber(to) : [own.zone];
  const due = readMoment(at, reading);
  const expiry = readMoment(expiresAt, reading);
  return due.ok && expiry.ok ? expiry.atMs - due.atMs : null;
}

export type CampaignTime =
  | { readonly ok: true /** Null: at once. */; readonly startAt: Date | null }
  | TimeFault;

/** In the recipients' own zones a campaign starts at once, and each of its messages waits for its own time. */
export function campaignTime(
  { sendAt, timeZone }: { readonly sendAt: string | null; readonly timeZone: string | null },
  nowMs: number,
): CampaignTime {
  const zone = readZone(timeZone ?? undefined);
  if (zone?.ok === false) return zone;
  if (sendAt === null) return { ok: true, startAt: null };
  // Any zone will do to see whether the time can be read at all.
  const isOwn = timeZone === RECIPIENT_ZONE;
  const moment = parseMoment(sendAt, isOwn ? UTC : (zone?.zone ?? null));
  if (!moment.ok) return faultIn("sendAt", moment.reason);
  const fault = isOwn ? pastFault(moment.atMs + LAST_ZONE_MS, nowMs) : dueFault(moment.atMs, nowMs);
  if (fault !== null) return faultIn("sendAt", fault);
  return { ok: true, startAt: isOwn ? null : new Date(moment.atMs) };
}

function faultIn(field: TimeFault["field"], reason: string): TimeFault {
  return { ok: false, field, reason };
}

/** Null: none was named. */
function readZone(
  zone: string | undefined,
): { readonly ok: true; readonly zone: TimeZone } | TimeFault | null {
  if (zone === undefined || zone === RECIPIENT_ZONE) return null;
  const reading = parseTimeZone(zone);
  return reading.ok ? reading : faultIn("timeZone", reading.reason);
}

type Moment = { readonly ok: true; readonly atMs: number } | { readonly ok: false; readonly reason: string };

/** In a country of several zones: when the last of them has come to that time. */
function readMoment(text: string, zones: readonly TimeZone[] | null): Moment {
  if (zones === null) return parseMoment(text, null);
  const [first] = zones;
  if (first === undefined)
    return { ok: false, reason: "Nobody knows the zone of this number: name its time zone." };
  let latest = parseMoment(text, first);
  for (const other of zones.slice(1)) {
    const moment = parseMoment(text, other);
    if (latest.ok && moment.ok && moment.atMs > latest.atMs) latest = moment;
  }
  return latest;
}

/** Everybody's message would be too late. */
function pastFault(dueMs: number, nowMs: number): string | null {
  return dueMs + LATE_MS_MAX < nowMs ? "The time is in the past, wherever the recipients are." : null;
}

function dueFault(dueMs: number | null, nowMs: number): string | null {
  if (dueMs === null) return null;
  if (dueMs < nowMs - PAST_MS_MAX) return "The time is in the past.";
  return dueMs > nowMs + AHEAD_MS_MAX
    ? `The time is more than ${AHEAD_MS_MAX / 86_400_000} days ahead.`
    : null;
}

function expiryFault(dueMs: number | null, expiryMs: number | null, nowMs: number): string | null {
  if (expiryMs === null) return null;
  if (expiryMs <= nowMs) return "The expiry is in the past.";
  return dueMs !== null && expiryMs <= dueMs ? "The expiry comes before the time." : null;
}
