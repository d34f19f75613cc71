// A campaign's counts change in the statement that moves its messages, or they would one day disagree.

import type { MessageState } from "../domain/message.ts";

/**
 * The CTE `counted`: takes the moved messages out of state `from` (or the one that each names in that column)
 * and adds them to the state they are in now.
 * `moved` names a CTE with the columns campaign_id and state; `slot` the parameter with the writer's slot.
 * Rows are written in one order everywhere, so that two statements cannot lock each other out; and last, for which
 * a statement that locks other rows after its messages names the last CTE that does so in `after`: which of two
 * CTEs runs first is not said by their place in the text.
 */
export function countMoves({
  from,
  moved,
  slot,
  after,
}: {
  from: MessageState | { readonly column: string };
  moved: string;
  slot: `$${number}`;
  after?: string;
}): string {
  const before = typeof from === "string" ? `'${from}'::volley.message_state` : from.column;
  const isLast = after === undefined ? "" : ` and (select count(*) from ${after}) >= 0`;
  return `counted as (
        insert into volley.campaign_count as cc (campaign_id, slot, state, messages)
        select campaign_id, ${slot}, state, sum(messages) from (
          select campaign_id, ${before} as state, -count(*) as messages from ${moved} group by 1, 2
          union all
          select campaign_id, state, count(*) from ${moved} group by 1, 2
        ) as change
        where campaign_id is not null${isLast} group by campaign_id, state order by campaign_id, state
        on conflict (campaign_id, slot, state) do update set messages = cc.messages + excluded.messages
      )`;
}
