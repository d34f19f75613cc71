// [6] What is old goes: first what messages say, later the messages themselves.
//
//   bodies     texts, values and metadata are emptied a while after their chunk was done; states and numbers stay;
//              a reminder that came once goes, and its key is free again
//   messages   a month goes as a whole table when nothing in it is open and its youngest change is old enough
//   the rest   rows of other tables that belonged to it, and what outlived its month, go row by row (old-rows.ts)
//
// A message is as old as its last change, so one that waits for its time outlives its month and is kept as long after
// it was sent as any other. All of it is safe to run twice, at once and in parts.

import type { Pool, PoolClient } from "pg";
import { openStates } from "../domain/message.ts";
import { withTransaction } from "../platform/postgres.ts";
import { isHeld, removeOldRows } from "./old-rows.ts";
import {
  addPartitions,
  analyzeMessages,
  dropPartition,
  idAt,
  isGone,
  listPartitions,
  type Partition,
} from "./partitions.ts";

/** busy: months that may go, but somebody held the table; the next run tries again. */
export type Dropped = { readonly months: readonly string[]; readonly busy: number };

/** In one statement: some 20,000 messages, a second or so. */
const EMPTIED_CHUNKS = 5_000;
const EMPTIED_MESSAGES = 20_000;
const EMPTIED_TEXTS = 5_000;
/** A look through a whole month: 100 million rows take some minutes, and nobody waits for it. */
const LOOK_MS_MAX = 30 * 60_000;

export function createRetention(pool: Pool) {
  return {
    /** Makes the partitions of the months to come; answers how many could not be made at this moment. */
    async prepare(): Promise<number> {
      const { missing } = await addPartitions(pool);
      await analyzeMessages(pool);
      return missing;
    },

    /** Some of what was done longer ago; false: nothing is left. */
    async emptyBodies(olderThanMs: number): Promise<boolean> {
      const chunks = await emptyChunks(pool, olderThanMs);
      const { rowCount: texts } = await pool.query(EMPTY_INBOUND, [olderThanMs, EMPTIED_TEXTS]);
      const { rowCount: reminders } = await pool.query(REMOVE_REMINDERS, [olderThanMs, EMPTIED_TEXTS]);
      return chunks > 0 || texts === EMPTIED_TEXTS || reminders === EMPTIED_TEXTS;
    },

    /** The months that are wholly older. */
    async dropMonths(olderThanMs: number): Promise<Dropped> {
      const before = await timeBefore(pool, olderThanMs);
      const months: string[] = [];
      let busy = 0;
      for (const partition of await listPartitions(pool)) {
        if (partition.toId > idAt(before.getTime())) continue;
        if (!(await mayDrop(pool, partition, before))) continue;
        // A person may have had an unknown of it sent again since.
        const isDropped = await dropPartition(pool, partition, (client) => isQuiet(client, partition));
        if (isDropped === true) months.push(partition.name);
        else if (isDropped === null) busy += 1;
      }
      return { months, busy };
    },

    /** Row by row what no month takes along, until nothing is left (true) or the time is over. */
    async removeRows(olderThanMs: number, { withinMs }: { readonly withinMs: number }): Promise<boolean> {
      return removeOldRows(pool, { before: await timeBefore(pool, olderThanMs), withinMs });
    },
  };
}

/** By the database's clock. */
async function timeBefore(pool: Pool, olderThanMs: number): Promise<Date> {
  const { rows } = await pool.query<{ before: Date }>("select now() - $1 * interval '1 ms' as before", [
    olderThanMs,
  ]);
  return rows[0]?.before ?? new Date(0);
}

async function mayDrop(pool: Pool, partition: Partition, before: Date): Promise<boolean> {
  const look = {
    text: `select from volley.${partition.name} m where ${isHeld("m", "$1", "$2")} limit 1`,
    values: [openStates, before],
    query_timeout: LOOK_MS_MAX,
  };
  try {
    return await withTransaction(pool, async (client) => {
      if (!(await isQuiet(client, partition))) return false;
      await client.query(`set local statement_timeout = ${LOOK_MS_MAX}`);
      return (await client.query(look)).rowCount === 0;
    });
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** No campaign of these ids can take messages or send any; what is no campaign's takes none of an old time. */
async function isQuiet(client: PoolClient, { fromId, toId }: Partition): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from volley.campaign
     where id >= $1 and id < $2 and finished_at is null limit 1`,
    [fromId ?? idAt(0), toId],
  );
  return rowCount === 0;
}

async function emptyChunks(pool: Pool, olderThanMs: number): Promise<number> {
  const { rows } = await pool.query<{ id: string }>(CHUNKS_TO_EMPTY, [
    olderThanMs,
    EMPTIED_CHUNKS,
    EMPTIED_MESSAGES,
  ]);
  if (rows.length === 0) return 0;
  const chunks = rows.map(({ id }) => id);
  await withTransaction(pool, async (client) => {
    await client.query(EMPTY_MESSAGES, [chunks, openStates]);
    await client.query(
      "update volley.chunk set emptied_at = now() where id = any($1::bigint[]) and state = 'done'",
      [chunks],
    );
  });
  return chunks.length;
}

/** Not while an unknown of it awaits its settlement: the provider may be asked by the same call again. */
const CHUNKS_TO_EMPTY = `
  select id from (
    select id, sum(messages) over (order by done_at, id) - messages as before from (
      select id, messages, done_at from volley.chunk c
      where state = 'done' and (emptied_at is null or emptied_at < done_at)
        and done_at < now() - $1 * interval '1 ms'
        and not exists (
          select from volley.attempt a
          where a.chunk_id = c.id and a.settled_at is null and a.settle_at is not null
        )
      order by done_at, id limit $2
    ) as old
  ) as counted where before < $3`;

/** Rows are locked in one order everywhere. */
const EMPTY_MESSAGES = `
  with filled as materialized (
    select id from volley.message
    where chunk_id = any($1::bigint[]) and not state = any($2::volley.message_state[])
      and (text is not null or field_values is not null or metadata is not null)
    order by id for no key update
  )
  update volley.message m set text = null, field_values = null, metadata = null
  from filled f where m.id = f.id`;

/** What somebody still has to read and decide about stays until then. */
const EMPTY_INBOUND = `
  update volley.inbound set text = null
  where id in (
    select id from volley.inbound
    where text is not null and received_at < now() - $1 * interval '1 ms'
      and not (review and reviewed_at is null)
    order by id limit $2
  )`;

/** A recurring one stays until somebody calls it off. Asked again, for it may be moved at this moment. */
const REMOVE_REMINDERS = `
  delete from volley.reminder
  where key in (
    select key from volley.reminder
    where repeat is null and due_at < now() - $1 * interval '1 ms' order by due_at limit $2
  ) and repeat is null and due_at < now() - $1 * interval '1 ms'`;
