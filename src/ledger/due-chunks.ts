// [6] Single messages that waited for their time leave together: what is due for the same accounts, class, sender
// and zones goes into one chunk, so that a million reminders for nine o'clock are a thousand jobs.

import type { Pool } from "pg";
import { CHUNK_ROWS_MAX, type ReleasedChunk } from "../domain/campaign.ts";
import { roundOn } from "./rounds.ts";

/**
 * Releases chunks outside of campaigns whose time has come, the earliest first; those of one fresh message are merged.
 * A message that has been tried stays in its chunk: our reference at the provider names it.
 */
export async function releaseDueChunks(pool: Pool, limit: number): Promise<ReleasedChunk[]> {
  const { rows } = await pool.query<ReleasedChunk>(
    `with due as materialized (
       select id, account, accounts, class, sender, zones, messages, due_at from volley.chunk
       where campaign_id is null and state = 'waiting' and due_at <= now()
       order by due_at, id limit $1 for update skip locked
     ),
     single as (
       select due.*, m.id as message_id, row_number() over (
           partition by due.accounts, due.account, due.class, due.sender, due.zones order by due.due_at, due.id
         ) - 1 as place
       from due join volley.message m on m.chunk_id = due.id
       where due.messages = 1 and m.attempts = 0 and m.deferrals = 0
     ),
     merged as materialized (
       select nextval('volley.chunk_id_seq') as new_id, accounts, account, class, sender, zones, place / $2 as part,
         count(*) as messages, min(due_at) as due_at
       from single group by accounts, account, class, sender, zones, place / $2
     ),
     created as (
       insert into volley.chunk (id, account, accounts, class, sender, zones, state, messages, scheduled, due_at, round)
       overriding system value
       select new_id, account, accounts, class, sender, zones, 'released', messages, messages, due_at,
         ${roundOn("merged.account")}
       from merged
       returning id, account, class, messages, round
     ),
     moved as (
       update volley.message m set chunk_id = merged.new_id
       from single s join merged on merged.accounts = s.accounts and merged.account = s.account
         and merged.class = s.class and merged.sender is not distinct from s.sender and merged.zones = s.zones
         and merged.part = s.place / $2
       where m.id = s.message_id
     ),
     emptied as (
       delete from volley.chunk where id in (select id from single)
     ),
     others as (
       update volley.chunk set state = 'released', round = ${roundOn("chunk.account")}
       where id in (select id from due except select id from single)
       returning id, account, class, messages, round
     )
     select * from created union all select * from others`,
    [limit, CHUNK_ROWS_MAX],
  );
  return rows.toSorted((one, other) => Number(one.id) - Number(other.id));
}
