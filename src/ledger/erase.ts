// [6] A person's erasure: nothing that stands here afterwards holds the number, or what was written to or by its owner.
//
//   reminders          go, and with them what they would make
//   waiting messages   taken back first; of a draft they vanish, as if they had never been uploaded
//   in flight          left alone: whoever asked for the erasure asks again in a minute
//   ended messages     keep their place, state and times; number, content and the provider's name for them go
//   opt-out            stays as a keyed hash (suppressions.ts), or the person would be written to again
//
// A message's id in a campaign is a hash of campaign and number, and stays. So a file that is uploaded again finds it
// and takes the person for a duplicate; and whoever has the table can find out whether a number that he tries was in
// it. That ends when the message goes (retention.ts).

import type { Pool } from "pg";
import { type MessageId, openStates } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { withTransaction } from "../platform/postgres.ts";
import { cancelMessage } from "./cancel-message.ts";
import { ERASED } from "./erased.ts";

export type Erasure = {
  /** Ended messages that no longer name the person. */
  readonly messages: number;
  /** Of these: those that waited and were taken back for it. */
  readonly cancelled: number;
  /** Taken out of drafts. */
  readonly drafted: number;
  /** Requests of providers whose bodies held the number. */
  readonly posts: number;
  /** Messages that a provider is being called for, and requests that nobody has read yet: they still hold the number. */
  readonly inFlight: number;
};

const MESSAGES_AT_ONCE = 1_000;
/** Bodies of up to 2 MB each. */
const POSTS_AT_ONCE = 500;

/** Safe to repeat, and to be repeated until nothing is in flight. */
export async function erasePerson(
  pool: Pool,
  number: PhoneNumber,
  { slot }: { readonly slot: number },
): Promise<Erasure> {
  // First, for a recurring one would make another message.
  await pool.query("delete from volley.reminder where recipient = $1", [number]);
  const drafted = await leaveDrafts(pool, number);
  const cancelled = await cancelAll(pool, number, slot);
  const messages = await eraseEnded(pool, number);
  await eraseReports(pool, number);
  const { posts, unread } = await erasePosts(pool, number);
  const { rows } = await pool.query<{ sending: string }>(
    "select count(*) as sending from volley.message where recipient = $1",
    [number],
  );
  return { messages, cancelled, drafted, posts, inFlight: Number(rows[0]?.sending ?? 0) + unread };
}

/** A draft's chunks are counted when it is started, which waits for the draft's row. */
async function leaveDrafts(pool: Pool, number: PhoneNumber): Promise<number> {
  const { rows: drafts } = await pool.query<{ id: string }>(
    `select distinct k.id from volley.message m
     join volley.chunk c on c.id = m.chunk_id join volley.campaign k on k.id = c.campaign_id
     where m.recipient = $1 and k.state = 'draft'`,
    [number],
  );
  let messages = 0;
  for (const { id } of drafts) {
    messages += await withTransaction(pool, async (client) => {
      const held = await client.query(
        "select from volley.campaign where id = $1 and state = 'draft' for update",
        [id],
      );
      if (held.rowCount === 0) return 0;
      const { rows } = await client.query<{ messages: string }>(LEAVE_DRAFT, [id, number]);
      await client.query("delete from volley.chunk where campaign_id = $1 and messages = 0", [id]);
      return Number(rows[0]?.messages);
    });
  }
  return messages;
}

const LEAVE_DRAFT = `
  with gone as (
    delete from volley.message m using volley.chunk c
    where c.id = m.chunk_id and c.campaign_id = $1 and m.recipient = $2
    returning m.id, m.chunk_id, m.state
  ),
  -- Retries that never left: their messages may be retried again.
  unsent as (delete from volley.retry where retry_id in (select id from gone)),
  smaller as (
    update volley.chunk c set messages = c.messages - g.messages, scheduled = c.scheduled - g.scheduled
    from (
      select chunk_id, count(*) as messages, count(*) filter (where state = 'scheduled') as scheduled
      from gone group by chunk_id
    ) as g where c.id = g.chunk_id
  )
  select count(*) as messages from gone`;

