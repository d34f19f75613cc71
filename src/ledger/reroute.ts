// [6] Failover: messages that an account provably did not send go on with the next one of their route.

import type { Pool } from "pg";
import type { ReleasedChunk } from "../domain/campaign.ts";
import type { ClaimedChunk } from "./chunks.ts";
import { roundOn } from "./rounds.ts";

export type RerouteTo = {
  readonly account: string;
  /** Only messages that have failed a try here; the others stay. */
  readonly triedOnly: boolean;
};

/**
 * Moves messages of our chunk that are still to be sent into a new chunk for another account. One that any
 * attempt may have sent stays where it is, whatever became of that: it could be sent twice. Null: there was
 * none to move, or the chunk is not ours any more.
 */
export async function rerouteChunk(
  pool: Pool,
  chunk: Pick<ClaimedChunk, "id" | "lease">,
  to: RerouteTo,
): Promise<ReleasedChunk | null> {
  const { rows } = await pool.query<ReleasedChunk>({
    name: "reroute-chunk",
    text: `
      with owned as (
        select id, campaign_id, accounts, class, sender, zones from volley.chunk
        where id = $1 and lease = $2 and lease_until > now() for update
      ),
      movable as (
        select m.id, m.due_at from volley.message m join owned on owned.id = m.chunk_id
        where m.state = 'queued' and (m.attempts > 0 or not $4)
          and not exists (
            select from volley.attempt a where a.message_id = m.id and a.outcome = 'unknown'
          )
      ),
      fresh as (
        insert into volley.chunk (campaign_id, account, accounts, class, sender, zones, state, messages, due_at, round)
        select campaign_id, $3, accounts, class, sender, zones, 'released', (select count(*) from movable),
          coalesce((select min(coalesce(due_at, now())) from movable), now()), ${roundOn("$3")}
        from owned where exists (select from movable)
        returning id, account, class, messages, round
      ),
      moved as (
        update volley.message m set chunk_id = fresh.id
        from fresh, movable where m.id = movable.id and m.state = 'queued'
      ),
      listed as (
        -- Or a pause would strand the new chunk: the window is filled for each account of this list.
        update volley.campaign set accounts = accounts || $3
        where id = (select campaign_id from owned) and not ($3 = any(accounts))
      )
      select * from fresh`,
    values: [chunk.id, chunk.lease, to.account, to.triedOnly],
  });
  return rows[0] ?? null;
}
