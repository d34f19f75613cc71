// [1] When a reminder comes, and as which message: its first occurrence as it was asked for, each later one by its
// repetition and by the routes and quiet hours of that day.

import { VolleyError } from "../domain/errors.ts";
import { parseRecurrence } from "../domain/recurrence.ts";
import type { ReminderDraft } from "../domain/reminder.ts";
import { AHEAD_MS_MAX } from "../domain/schedule.ts";
import { parseTimeZone, type ZoneReading } from "../domain/time-zone.ts";
import { zonesOfNumber } from "../domain/zones-of.ts";
import type { NextOccurrence } from "../ledger/renew-reminders.ts";
import type { Occurrence } from "../ledger/stored-reminder.ts";
import { planMessage } from "./accept-message.ts";
import type { IntakeRules } from "./choose-accounts.ts";
import { lifeMs, RECIPIENT_ZONE, type TimeOf } from "./due-time.ts";

/** When the repetition cannot be read as things are (a zone that this system does not know): tomorrow, maybe. */
const LOOK_AGAIN_MS = 86_400_000;
const COMING_KEPT_MAX = 2_000;

/** Throws a VolleyError that says what is wrong with it. */
export function planOccurrence(draft: ReminderDraft, rules: IntakeRules, nowMs: number): Occurrence {
  const planned = planAt(draft, { at: draft.at, expiresAt: draft.expiresAt ?? undefined }, rules, nowMs);
  if (!planned.ok) throw reminderFault(planned.field, planned.reason);
  if (draft.repeat !== null) checkRepeat(draft, draft.repeat, planned.occurrence.dueAt.getTime());
  return planned.occurrence;
}

/** Computed from now: what was missed before is not made up for. */
export function planNextOccurrence(draft: ReminderDraft, rules: IntakeRules, nowMs: number): NextOccurrence {
  const comes = nextTime(draft, nowMs);
  if (!comes.ok) return { dueAt: new Date(nowMs + LOOK_AGAIN_MS), occurrence: null };
  if (comes.atMs === null) return { dueAt: null, occurrence: null };
  const at = new Date(comes.atMs);
  const late = expiryAfter(draft, comes.atMs);
  const planned = planAt(draft, { at: at.toISOString(), expiresAt: late?.toISOString() }, rules, nowMs);
  if (!planned.ok) return { dueAt: at, occurrence: null };
  return { dueAt: planned.occurrence.dueAt, occurrence: planned.occurrence };
}

export function reminderFault(path: string, reason: string): VolleyError {
  return new VolleyError("usage", `Cannot keep the reminder: ${reason}`, {
    details: { faults: [{ path, message: reason }] },
  });
}

type PlannedOccurrence =
  | { readonly ok: true; readonly occurrence: Occurrence }
  | { readonly ok: false; readonly field: string; readonly reason: string };

type Times = Pick<TimeOf, "at" | "expiresAt">;

function planAt(draft: ReminderDraft, times: Times, rules: IntakeRules, nowMs: number): PlannedOccurrence {
  const { timeZone, reference, metadata, ...rest } = draft;
  const planned = planMessage(
    {
      ...rest,
      time: { ...times, zone: timeZone ?? undefined },
      reference: reference ?? undefined,
      metadata: metadata ?? undefined,
    },
    rules,
    nowMs,
  );
  if (!planned.ok) return { ...planned, field: planned.field === "sendAt" ? "at" : planned.field };
  const { chunk, message } = planned;
  const [zone = null, ...others] = chunk.zones ?? [];
  return {
    ok: true,
    occurrence: { chunk, dueAt: message.dueAt ?? new Date(nowMs), zone: others.length === 0 ? zone : null },
  };
}

/** As long after this time as the first was given. Absent: the usual. */
function expiryAfter({ to, at, timeZone, expiresAt }: ReminderDraft, atMs: number): Date | undefined {
  if (expiresAt === null) return undefined;
  const lasts = lifeMs({ at, expiresAt, zone: timeZone ?? undefined, to });
  return lasts === null ? undefined : new Date(atMs + lasts);
}

/** A time that comes once in four years could not be planned from one to the next. */
function checkRepeat(draft: ReminderDraft, repeat: string, firstMs: number): void {
  const zone = repeatZone(draft);
  if (!zone.ok) throw reminderFault("repeat", zone.reason);
  const repeats = parseRecurrence(repeat, zone.zone);
  if (!repeats.ok) throw reminderFault("repeat", repeats.reason);
  let lastMs = firstMs;
  for (let comes = 0; comes < 2; comes += 1) {
    const nextMs = repeats.recurrence.nextAfter(lastMs);
    if (nextMs === null || nextMs - lastMs > AHEAD_MS_MAX) {
      throw reminderFault("repeat", `It must come again within ${AHEAD_MS_MAX / 86_400_000} days.`);
    }
    lastMs = nextMs;
  }
}

type Coming = { readonly fromMs: number; readonly atMs: number };
/**
 * Repetition and zone -> what comes next after a moment, and after every later one before it: a million reminders for
 * nine o'clock ask the same, and reading cron is half of planning one.
 */
const coming = new Map<string, Coming>();

function nextTime(
  draft: ReminderDraft,
  nowMs: number,
): { readonly ok: true; readonly atMs: number | null } | { readonly ok: false } {
  const zone = repeatZone(draft);
  if (!zone.ok || draft.repeat === null) return { ok: false };
  const name = `${zone.zone} ${draft.repeat}`;
  const known = coming.get(name);
  if (known !== undefined && known.fromMs <= nowMs && nowMs < known.atMs)
    return { ok: true, atMs: known.atMs };
  const repeats = parseRecurrence(draft.repeat, zone.zone);
  if (!repeats.ok) return { ok: false };
  const atMs = repeats.recurrence.nextAfter(nowMs);
  if (coming.size >= COMING_KEPT_MAX) coming.clear();
  if (atMs !== null) coming.set(name, { fromMs: nowMs, atMs });
  return { ok: true, atMs };
}

function repeatZone({ to, timeZone }: ReminderDraft): ZoneReading {
  if (timeZone !== null && timeZone !== RECIPIENT_ZONE) return parseTimeZone(timeZone);
  const [zone, ...others] = timeZone === null ? [] : zonesOfNumber(to);
  if (zone !== undefined && others.length === 0) return { ok: true, zone };
  return { ok: false, reason: "A repetition needs one time zone: name it." };
}