/** One at a time, so that it never holds one row and waits for another. */
async function cancelAll(pool: Pool, number: PhoneNumber, slot: number): Promise<number> {
  let cancelled = 0;
  let after = "00000000-0000-0000-0000-000000000000";
  for (;;) {
    const { rows } = await pool.query<{ id: MessageId }>(
      `select id from volley.message where recipient = $1 and id > $2 and state in ('scheduled', 'queued')
       order by id limit 1`,
      [number, after],
    );
    const [waiting] = rows;
    if (waiting === undefined) return cancelled;
    const end = await cancelMessage(pool, waiting.id, { slot });
    if (end?.ok === true) cancelled += 1;
    after = waiting.id;
  }
}

async function eraseEnded(pool: Pool, number: PhoneNumber): Promise<number> {
  let messages = 0;
  for (;;) {
    const { rows } = await pool.query<{ id: MessageId }>(
      `select id from volley.message where recipient = $1 and not state = any($2::volley.message_state[])
       order by id limit $3`,
      [number, openStates, MESSAGES_AT_ONCE],
    );
    if (rows.length === 0) return messages;
    const ids = rows.map(({ id }) => id);
    // An unknown that the provider was still to be asked about stays unknown: nobody could be named in the question.
    await pool.query(
      `update volley.attempt
       set provider_message_id = null,
         settled_as = case when settled_at is null and settle_at is not null then 'kept' else settled_as end,
         settled_at = case when settled_at is null and settle_at is not null then now() else settled_at end
       where message_id = any($1::uuid[])`,
      [ids],
    );
    const { rows: erased } = await pool.query<{ messages: string }>(ERASE_MESSAGES, [ids, openStates]);
    messages += Number(erased[0]?.messages);
  }
}

const ERASE_MESSAGES = `
  with ended as materialized (
    select id from volley.message
    where id = any($1::uuid[]) and not state = any($2::volley.message_state[])
    order by id for no key update
  ),
  reports as (
    update volley.report set recipient = null, provider_message_id = null
    where joined_id in (select id from ended)
  ),
  overdue as (delete from volley.overdue where message_id in (select id from ended)),
  erased as (
    update volley.message m
    set recipient = '${ERASED}', text = null, field_values = null, reference = null, metadata = null,
      provider_message_id = null
    from ended where m.id = ended.id
    returning m.id
  )
  select count(*) as messages from erased`;

/** Those that found no message. */
async function eraseReports(pool: Pool, number: PhoneNumber): Promise<void> {
  // Two statements, for there is an index for each.
  for (const which of ["join_at is not null", "joined_id is null and join_at is null"]) {
    await pool.query(
      `update volley.report set recipient = null, provider_message_id = null
       where ${which} and recipient = any($1::text[])`,
      [[number, number.slice(1)]],
    );
  }
}

/**
 * Bodies are searched for the digits, which stand in every spelling of an international number. Bodies that nobody has
 * read yet stay: they may hold an opt-out, and reports of many others.
 */
async function erasePosts(pool: Pool, number: PhoneNumber): Promise<{ posts: number; unread: number }> {
  let after = "0";
  const found = { posts: 0, unread: 0 };
  for (;;) {
    const { rows } = await pool.query<{ last: string | null; emptied: string; unread: string }>(
      `with page as materialized (
         select id, read_at, body from volley.inbox where id > $2 order by id limit $3
       ),
       holding as materialized (
         select id, read_at from page where position(convert_to($1, 'UTF8') in body) > 0
       ),
       emptied as (
         update volley.inbox i set body = '' from holding h
         where i.id = h.id and h.read_at is not null returning i.id
       )
       select (select max(id) from page) as last, (select count(*) from emptied) as emptied,
         (select count(*) from holding where read_at is null) as unread`,
      [number.slice(1), after, POSTS_AT_ONCE],
    );
    const page = rows[0];
    found.posts += Number(page?.emptied ?? 0);
    found.unread += Number(page?.unread ?? 0);
    if (page === undefined || page.last === null) return found;
    after = page.last;
  }
}
