// [6] The statement that stores opt-outs, whoever they came from.

import type { PoolClient } from "pg";
import { type OptOutSource, sourcesThatStartEnds } from "../domain/opt-out.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { hashOf } from "./suppressed.ts";
import { writeEvents } from "./write-events.ts";

export type NewOptOut = {
  readonly number: PhoneNumber;
  /** In a few words; never the number or a text. */
  readonly reason: string;
  readonly source: OptOutSource;
  /** When the person said so, if that is known; the future counts as now. */
  readonly at: Date | null;
};

/**
 * Answers how many are new. One that START could end gives way to one that START cannot, and is as new as its
 * last repetition, so that an old START that comes late does not end it. A number that was erased stays erased.
 */
export async function insertOptOuts(client: PoolClient, optOuts: readonly NewOptOut[]): Promise<number> {
  const { rows } = await client.query<{ fresh: boolean }>(
    `with given as (
       select ${hashOf("number")} as hash, number, reason, source, coalesce(least(at, now()), now()) as at,
         source = any($5::text[]) as may_end
       from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as g (number, reason, source, at)
     ),
     person as (
       select distinct on (hash) hash, number, reason, source, max(at) over (partition by hash) as at
       from given order by hash, may_end, at desc
     ),
     stored as (
       insert into volley.suppression as s (hash, recipient, reason, source, created_at)
       -- In one order everywhere, for two lists that hold the same people would else wait for each other.
       select hash, number, reason, source, at from person order by hash
       on conflict (hash) do update
       set source = case when excluded.source = any($5) then s.source else excluded.source end,
         reason = case when excluded.source = any($5) then s.reason else excluded.reason end,
         created_at = greatest(s.created_at, excluded.created_at)
       where s.source = any($5)
       returning hash, reason, xmax = 0 as fresh
     ),
     ${writeEvents({
       columns: "opt_out, reason",
       happened: "select 'recipient.opted_out' as type, hash as opt_out, reason from stored where fresh",
     })}
     select fresh from stored`,
    [
      optOuts.map((one) => one.number),
      optOuts.map((one) => one.reason),
      optOuts.map((one) => one.source),
      optOuts.map((one) => one.at),
      sourcesThatStartEnds,
    ],
  );
  return rows.filter((row) => row.fresh).length;
}
