// [6] The partitions of volley.message: one a month (UTC), by the time that ids start with, made before it begins.
//
// Months, not weeks: each partition costs a statement a lock, an index to look into and a part of its planning. A chunk of
// 1,000 messages from its insert to its end, beside 280,000 older ones, on two busy cores: 133 ms in one table, 132 in 7
// partitions, 143 in 17, most of it while a connection's first plans are made.
//
// Every lock that a running service could feel is asked for with a short patience: a partition that cannot be made or
// dropped at this moment is made or dropped later. What has no partition lies in message_rest meanwhile, and
// everything works there, too, so a month that nobody prepared costs speed of removal and nothing else.

import type { Pool, PoolClient } from "pg";
import { sqlStateOf, withTransaction } from "../platform/postgres.ts";

export type Partition = {
  readonly name: string;
  /** Ids from this one on; null: from the first there can be. */
  readonly fromId: string | null;
  /** Ids before this one. */
  readonly toId: string;
};

type Month = Partition & { readonly fromId: string };

export const REST = "message_rest";
/** Beside the month that runs. */
const MONTHS_AHEAD = 1;
/** Whoever waits for a lock on the table holds up all who come after him. */
const LOCK_MS_MAX = 250;
/** Rows that a new partition takes over from the rest, while nobody can send. */
const MOVED_ROWS_MAX = 20_000;
/** Any fixed number, the same for every version of Volley: "vlpa" in ASCII. */
const PARTITION_LOCK = 0x766c7061;
/** lock_not_available, deadlock_detected. */
const BUSY_STATES: readonly (string | null)[] = ["55P03", "40P01"];

/** Without the rest, the oldest first. */
export async function listPartitions(pool: Pool): Promise<Partition[]> {
  const { rows } = await pool.query<{ name: string; from_id: string | null; to_id: string }>(
    `select c.relname as name, (regexp_match(b.bound, $$FROM \\('([^']+)'\\)$$))[1] as from_id,
       (regexp_match(b.bound, $$TO \\('([^']+)'\\)$$))[1] as to_id
     from pg_inherits i
     join pg_class c on c.oid = i.inhrelid
     cross join lateral pg_get_expr(c.relpartbound, c.oid) as b (bound)
     where i.inhparent = 'volley.message'::regclass and b.bound <> 'DEFAULT'
     order by from_id nulls first`,
  );
  return rows.map((row) => ({ name: row.name, fromId: row.from_id, toId: row.to_id }));
}

/** This month's partition and those of the months to come. `missing`: not now, somebody held the table. */
export async function addPartitions(pool: Pool): Promise<{ added: number; missing: number }> {
  const { rows } = await pool.query<{ now_ms: number }>(
    "select floor(extract(epoch from now()) * 1000)::float8 as now_ms",
  );
  const partitions = await listPartitions(pool);
  const total = { added: 0, missing: 0 };
  for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead++) {
    const month = monthOf(rows[0]?.now_ms ?? Date.now(), ahead);
    const isThere = partitions.some(
      ({ fromId, toId }) => (fromId === null || fromId < month.toId) && toId > month.fromId,
    );
    if (isThere) continue;
    const isAdded = await unlessBusy(pool, (client) => addMonth(client, month));
    total[isAdded === true ? "added" : "missing"] += 1;
  }
  return total;
}

/**
 * Attached rather than created in place: that would lock the whole table. Rows of its month that lie in the rest move
 * over with it, unless they are too many to move while everybody waits.
 */
async function addMonth(client: PoolClient, month: Month): Promise<boolean> {
  const name = `volley.${month.name}`;
  const range = [month.fromId, month.toId];
  await client.query("select pg_advisory_xact_lock($1)", [PARTITION_LOCK]);
  const { rows } = await client.query<{ is_there: boolean; rows: string }>(
    `select to_regclass($3) is not null as is_there,
       (select count(*) from (select from volley.${REST} where id >= $1 and id < $2 limit $4) as own) as rows`,
    [...range, name, MOVED_ROWS_MAX + 1],
  );
  if (rows[0]?.is_there === true) return true;
  if (Number(rows[0]?.rows) > MOVED_ROWS_MAX) return false;
  await client.query(`create table ${name} (like volley.message including all) with (fillfactor = 70)`);
  await client.query(`lock table volley.${REST} in access exclusive mode`);
  await client.query(
    `with moved as (delete from volley.${REST} where id >= $1 and id < $2 returning *)
     insert into ${name} select * from moved`,
    range,
  );
  await client.query(
    `alter table volley.message attach partition ${name} for values from ('${range[0]}') to ('${range[1]}')`,
  );
  return true;
}

/**
 * Null: somebody holds the table. False: another process was faster, or `mayGo` says no under the lock. The table is
 * locked for some milliseconds.
 */
export async function dropPartition(
  pool: Pool,
  { name }: Partition,
  mayGo: (client: PoolClient) => Promise<boolean>,
): Promise<boolean | null> {
  return unlessBusy(pool, async (client) => {
    await client.query("lock table volley.message in access exclusive mode");
    const { rows } = await client.query("select to_regclass($1) is null as is_gone", [`volley.${name}`]);
    if (rows[0]?.is_gone !== false || !(await mayGo(client))) return false;
    await client.query(`drop table volley.${name}`);
    return true;
  });
}

/**
 * Plans are made from figures of the whole table, too, and autovacuum gathers those of its partitions only. Takes a
 * sample of each once a day, however large they are.
 */
export async function analyzeMessages(pool: Pool): Promise<void> {
  const { rowCount } = await pool.query(
    `select from pg_stat_all_tables
     where relid = 'volley.message'::regclass and last_analyze > now() - interval '1 day'`,
  );
  if (rowCount === 0) await pool.query("analyze volley.message");
}

/** Another process has dropped the partition that a statement named. */
export function isGone(error: unknown): boolean {
  return sqlStateOf(error) === "42P01";
}

/** The first id that there can be at this time. */
export function idAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function monthOf(ms: number, ahead: number): Month {
  const now = new Date(ms);
  const first = (months: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1));
  const from = first(ahead);
  return {
    name: `message_${from.toISOString().slice(0, 7).replace("-", "_")}`,
    fromId: idAt(from.getTime()),
    toId: idAt(first(ahead + 1).getTime()),
  };
}

async function unlessBusy<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T | null> {
  try {
    return await withTransaction(pool, async (client) => {
      await client.query(`set local lock_timeout = '${LOCK_MS_MAX}ms'`);
      return work(client);
    });
  } catch (error) {
    if (BUSY_STATES.includes(sqlStateOf(error))) return null;
    throw error;
  }
}
