// Messages that go back to queued bring their chunk and their campaign back to work, though both may be done.
//
// Both rows are locked here, and whoever calls a chunk or a campaign done locks it before it looks: of two that
// meet, the later one sees what the earlier one did. Without that, a chunk whose owner finishes it while one of its
// unknowns is settled would be done for ever with a message that waits.

/**
 * CTEs for a statement in which messages left `unknown`. `moved` names a CTE with the columns state, chunk_id and
 * campaign_id. Rows are locked in one order everywhere: messages, chunks, campaigns, and by id among themselves.
 * The last of it is the CTE `campaign_at_work`.
 */
export function reopenWork(moved: string): string {
  const queued = (column: string) => `(select ${column} from ${moved} where state = 'queued')`;
  return `chunk_at_work as materialized (
        select id, state from volley.chunk where id in ${queued("chunk_id")}
        order by id for no key update
      ),
      reopened_chunk as (
        update volley.chunk c set state = 'released', due_at = now(), done_at = null
        from chunk_at_work w where c.id = w.id and w.state = 'done'
      ),
      -- It asks for the chunks, so that they are locked before it, as everywhere (reroute.ts).
      campaign_at_work as materialized (
        select id, state from volley.campaign
        where id in ${queued("campaign_id")} and (select count(*) from chunk_at_work) >= 0
        order by id for no key update
      ),
      reopened_campaign as (
        update volley.campaign c
        -- A cancelled one takes the message back (campaign-moves.ts).
        set state = case when w.state = 'cancelled' then w.state else 'running' end, finished_at = null
        from campaign_at_work w
        where c.id = w.id and w.state in ('completed', 'completed_with_failures', 'cancelled')
      )`;
}
