// Brings the ledger's schema up to date: every file of migrations/ once, in order, in one transaction each.
//
// Safe to run twice and at once: an advisory lock lets one process at a time look and apply.

import { readdirSync, readFileSync } from "node:fs";
import type { Pool } from "pg";

/** One that checks a large table takes its time, and other processes that start wait for it. */
const MIGRATION_MS_MAX = 6 * 3_600_000;
/** Any fixed number, the same for every version of Volley: "vlly" in ASCII. */
const MIGRATION_LOCK = 0x766c6c79;

export async function migrateLedger(pool: Pool): Promise<{ readonly applied: readonly string[] }> {
  const client = await pool.connect();
  try {
    await client.query(`set statement_timeout = ${MIGRATION_MS_MAX}`);
    await client.query(patient(`select pg_advisory_lock(${MIGRATION_LOCK})`));
    await client.query(`
      create schema if not exists volley;
      create table if not exists volley.migration (name text primary key, applied_at timestamptz not null default now())
    `);
    const { rows } = await client.query<{ name: string }>("select name from volley.migration");
    const known = new Set(rows.map((row) => row.name));
    const applied: string[] = [];
    for (const { name, sql } of readMigrations()) {
      if (known.has(name)) continue;
      await client.query("begin");
      try {
        await client.query("set local search_path to volley");
        await client.query(patient(sql));
        await client.query("insert into volley.migration (name) values ($1)", [name]);
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      }
      applied.push(name);
    }
    return { applied };
  } finally {
    // Ends the session rather than unlocking: the lock goes with it, whatever state the session is in.
    client.release(true);
  }
}

/** The driver reads this bound; its types do not know it. */
function patient(sql: string): { text: string; query_timeout: number } {
  return { text: sql, query_timeout: MIGRATION_MS_MAX };
}

/** The newest migration's name is what readiness compares with. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ present: boolean }>(
    "select to_regclass('volley.migration') is not null as present",
  );
  if (rows[0]?.present !== true) return false;
  const { rows: done } = await pool.query<{ name: string }>("select name from volley.migration");
  const names = new Set(done.map((row) => row.name));
  return readMigrations().every(({ name }) => names.has(name));
}

function readMigrations(): { readonly name: string; readonly sql: string }[] {
  const folder = new URL("./migrations/", import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file) => ({
      name: file.slice(0, -".sql".length),
      sql: readFileSync(new URL(file, folder), "utf8"),
    }));
}
