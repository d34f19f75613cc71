// [6] What retention removes row by row: what a dropped month leaves in other tables, and old messages that share their
// month with one that is still open, or have no month at all.
//
// Ids say their time, so what belonged to a dropped month is a range of each index. Each statement takes a bounded
// slice; a process that dies leaves fewer rows, and the next run goes on.

import type { Pool } from "pg";
import { openStates } from "../domain/message.ts";
import { idAt, isGone, listPartitions, type Partition, REST } from "./partitions.ts";

/** In one statement: some hundred milliseconds. */
const SLICE_ROWS = 5_000;
/** A month that may go in a few days, when its last reports are old enough, is not taken apart before. */
const PATIENCE_MS = 14 * 86_400_000;

/** A range of ids, the second excluded. */
type Range = readonly [string, string];

/**
 * SQL: this message is open, may become so, or is too young to go. `open` and `before` are the parameters with the
 * open states and the time.
 */
export function isHeld(message: string, open: `$${number}`, before: `$${number}`): string {
  return `(${message}.state = any(${open}::volley.message_state[]) or ${message}.changed_at >= ${before}
    or (${message}.state = 'unknown' and exists (
      select from volley.attempt a
      where a.message_id = ${message}.id and a.settled_at is null and a.settle_at is not null)))`;
}

/** False: the time was over before the rows were. */
export async function removeOldRows(
  pool: Pool,
  { before, withinMs }: { readonly before: Date; readonly withinMs: number },
): Promise<boolean> {
  const endsAtMs = performance.now() + withinMs;
  const isTimeOver = () => performance.now() > endsAtMs;
  const cut = idAt(before.getTime());
  const partitions = await listPartitions(pool);
  const late = partitions.filter(({ toId }) => toId <= idAt(before.getTime() - PATIENCE_MS));
  for (const name of [...late.map((partition) => partition.name), REST]) {
    const isDone = await removeMessages(pool, { table: name, before, cut }, isTimeOver).catch(
      (error: unknown) => {
        if (isGone(error)) return true;
        throw error;
      },
    );
    if (!isDone) return false;
  }
  for (const range of droppedRanges(partitions, cut)) {
    for (const statement of BELONGINGS) {
      if (!(await repeat(pool, statement, [...range, SLICE_ROWS], isTimeOver))) return false;
    }
  }
  if (!(await removeSingleChunks(pool, before, isTimeOver))) return false;
  for (const statement of LONERS) {
    if (!(await repeat(pool, statement, [before, SLICE_ROWS], isTimeOver))) return false;
  }
  return true;
}

/** A walk through the primary key, so that those that stay are passed once. */
async function removeMessages(
  pool: Pool,
  { table, before, cut }: { readonly table: string; readonly before: Date; readonly cut: string },
  isTimeOver: () => boolean,
): Promise<boolean> {
  let after = idAt(0);
  while (!isTimeOver()) {
    const { rows } = await pool.query<{ last: string | null }>(
      `with page as (
         select id from volley.${table} where id > $3 and id < $4 order by id limit $5
       ),
       gone as (
         delete from volley.${table} m where m.id in (select id from page) and not ${isHeld("m", "$1", "$2")}
         returning id
       ),
       attempts as (delete from volley.attempt where message_id in (select id from gone)),
       reports as (delete from volley.report where joined_id in (select id from gone)),
       overdue as (delete from volley.overdue where message_id in (select id from gone)),
       retried as (delete from volley.retry where message_id in (select id from gone))
       select (select id from page order by id desc limit 1) as last`,
      [openStates, before, after, cut, SLICE_ROWS],
    );
    const last = rows[0]?.last ?? null;
    if (last === null) return true;
    after = last;
  }
  return false;
}

/** Where no month is any more. */
function droppedRanges(partitions: readonly Partition[], cut: string): Range[] {
  const ranges: Range[] = [];
  let from = idAt(0);
  for (const { fromId, toId } of partitions) {
    const end = fromId === null || fromId > cut ? cut : fromId;
    if (fromId !== null && from < end) ranges.push([from, end]);
    if (toId > from) from = toId;
  }
  if (from < cut) ranges.push([from, cut]);
  return ranges;
}

const ofGoneMessage = (table: string, key: string, column: string) => `
  delete from volley.${table} where ${key} in (
    select t.${key} from volley.${table} t
    where t.${column} >= $1::uuid and t.${column} < $2::uuid
      and not exists (select from volley.message m where m.id = t.${column})
    limit $3
  )`;

/** Of the messages and campaigns of a range, in an order in which nothing is left that names something gone. */
const BELONGINGS = [
  ofGoneMessage("attempt", "id", "message_id"),
  ofGoneMessage("report", "id", "joined_id"),
  ofGoneMessage("overdue", "message_id", "message_id"),
  ofGoneMessage("retry", "message_id", "message_id"),
  `delete from volley.chunk where id in (
     select c.id from volley.chunk c
     where c.campaign_id >= $1::uuid and c.campaign_id < $2::uuid and c.state = 'done'
       and not exists (select from volley.message m where m.chunk_id = c.id)
     limit $3
   )`,
  `with finished as (
     select k.id from volley.campaign k
     where k.id >= $1::uuid and k.id < $2::uuid and k.finished_at is not null
       and not exists (select from volley.chunk c where c.campaign_id = k.id)
     limit $3
   ),
   counts as (delete from volley.campaign_count where campaign_id in (select id from finished))
   delete from volley.campaign where id in (select id from finished)`,
];

/** What no month takes along: reports that nobody could join, what people wrote to us, reminders and days that are over. */
const LONERS = [
  `delete from volley.reminder where key in (
     select key from volley.reminder where repeat is null and due_at < $1 order by due_at limit $2
   ) and repeat is null and due_at < $1`,
  `delete from volley.report where id in (
     select id from (
       select id, received_at from volley.report where joined_id is null and join_at is null order by id limit $2
     ) as strangers where received_at < $1
   )`,
  `delete from volley.inbound where id in (
     select id from volley.inbound where received_at < $1 and not (review and reviewed_at is null)
     order by id limit $2
   )`,
  `delete from volley.account_day where (account, day) in (
     select account, day from volley.account_day where booked_at < $1 order by day limit $2
   )`,
];

/** Chunks outside of campaigns, the oldest first, as far as they were made before the time. */
async function removeSingleChunks(pool: Pool, before: Date, isTimeOver: () => boolean): Promise<boolean> {
  let after = "0";
  while (!isTimeOver()) {
    const { rows } = await pool.query<{ last: string | null }>(
      `with page as (
         select id, state, done_at, created_at from volley.chunk
         where campaign_id is null and id > $2 order by id limit $3
       ),
       gone as (
         delete from volley.chunk where id in (
           select p.id from page p
           where p.state = 'done' and p.done_at < $1
             and not exists (select from volley.message m where m.chunk_id = p.id)
         ) and state = 'done'
       )
       select id as last from page where created_at < $1 order by id desc limit 1`,
      [before, after, SLICE_ROWS],
    );
    const last = rows[0]?.last ?? null;
    if (last === null) return true;
    after = last;
  }
  return false;
}

/** Until a slice is not full. */
async function repeat(
  pool: Pool,
  statement: string,
  values: readonly unknown[],
  isTimeOver: () => boolean,
): Promise<boolean> {
  while (!isTimeOver()) {
    const { rowCount } = await pool.query(statement, [...values]);
    if ((rowCount ?? 0) < SLICE_ROWS) return true;
  }
  return false;
}
