// [6] Reminders: a row under the customer's key, and its current occurrence, which is a message that waits for its
// time like any other. So nothing of a waiting reminder is in the queue.
//
//   put, the key is new    row and occurrence are made in one transaction
//   put, the same again    nothing happens, also when it was sent long ago
//   put, something else    what waits is taken back and made anew, in one transaction that holds the row
//   its time has come      a recurring one gets its next occurrence (renew-reminders.ts)
//   cancel                 what waits is taken back, and the row goes
//
// An occurrence that is being sent at that moment cannot be taken back: it is left alone, and the answer names it.

import assert from "node:assert";
import type { Pool, PoolClient } from "pg";
import type { ChunkId, ReleasedChunk } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import type { MessageId } from "../domain/message.ts";
import { fingerprintOf, type ReminderDraft, type ReminderKey } from "../domain/reminder.ts";
import { withTransaction } from "../platform/postgres.ts";
import { addChunk } from "./add-chunk.ts";
import { closeChunk, takeBackMessage } from "./cancel-message.ts";
import { listReminders, type Reminder, type ReminderPage } from "./list-reminders.ts";
import { type PlanNext, renewReminders } from "./renew-reminders.ts";
import { DRAFT_COLUMNS, type DraftRow, draftValues, type Occurrence, toDraft } from "./stored-reminder.ts";
import { type Exemption, OPTED_OUT } from "./suppressed.ts";

/** By the database's clock. Throws what is wrong with the draft. */
export type PlanOccurrence = (draft: ReminderDraft, nowMs: number) => Occurrence;

export type ReminderPut = {
  readonly outcome: "created" | "changed" | "unchanged";
  /** For the queue; null: it waits for its time, or nothing new was made. */
  readonly chunk: ReleasedChunk | null;
  /** An occurrence that is being sent as it was. */
  readonly left: MessageId | null;
};

export type ReminderCancelled = {
  /** False: nothing waited any more. */
  readonly takenBack: boolean;
  readonly left: MessageId | null;
};

type Writer = Exemption & { readonly slot: number };
type CurrentRow = { message_id: MessageId | null; previous_id: MessageId | null };
type HeldRow = CurrentRow & { fingerprint: Buffer; now_ms: number };

export function createReminders(pool: Pool, writer: Writer) {
  return {
    /** Of any number at once under one key, one makes the occurrence. Throws, and changes nothing, when it cannot be. */
    put(draft: ReminderDraft, plan: PlanOccurrence): Promise<ReminderPut> {
      return inTransaction(pool, async (client, emptied) => {
        const held = await holdOrInsert(client, draft);
        if (!held.is_new) return changeReminder({ client, writer, emptied }, held, draft, plan);
        const chunk = await makeOccurrence(client, writer, draft, plan(draft, held.now_ms), null);
        return { outcome: "created", chunk, left: null };
      });
    },

    /** As put, of what stands under the key. Null: nothing does. */
    edit(
      key: ReminderKey,
      change: (draft: ReminderDraft) => ReminderDraft,
      plan: PlanOccurrence,
    ): Promise<ReminderPut | null> {
      return inTransaction(pool, async (client, emptied) => {
        const { rows } = await client.query<HeldRow & DraftRow>(
          `select ${DRAFT_COLUMNS}, ${HELD_COLUMNS} from volley.reminder r where r.key = $1 for update`,
          [key],
        );
        const [held] = rows;
        if (held === undefined) return null;
        return changeReminder({ client, writer, emptied }, held, change(toDraft(held)), plan);
      });
    },

    /** Null: nothing stands under the key. */
    cancel(key: ReminderKey): Promise<ReminderCancelled | null> {
      return inTransaction(pool, async (client, emptied) => {
        const { rows } = await client.query<CurrentRow>(
          "delete from volley.reminder where key = $1 returning message_id, previous_id",
          [key],
        );
        const [gone] = rows;
        if (gone === undefined) return null;
        const { takenBack, left } = await takeBack({ client, writer, emptied }, gone, "cancelled");
        return { takenBack: takenBack.length > 0, left };
      });
    },

    async find(key: ReminderKey): Promise<Reminder | null> {
      const { reminders } = await listReminders(pool, { key, limit: 1 });
      return reminders[0] ?? null;
    },

    /** Newest first; `before` is the `next` of the page before. */
    list: (page: { readonly before?: string | undefined; readonly limit: number }): Promise<ReminderPage> =>
      listReminders(pool, page),

    /** Makes the next occurrence of so many at most that are due; answers how many there were. */
    renewDue: (limit: number, planNext: PlanNext): Promise<number> =>
      renewReminders(pool, writer, limit, planNext),
  };
}

