// [6] The caps of an account's day: leave to send is booked and committed before an attempt is opened, so that however
// many processes send, a cap is never passed. What was provably not sent is given back; what may have been sent is not.
//
// A day is one of UTC by the database's clock. One row an account and day, and one small statement a request.

import type { Pool } from "pg";
import type { DayCap } from "../domain/account.ts";

export type DayUse = { readonly messages: number; readonly costMicros: number };

/** Since midnight UTC, of an account with a cap: what was sent or may have been, and what is on its way. */
export type AccountToday = DayUse & { readonly account: string };

export type Booked =
  | { readonly ok: true; readonly day: string }
  | {
      readonly ok: false;
      /** Of the day, as far as there is a cap. */
      readonly left: DayCap;
      readonly dayEndsInMs: number;
      /** Since the day's last leave: what was given lately may still come back. Null: none was given. */
      readonly bookedAgoMs: number | null;
    };

export function createAccountDays(pool: Pool) {
  return {
    /** All of it, or nothing. */
    async book(account: string, use: DayUse, cap: DayCap): Promise<Booked> {
      const { rows } = await pool.query<BookedRow>({
        name: "book-account-day",
        text: BOOK,
        values: [account, use.messages, use.costMicros, cap.messages, cap.costMicros],
      });
      const [row] = rows;
      if (row === undefined) throw new Error("a booking has one answer");
      if (row.is_booked) return { ok: true, day: row.day };
      const leftOf = (max: number | null, used: string | null) =>
        max === null ? null : Math.max(0, max - Number(used ?? 0));
      return {
        ok: false,
        left: {
          messages: leftOf(cap.messages, row.messages),
          costMicros: leftOf(cap.costMicros, row.cost_micros),
        },
        dayEndsInMs: row.day_ends_in_ms,
        bookedAgoMs: row.booked_ago_ms,
      };
    },

    /** Accounts without a cap are not counted, and those that sent nothing yet are not listed. */
    async today(): Promise<readonly AccountToday[]> {
      const { rows } = await pool.query<{ account: string; messages: string; cost_micros: string }>(
        `select account, messages, cost_micros from volley.account_day
         where day = (now() at time zone 'UTC')::date`,
      );
      return rows.map((row) => ({
        account: row.account,
        messages: Number(row.messages),
        costMicros: Number(row.cost_micros),
      }));
    },

    async giveBack(account: string, day: string, use: DayUse): Promise<void> {
      await pool.query({
        name: "give-back-account-day",
        text: `update volley.account_day set messages = messages - $3, cost_micros = cost_micros - $4
               where account = $1 and day = $2::date`,
        values: [account, day, use.messages, use.costMicros],
      });
    },
  };
}

type BookedRow = {
  is_booked: boolean;
  day: string;
  messages: string | null;
  cost_micros: string | null;
  day_ends_in_ms: number;
  booked_ago_ms: number | null;
};

/** What is left when it was refused is of the statement's start: others may have booked or given back since. */
const BOOK = `
  with today as (
    select (now() at time zone 'UTC')::date as day
  ),
  booked as (
    insert into volley.account_day as d (account, day, messages, cost_micros)
    select $1, day, $2::bigint, $3::bigint from today
    where $2::bigint <= coalesce($4::bigint, $2::bigint) and $3::bigint <= coalesce($5::bigint, $3::bigint)
    on conflict (account, day) do update
    set messages = d.messages + excluded.messages, cost_micros = d.cost_micros + excluded.cost_micros,
      booked_at = now()
    where ($4::bigint is null or d.messages + excluded.messages <= $4)
      and ($5::bigint is null or d.cost_micros + excluded.cost_micros <= $5)
    returning day
  )
  select exists (select from booked) as is_booked, to_char(today.day, 'YYYY-MM-DD') as day, used.messages,
    used.cost_micros,
    extract(epoch from now() - used.booked_at)::float8 * 1000 as booked_ago_ms,
    extract(epoch from (today.day + 1)::timestamp at time zone 'UTC' - now())::float8 * 1000 as day_ends_in_ms
  from today left join volley.account_day used on used.account = $1 and used.day = today.day`;
