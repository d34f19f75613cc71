// What a person wants to know of the database before he trusts it: its version, whether it can be written to, and
// how far its clock is from ours.

import type { Pool } from "pg";

export type DatabaseState = {
  /** As the server says it: "17.2". */
  readonly version: string;
  readonly isReadOnly: boolean;
  /** Its clock minus ours; positive when it is ahead. Off by half of the question's own time at most. */
  readonly aheadMs: number;
};

export async function readDatabaseState(pool: Pool): Promise<DatabaseState> {
  // The first statement of a connection pays for opening it, and would blur the clock.
  await pool.query("select 1");
  const askedAtMs = Date.now();
  const { rows } = await pool.query<{ version: string; read_only: boolean; now_ms: number }>(
    `select current_setting('server_version') as version,
       current_setting('transaction_read_only')::boolean as read_only,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`,
  );
  const middleMs = (askedAtMs + Date.now()) / 2;
  const [row] = rows;
  if (row === undefined) throw new Error("The database answered without a row.");
  return {
    version: row.version,
    isReadOnly: row.read_only,
    aheadMs: Math.round(row.now_ms - middleMs),
  };
}