const HELD_COLUMNS = `r.fingerprint, r.message_id, r.previous_id,
  floor(extract(epoch from now()) * 1000)::float8 as now_ms`;

type Change = {
  readonly client: PoolClient;
  readonly writer: Writer;
  /** Takes the chunks of messages that were taken back. */
  readonly emptied: ChunkId[];
};

/**
 * Chunks are closed after the commit: whoever releases them holds the chunk and waits for its message. One that is not
 * closed, because somebody died, costs a worker a look at its time.
 */
async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient, emptied: ChunkId[]) => Promise<T>,
): Promise<T> {
  const emptied: ChunkId[] = [];
  const end = await withTransaction(pool, (client) => work(client, emptied));
  for (const id of emptied) await closeChunk(pool, id);
  return end;
}

/** Waits for whoever holds the key's row; of several that would insert it, one does. */
async function holdOrInsert(
  client: PoolClient,
  draft: ReminderDraft,
): Promise<HeldRow & { readonly is_new: boolean }> {
  const { rows } = await client.query<HeldRow & { readonly is_new: boolean }>(
    `insert into volley.reminder as r (key, fingerprint, recipient, text, class, sender, account, at, time_zone,
       repeat, expires_at, reference, metadata)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     -- So that a row which stands already is locked, and answered.
     on conflict (key) do update set key = excluded.key
     returning r.xmax = 0 as is_new, ${HELD_COLUMNS}`,
    draftValues(draft, fingerprintOf(draft)),
  );
  const [held] = rows;
  assert(held !== undefined, "an upsert answers its row");
  return held;
}

async function changeReminder(
  change: Change,
  held: HeldRow,
  draft: ReminderDraft,
  plan: PlanOccurrence,
): Promise<ReminderPut> {
  const fingerprint = fingerprintOf(draft);
  if (held.fingerprint.equals(fingerprint)) return { outcome: "unchanged", chunk: null, left: null };
  const occurrence = plan(draft, held.now_ms);
  const { client, writer } = change;
  await client.query(
    `update volley.reminder
     set fingerprint = $2, recipient = $3, text = $4, class = $5, sender = $6, account = $7, at = $8, time_zone = $9,
       repeat = $10, expires_at = $11, reference = $12, metadata = $13, changed_at = now()
     where key = $1`,
    draftValues(draft, fingerprint),
  );
  const { takenBack, left } = await takeBack(change, held, "reminder-changed");
  // One that is being sent may come back to wait, and is taken back by the next change then.
  const previous = [held.message_id, held.previous_id].find((id) => id !== null && !takenBack.includes(id));
  const chunk = await makeOccurrence(client, writer, draft, occurrence, previous ?? null);
  return { outcome: "changed", chunk, left };
}

/** Answers what is due at once, for the queue. */
async function makeOccurrence(
  client: PoolClient,
  writer: Writer,
  draft: ReminderDraft,
  { chunk, dueAt, zone }: Occurrence,
  previous: MessageId | null,
): Promise<ReleasedChunk | null> {
  const added = await addChunk(client, writer, chunk);
  const isSkipped = added.id === null;
  if (isSkipped && draft.repeat === null) {
    throw new VolleyError("state_conflict", "Cannot keep the reminder: this person has opted out.");
  }
  const [message] = chunk.messages;
  const [account] = chunk.accounts;
  assert(message !== undefined && account !== undefined, "an occurrence has a message and an account");
  await client.query(
    `update volley.reminder set message_id = $2, reason = $3, previous_id = $4, due_at = $5, zone = $6
     where key = $1`,
    [draft.key, isSkipped ? null : message.id, isSkipped ? OPTED_OUT : null, previous, dueAt, zone],
  );
  if (added.id === null || added.scheduled > 0) return null;
  return { id: added.id, account, class: chunk.class, messages: 1, round: added.round };
}

/**
 * The occurrence to come first: no sending step holds a message of the future, so that none of them waits for this
 * transaction while it waits for one of them.
 */
async function takeBack(
  { client, writer, emptied }: Change,
  { message_id, previous_id }: CurrentRow,
  reason: string,
): Promise<{ takenBack: readonly MessageId[]; left: MessageId | null }> {
  const takenBack: MessageId[] = [];
  let left: MessageId | null = null;
  for (const id of [message_id, previous_id]) {
    if (id === null) continue;
    const end = await takeBackMessage(client, id, { slot: writer.slot, reason });
    if (end?.ok === true) {
      takenBack.push(id);
      emptied.push(end.chunkId);
    } else if (end?.state === "sending") {
      left = id;
    }
  }
  return { takenBack, left };
}
