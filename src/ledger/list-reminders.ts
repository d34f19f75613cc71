// [6] Reminders as people read them: what was asked for, without the text, and where its occurrences are.

import type { Pool } from "pg";
import type { MessageId, MessageState } from "../domain/message.ts";
import type { ReminderDraft, ReminderKey } from "../domain/reminder.ts";
import { showLocal, type TimeZone } from "../domain/time-zone.ts";
import { DRAFT_COLUMNS, type DraftRow, toDraft } from "./stored-reminder.ts";

export type Reminder = Omit<ReminderDraft, "text"> & {
  /** When it comes next; null: it does not. */
  readonly nextAt: Date | null;
  /** The same in `zone`, as 2026-12-24T09:00. */
  readonly nextLocal: string | null;
  /** Null: it has none, or its number's country has several. */
  readonly zone: TimeZone | null;
  /** The current occurrence; of a recurring reminder the one to come. Null: there is none, see `reason`. */
  readonly occurrence: OccurrenceState | null;
  /** The one before. */
  readonly previous: OccurrenceState | null;
  /** Why there is no current occurrence, or why it is in its state. */
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly changedAt: Date;
};

export type OccurrenceState = { readonly id: MessageId; readonly state: MessageState };

export type ReminderPage = { readonly reminders: readonly Reminder[]; readonly next: string | null };

const waitingStates: readonly MessageState[] = ["scheduled", "queued"];

export async function listReminders(
  pool: Pool,
  page: {
    readonly key?: ReminderKey | undefined;
    readonly before?: string | undefined;
    readonly limit: number;
  },
): Promise<ReminderPage> {
  const { rows } = await pool.query<ReminderRow>(
    `select ${DRAFT_COLUMNS}, r.id as place, r.zone, r.due_at, r.created_at, r.changed_at,
       r.message_id, m.state, coalesce(r.reason, m.reason) as reason, r.previous_id, p.state as previous_state
     from volley.reminder r
     left join volley.message m on m.id = r.message_id
     left join volley.message p on p.id = r.previous_id
     where ($1::text is null or r.key = $1) and ($2::bigint is null or r.id < $2)
     order by r.id desc limit $3`,
    [page.key ?? null, page.before ?? null, page.limit],
  );
  const last = rows.length < page.limit ? undefined : rows.at(-1);
  return { reminders: rows.map(toReminder), next: last?.place ?? null };
}

function toReminder(row: ReminderRow): Reminder {
  const { text: _, ...draft } = toDraft(row);
  const occurrence = toOccurrence(row.message_id, row.state);
  const isWaiting = occurrence !== null && waitingStates.includes(occurrence.state);
  const nextAt = isWaiting || row.repeat !== null ? row.due_at : null;
  return {
    ...draft,
    nextAt,
    nextLocal: nextAt === null || row.zone === null ? null : showLocal(nextAt.getTime(), row.zone),
    zone: row.zone,
    occurrence,
    previous: toOccurrence(row.previous_id, row.previous_state),
    reason: row.reason,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

/** Old messages go before their recurring reminder does. */
function toOccurrence(id: MessageId | null, state: MessageState | null): OccurrenceState | null {
  return id === null || state === null ? null : { id, state };
}

type ReminderRow = DraftRow & {
  place: string;
  zone: TimeZone | null;
  due_at: Date | null;
  created_at: Date;
  changed_at: Date;
  message_id: MessageId | null;
  state: MessageState | null;
  reason: string | null;
  previous_id: MessageId | null;
  previous_state: MessageState | null;
};
