// [6] One message taken back before it is sent.

import type { Pool } from "pg";
import type { MessageId, MessageState } from "../domain/message.ts";
import { countMoves } from "./count-moves.ts";
import { writeMessageEvents } from "./write-events.ts";

/** The state that it led to, or the one in which it was too late; null: there is no such message. */
export type Cancelled = { readonly ok: true } | { readonly ok: false; readonly state: MessageState } | null;

/** Waits for an opening of the same message, and comes too late then. */
export async function cancelMessage(
  pool: Pool,
  id: MessageId,
  { slot }: { readonly slot: number },
): Promise<Cancelled> {
  const { rowCount } = await pool.query(
    `with held as (
       select m.id, m.state, c.id as chunk_id, c.campaign_id, c.messages
       from volley.message m join volley.chunk c on c.id = m.chunk_id
       left join volley.campaign k on k.id = c.campaign_id
       where m.id = $1 and m.state in ('scheduled', 'queued') and (k.id is null or k.state <> 'draft')
       for update of m
     ),
     moved as (
       update volley.message m set state = 'cancelled', reason = 'cancelled', due_at = null, changed_at = now()
       from held where m.id = held.id
       returning m.id, m.state, m.reason, held.campaign_id, held.state as before
     ),
     ${countMoves({ from: { column: "before" }, moved: "moved", slot: "$2" })},
     ${writeMessageEvents({ moved: "moved" })}
     select from moved`,
    [id, slot],
  );
  if (rowCount === 1) return { ok: true };
  const { rows } = await pool.query<{ state: MessageState }>(
    "select state from volley.message where id = $1",
    [id],
  );
  return rows[0] === undefined ? null : { ok: false, state: rows[0].state };
}
