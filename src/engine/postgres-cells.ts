// Token and rate cells in Postgres: the doors to token-cell.sql and rate-cell.sql, which hold the rules.

import type { Pool, QueryResultRow } from "pg";
import { VolleyError } from "../domain/errors.ts";
import { describeDatabaseError } from "../platform/postgres.ts";
import type { RateCells, TokenCells } from "./engine.ts";
import { parseAsk } from "./rate-ask.ts";

export function createPostgresTokens(pool: Pool): TokenCells {
  return {
    async read(account) {
      const row = await ask<TokenRow>(pool, "read the token", account, readTokenSql, [account]);
      if (row === undefined) return null;
      const ageMs = Math.max(0, row.age_ms);
      return {
        generation: row.generation,
        sealed: row.sealed,
        ageMs,
        remainingMs: row.life_ms - ageMs,
        lifeMs: row.life_ms,
      };
    },
    async lease(account, { holder, generation, holdMs }) {
      const sql = "select volley_engine.lease_token($1, $2, $3, $4) as answer";
      const row = await ask<{ answer: "granted" | "taken" | "moved" }>(
        pool,
        "lease the token",
        account,
        sql,
        [account, holder, generation, holdMs],
      );
      return row?.answer ?? "taken";
    },
    async write(account, { holder, sealed, lifeMs }) {
      const values = [account, holder, sealed, lifeMs];
      return (await ask(pool, "write the token", account, writeTokenSql, values)) !== undefined;
    },
    async release(account, holder) {
      await ask(pool, "release the token", account, releaseTokenSql, [account, holder]);
    },
  };
}

type TokenRow = { generation: number; sealed: string; age_ms: number; life_ms: number };

const readTokenSql = `
  select generation, sealed, life_ms,
         (extract(epoch from clock_timestamp() - written_at) * 1000)::double precision as age_ms
    from volley_engine.token_cell
   where account = $1 and generation > 0`;

const writeTokenSql = `
  update volley_engine.token_cell
     set generation = generation + 1, sealed = $3, life_ms = $4, written_at = clock_timestamp(),
         lease_holder = null, lease_until = null
   where account = $1 and lease_holder = $2 and lease_until > clock_timestamp()
  returning generation`;

const releaseTokenSql = `
  update volley_engine.token_cell set lease_holder = null, lease_until = null
   where account = $1 and lease_holder = $2`;

/** `clockUs` takes the place of the server's clock in tests. */
export function createPostgresRates(pool: Pool, clockUs?: () => number): RateCells {
  const clock = () => clockUs?.() ?? null;
  return {
    async take(account, rateAsk) {
      const { requestsPerSecond, segmentsPerSecond, segments, leadUs, horizonUs } = parseAsk(rateAsk);
      const limits = [requestsPerSecond, segmentsPerSecond, leadUs, horizonUs];
      const values = [account, clock(), ...limits, segments];
      const row = await ask<TakeRow>(pool, "take rate slots", account, takeSql, values);
      if (row === undefined) throw new TypeError("take_slots gave no row.");
      return {
        nowMs: Number(row.clock_us) / 1_000,
        waitMs: row.wait_us / 1_000,
        pausedMs: row.paused_us / 1_000,
        slotsMs: row.slots_us.map((slot) => slot / 1_000),
      };
    },
    async pause(account, { pauseMs, reason }) {
      const values = [account, clock(), pauseMs * 1_000, reason];
      await ask(pool, "pause the rate", account, "select volley_engine.pause_rate($1, $2, $3, $4)", values);
    },
    async read(account) {
      const sql = "select * from volley_engine.read_pause($1, $2)";
      const row = await ask<{ paused_us: number | null; reason: string | null }>(
        pool,
        "read the pause",
        account,
        sql,
        [account, clock()],
      );
      const pausedMs = (row?.paused_us ?? 0) / 1_000;
      return { pausedMs, reason: pausedMs > 0 ? (row?.reason ?? null) : null };
    },
  };
}

type TakeRow = { clock_us: string; wait_us: number; paused_us: number; slots_us: number[] };

const takeSql = "select * from volley_engine.take_slots($1, $2, $3, $4, $5, $6, $7)";

/** The first row of the statement's answer. */
async function ask<Row extends QueryResultRow>(
  pool: Pool,
  doing: string,
  account: string,
  sql: string,
  values: readonly unknown[],
): Promise<Row | undefined> {
  try {
    const result = await pool.query<Row>(sql, [...values]);
    return result.rows[0];
  } catch (cause) {
    const message = `Cannot ${doing} of account ${account}: ${describeDatabaseError(cause)}. Check that Postgres runs and that "volley migrate" has been run.`;
    throw new VolleyError("engine_unreachable", message, { cause });
  }
}
