// Two statements that want the same rows, made to meet where it hurts: each has what the other wants, if there is a
// way to it.

import type { Pool } from "pg";
import { expect } from "vitest";

/**
 * Runs `one`, held up at the row that `lock` takes, and `other` meanwhile, until that waits too or has ended. Then
 * the row is free, and whoever was first at it goes on. Both have ended when it resolves.
 */
export async function cross<One, Other>(
  pool: Pool,
  lock: { readonly table: "campaign" | "chunk" | "message"; readonly id: string },
  one: () => Promise<One>,
  other: () => Promise<Other>,
): Promise<[One, Other]> {
  const holder = await pool.connect();
  try {
    await holder.query("begin");
    await holder.query(`select from volley.${lock.table} where id = $1 for update`, [lock.id]);
    const first = one();
    await expect.poll(() => waiting(pool)).toBe(1);
    let ended = false;
    const second = other().finally(() => {
      ended = true;
    });
    await expect.poll(async () => ended || (await waiting(pool)) === 2).toBe(true);
    await holder.query("commit");
    return await Promise.all([first, second]);
  } finally {
    holder.release();
  }
}

async function waiting(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return Number(rows[0]?.count);
}
