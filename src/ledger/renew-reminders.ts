// [6] Recurring reminders: when an occurrence's time has come, the next one is made, computed from now. So an outage
// leaves one that is late and none of those that were missed.
//
// The rows are held while it happens: of two processes each renews other reminders, and one that dies leaves all as it
// was. What is still waiting when the next but one is made (its provider is away, say) is too late by then, and
// expires: never are there more than two of one reminder.

import type { Pool, PoolClient } from "pg";
import type { MessageId } from "../domain/message.ts";
import type { ReminderDraft } from "../domain/reminder.ts";
import { withTransaction } from "../platform/postgres.ts";
import { addChunk, type NewChunk } from "./add-chunk.ts";
import { DRAFT_COLUMNS, type DraftRow, type Occurrence, toDraft } from "./stored-reminder.ts";
import { type Exemption, OPTED_OUT } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

/** When it comes next, and how; by the database's clock. */
export type PlanNext = (draft: ReminderDraft, nowMs: number) => NextOccurrence;

export type NextOccurrence = {
  /** Null: never again. */
  readonly dueAt: Date | null;
  /** Null: it cannot be sent as things are; that time is skipped. */
  readonly occurrence: Occurrence | null;
};

type DueRow = DraftRow & {
  id: string;
  message_id: MessageId | null;
  previous_id: MessageId | null;
  now_ms: number;
};
type Renewed = { readonly row: DueRow; readonly next: NextOccurrence };

const UNSENDABLE = "not-sendable";

export async function renewReminders(
  pool: Pool,
  exemption: Exemption,
  limit: number,
  planNext: PlanNext,
): Promise<number> {
  return withTransaction(pool, async (client) => {
    const { rows } = await client.query<DueRow>(
      `select ${DRAFT_COLUMNS}, r.id, r.message_id, r.previous_id,
         floor(extract(epoch from now()) * 1000)::float8 as now_ms
       from volley.reminder r where r.repeat is not null and r.due_at <= now()
       order by r.due_at, r.id limit $1 for update skip locked`,
      [limit],
    );
    if (rows.length === 0) return 0;
    const renewed = rows.map((row) => ({ row, next: planNext(toDraft(row), row.now_ms) }));
    await client.query(EXPIRE_OVERTAKEN, [rows.map((row) => row.previous_id)]);
    for (const chunk of joinChunks(renewed)) await addChunk(client, exemption, chunk);
    await store(client, renewed);
    return rows.length;
  });
}

/** Whoever holds one of these is sending it. */
const EXPIRE_OVERTAKEN = `
  with held as (
    select m.id from volley.message m
    where m.id = any($1::uuid[]) and m.state in ('scheduled', 'queued')
    order by m.id for update skip locked
  ),
  moved as (
    update volley.message m set state = 'expired', reason = 'reminder-overtaken', due_at = null, changed_at = now()
    from held where m.id = held.id
    returning m.id, m.state, m.reason, null::uuid as campaign_id
  ),
  ${writeMessageEvents({ moved: "moved" })}
  select from moved`;

/** Those that will leave together are one chunk from the start: what all share a morning is a statement a thousand. */
function joinChunks(renewed: readonly Renewed[]): NewChunk[] {
  const chunks = new Map<string, NewChunk>();
  for (const { next } of renewed) {
    if (next.occurrence === null) continue;
    const { chunk, dueAt } = next.occurrence;
    const form = JSON.stringify([chunk.accounts, chunk.class, chunk.sender, chunk.zones, dueAt]);
    const known = chunks.get(form);
    chunks.set(
      form,
      known === undefined ? chunk : { ...known, messages: [...known.messages, ...chunk.messages] },
    );
  }
  return [...chunks.values()];
}

/** A planned message that is not there now is one to somebody who opted out. */
async function store(client: PoolClient, renewed: readonly Renewed[]): Promise<void> {
  await client.query(
    `update volley.reminder r
     set message_id = m.id, due_at = n.due_at, zone = coalesce(n.zone, r.zone),
       reason = case when m.id is not null then null when n.message_id is null then $5 else $6 end,
       previous_id = coalesce(r.message_id, r.previous_id)
     from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[]) as n (id, message_id, due_at, zone)
     left join volley.message m on m.id = n.message_id
     where r.id = n.id`,
    [
      renewed.map(({ row }) => row.id),
      renewed.map(({ next }) => next.occurrence?.chunk.messages[0]?.id ?? null),
      renewed.map(({ next }) => next.dueAt),
      renewed.map(({ next }) => next.occurrence?.zone ?? null),
      UNSENDABLE,
      OPTED_OUT,
    ],
  );
}
