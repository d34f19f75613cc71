// [6] Is an account in trouble? Workers find out each for itself; what customers hear is one event at each change.

import type { Pool } from "pg";
import { writeEvents } from "./write-events.ts";

export function createAccountHealth(pool: Pool) {
  /** A process's own words about an account reach the ledger in the order in which they were said. */
  const lastWords = new Map<string, Promise<unknown>>();
  function inOrder(account: string, say: () => Promise<boolean>): Promise<boolean> {
    const said = (lastWords.get(account) ?? Promise.resolve()).then(say, say);
    lastWords.set(account, said);
    return said;
  }

  return {
    /** The account is out of order; true when that is news. `reason` is a stable word. */
    degraded: (account: string, reason: string) => inOrder(account, () => degrade(pool, account, reason)),
    /** The account works again; true when that is news. */
    recovered: (account: string) => inOrder(account, () => recover(pool, account)),
    /** Accounts that somebody of the fleet found out of order, and how long ago. */
    async listDegraded(): Promise<
      { readonly account: string; readonly reason: string | null; readonly agoMs: number }[]
    > {
      const { rows } = await pool.query<{ account: string; reason: string | null; ago_ms: number }>(
        `select account, reason, extract(epoch from now() - changed_at)::float8 * 1000 as ago_ms
         from volley.account_health where is_degraded`,
      );
      return rows.map((row) => ({ account: row.account, reason: row.reason, agoMs: row.ago_ms }));
    },
  };
}

async function degrade(pool: Pool, account: string, reason: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `with changed as (
           insert into volley.account_health as h (account, is_degraded, reason) values ($1, true, $2)
           on conflict (account) do update set is_degraded = true, reason = $2, changed_at = now()
           where not h.is_degraded
           returning account, reason
         ),
         ${accountEvents("account.degraded")}
         select 1 from changed`,
    [account, reason],
  );
  return rowCount === 1;
}

async function recover(pool: Pool, account: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `with changed as (
           update volley.account_health set is_degraded = false, changed_at = now()
           where account = $1 and is_degraded
           returning account, reason
         ),
         ${accountEvents("account.recovered")}
         select 1 from changed`,
    [account],
  );
  return rowCount === 1;
}

/** An account's events come in their order: they share a subject, made of its name. */
function accountEvents(type: "account.degraded" | "account.recovered"): string {
  return writeEvents({
    columns: "subject, reason, data",
    happened: `select '${type}' as type, md5('account ' || account)::uuid as subject, reason,
          jsonb_build_object('account', account, 'reason', reason) as data from changed`,
  });
}
