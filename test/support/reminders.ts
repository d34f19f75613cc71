// Reminders on a ledger bench, planned by hand: what they ask for, and time that goes by.

import { createMessageId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import type { ReminderDraft, ReminderKey } from "../../src/domain/reminder.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";
import type { PlanNext } from "../../src/ledger/renew-reminders.ts";
import type { Occurrence } from "../../src/ledger/stored-reminder.ts";
import { type LedgerBench, phone } from "./ledger.ts";

export const HOUR_MS = 3_600_000;
export const KEY = "visit-17" as ReminderKey;
export const STOCKHOLM = "Europe/Stockholm" as TimeZone;

export const draftOf = (changes: Partial<ReminderDraft> = {}): ReminderDraft => ({
  key: KEY,
  to: phone(0),
  text: "See you tomorrow.",
  class: "reminder",
  from: null,
  account: null,
  at: "2030-01-01T09:00",
  timeZone: "Europe/Stockholm",
  repeat: null,
  expiresAt: null,
  reference: null,
  metadata: null,
  ...changes,
});
export const daily = (changes: Partial<ReminderDraft> = {}) => draftOf({ repeat: "0 9 * * *", ...changes });

export function occurrenceOf(draft: ReminderDraft, dueMs: number): Occurrence {
  const dueAt = new Date(dueMs);
  const message = {
    ...{ id: createMessageId(dueMs), to: draft.to, position: 0, segments: 1, values: null, dueAt },
    text: sensitive(draft.text),
  };
  return {
    chunk: {
      ...{ campaignId: null, accounts: ["main"], class: draft.class, sender: null, zones: [STOCKHOLM] },
      state: "released",
      messages: [message],
    },
    dueAt,
    zone: STOCKHOLM,
  };
}

const planNext: PlanNext = (draft, nowMs) => {
  const occurrence = occurrenceOf(draft, nowMs + 24 * HOUR_MS);
  return { dueAt: occurrence.dueAt, occurrence };
};

export function remindersOn({ ledger: { reminders }, pool }: LedgerBench) {
  async function messages(): Promise<{ id: MessageId; state: string; reason: string | null }[]> {
    const { rows } = await pool.query("select id, state, reason from volley.message order by id, state");
    return rows;
  }
  return {
    put: (draft = draftOf(), hours = 1) =>
      reminders.put(draft, (one, nowMs) => occurrenceOf(one, nowMs + hours * HOUR_MS)),
    edit: (change: (draft: ReminderDraft) => ReminderDraft, hours: number) =>
      reminders.edit(KEY, change, (one, nowMs) => occurrenceOf(one, nowMs + hours * HOUR_MS)),
    cancel: (key = KEY) => reminders.cancel(key),
    find: () => reminders.find(KEY),
    /** Each next one a day later, unless the plan says otherwise. */
    renew: (limit = 100, plan = planNext) => reminders.renewDue(limit, plan),
    messages,
    states: async () => (await messages()).map(({ state }) => state).sort(),
    /** As if so many hours had gone by. */
    async pass(hours: number): Promise<void> {
      for (const table of ["reminder", "message", "chunk"]) {
        await pool.query(`update volley.${table} set due_at = due_at - $1 * interval '1 hour'`, [hours]);
      }
    },
  };
}
