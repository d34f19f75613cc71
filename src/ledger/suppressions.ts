// [6] The people who opted out, and what people write to us.
//
// An opt-out is kept under a keyed hash of the number, so that it outlives the number's erasure. The number itself
// stands beside it for the people who read the list, until it is forgotten.

import type { Pool, PoolClient } from "pg";
import type { OptOutSource } from "../domain/opt-out.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Inbound } from "../domain/report.ts";
import { withTransaction } from "../platform/postgres.ts";
import { applyInbound, dismissReview, listReviews } from "./inbound.ts";
import { insertOptOuts, type NewOptOut } from "./insert-opt-outs.ts";
import { type Suppressor, suppressRest, suppressWaiting } from "./suppress-waiting.ts";
import { hashOf } from "./suppressed.ts";

export type OptOut = {
  /** Null: erased. The opt-out holds all the same. */
  readonly number: PhoneNumber | null;
  readonly reason: string;
  readonly source: OptOutSource;
  readonly createdAt: Date;
};

/** `next` is null on the last page. */
export type OptOutPage = { readonly optOuts: readonly OptOut[]; readonly next: string | null };

/** Opt-outs in one transaction: as many locks, for some milliseconds. */
const OPT_OUTS_AT_ONCE_MAX = 1000;
const PAGE_ROWS_MAX = 500;
/** The last row's time in microseconds and its hash. */
const CURSOR_FORM = /^(\d{1,16})-([0-9a-f]{64})$/;

export function createSuppressions(pool: Pool, suppressor: Suppressor) {
  return {
    /**
     * Stores opt-outs and takes back the messages that wait for these people. When it returns, no attempt is
     * committed for them any more. Safe to repeat.
     */
    async add(optOuts: readonly NewOptOut[]): Promise<{ added: number; suppressed: number }> {
      const total = { added: 0, suppressed: 0 };
      for (let from = 0; from < optOuts.length; from += OPT_OUTS_AT_ONCE_MAX) {
        const { added, suppressed } = await addSome(
          pool,
          suppressor,
          optOuts.slice(from, from + OPT_OUTS_AT_ONCE_MAX),
        );
        total.added += added;
        total.suppressed += suppressed;
      }
      return total;
    },

    /** False: the person had not opted out. Messages that were taken back stay so. */
    async remove(number: PhoneNumber): Promise<boolean> {
      const { rowCount } = await pool.query(
        `delete from volley.suppression where hash = ${hashOf("$1::text")}`,
        [number],
      );
      await markReviewed(pool, [number]);
      return rowCount === 1;
    },

    async has(number: PhoneNumber): Promise<boolean> {
      const { rowCount } = await pool.query(
        `select from volley.suppression where hash = ${hashOf("$1::text")}`,
        [number],
      );
      return rowCount === 1;
    },

    /** Newest first; `before` is the `next` of the page before. Null: that is no such mark. */
    async list(page: { before?: string | undefined; limit: number }): Promise<OptOutPage | null> {
      const mark = page.before === undefined ? null : CURSOR_FORM.exec(page.before);
      if (page.before !== undefined && mark === null) return null;
      const limit = Math.max(1, Math.min(page.limit, PAGE_ROWS_MAX));
      const { rows } = await pool.query<OptOutRow>(
        `select recipient, reason, source, created_at,
           (extract(epoch from created_at) * 1000000)::bigint || '-' || encode(hash, 'hex') as mark
         from volley.suppression
         where $1::bigint is null
           or (created_at, hash) < (timestamptz 'epoch' + $1 * interval '1 microsecond', decode($2, 'hex'))
         order by created_at desc, hash desc limit $3`,
        [mark?.[1] ?? null, mark?.[2] ?? null, limit],
      );
      return {
        optOuts: rows.map((row) => ({
          number: row.recipient,
          reason: row.reason,
          source: row.source,
          createdAt: row.created_at,
        })),
        next: rows.length < limit ? null : (rows.at(-1)?.mark ?? null),
      };
    },

    async counts(): Promise<Partial<Record<OptOutSource, number>>> {
      const { rows } = await pool.query<{ source: OptOutSource; people: string }>(
        "select source, count(*) as people from volley.suppression group by source order by source",
      );
      return Object.fromEntries(rows.map((row) => [row.source, Number(row.people)]));
    },

    /** Erases the number and what its owner wrote to us. Whether he opted out is kept, as a hash. */
    async forget(number: PhoneNumber): Promise<void> {
      await withTransaction(pool, async (client) => {
        await client.query(
          `update volley.suppression set recipient = null where hash = ${hashOf("$1::text")}`,
          [number],
        );
        await client.query("delete from volley.inbound where sender = $1", [number]);
      });
    },

    /** Stores what people wrote to an account and does what they asked for, once, in one transaction. */
    async applyInbound(account: string, inbound: readonly Inbound[]) {
      const { optedOut, ...done } = await withTransaction(pool, async (client) => {
        const effects = await applyInbound(client, account, inbound);
        const suppressed = await suppressWaiting(client, effects.optedOut, suppressor);
        return { ...effects, suppressed };
      });
      const rest = await suppressRest(pool, optedOut, suppressor);
      await refreshPlans(pool);
      return { ...done, optedOut: optedOut.length, suppressed: done.suppressed + rest };
    },

    /** Messages that a person has to read, newest first; `before` is the last id of the page before. */
    reviews: (page: { before?: string | undefined; limit: number }) => listReviews(pool, page),
    /** The message was no opt-out. False: it waits for no review. */
    dismissReview: (id: string) => dismissReview(pool, id),
  };
}

type OptOutRow = {
  recipient: PhoneNumber | null;
  reason: string;
  source: OptOutSource;
  created_at: Date;
  mark: string;
};

async function addSome(
  pool: Pool,
  suppressor: Suppressor,
  optOuts: readonly NewOptOut[],
): Promise<{ added: number; suppressed: number }> {
  const people = optOuts.map(({ number }) => number);
  const stored = await withTransaction(pool, async (client) => {
    const added = await insertOptOuts(client, optOuts);
    await markReviewed(client, people);
    return { added, suppressed: await suppressWaiting(client, people, suppressor) };
  });
  const rest = await suppressRest(pool, people, suppressor);
  await refreshPlans(pool);
  return { added: stored.added, suppressed: stored.suppressed + rest };
}

/** Somebody has decided about these people: what they wrote needs no reading any more. */
async function markReviewed(pool: Pool | PoolClient, people: readonly PhoneNumber[]): Promise<void> {
  await pool.query(
    `update volley.inbound set reviewed_at = now()
     where sender = any($1::text[]) and review and reviewed_at is null`,
    [people],
  );
}

/**
 * Plans that workers keep may read a list of three from end to end, and must not go on so when an import has made
 * it one of a hundred thousand. Each time that it has doubled they are made anew, sooner than autovacuum would.
 */
async function refreshPlans(pool: Pool): Promise<void> {
  const { rowCount } = await pool.query(
    `select from pg_class
     where oid = 'volley.suppression'::regclass
       and pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint`,
  );
  if (rowCount === 1) await pool.query("analyze volley.suppression");
}
