// [6] One message taken back before it is sent, and its chunk closed when nothing is left in it to send.
//
// Who dies between the two leaves a chunk that the next worker finds empty when its time comes.

import type { Pool } from "pg";
import type { CampaignState, ChunkId } from "../domain/campaign.ts";
import { type MessageId, type MessageState, openStates } from "../domain/message.ts";
import { type Queryable, withTransaction } from "../platform/postgres.ts";
import { countMoves } from "./count-moves.ts";
import { writeMessageEvents } from "./write-events.ts";

/** Not ok: the state in which it was too late, or one that waits in a draft. Null: there is no such message. */
export type Cancelled = { readonly ok: true } | { readonly ok: false; readonly state: MessageState } | null;
/** The chunk is to be closed once the message's row is free again. */
export type TakenBack =
  | { readonly ok: true; readonly chunkId: ChunkId }
  | { readonly ok: false; readonly state: MessageState }
  | null;

/** A message that changes its chunk at this moment (due-chunks.ts, reroute.ts) is not found in either. */
const LOOKS_MAX = 5;

/** Waits for an opening of the same message, and comes too late then. */
export async function cancelMessage(
  pool: Pool,
  id: MessageId,
  { slot }: { readonly slot: number },
): Promise<Cancelled> {
  const end = await takeBackMessage(pool, id, { slot, reason: "cancelled" });
  if (end?.ok !== true) return end;
  await closeChunk(pool, end.chunkId);
  return { ok: true };
}

/** For a transaction of the caller's. */
export async function takeBackMessage(
  db: Queryable,
  id: MessageId,
  { slot, reason }: { readonly slot: number; readonly reason: string },
): Promise<TakenBack> {
  for (let looks = 1; ; looks += 1) {
    const { rows: taken } = await db.query<{ chunk_id: ChunkId }>(CANCEL, [id, slot, reason]);
    if (taken[0] !== undefined) return { ok: true, chunkId: taken[0].chunk_id };
    const { rows } = await db.query<{ state: MessageState; campaign_state: CampaignState | null }>(
      `select m.state, k.state as campaign_state
       from volley.message m left join volley.chunk c on c.id = m.chunk_id
       left join volley.campaign k on k.id = c.campaign_id
       where m.id = $1`,
      [id],
    );
    const [found] = rows;
    if (found === undefined) return null;
    const { state } = found;
    const waits = (state === "scheduled" || state === "queued") && found.campaign_state !== "draft";
    if (!waits || looks === LOOKS_MAX) return { ok: false, state };
  }
}

const CANCEL = `
  with held as (
    select m.id, m.state, c.id as chunk_id, c.campaign_id
    from volley.message m join volley.chunk c on c.id = m.chunk_id
    left join volley.campaign k on k.id = c.campaign_id
    where m.id = $1 and m.state in ('scheduled', 'queued') and (k.id is null or k.state <> 'draft')
    for update of m
  ),
  moved as (
    update volley.message m set state = 'cancelled', reason = $3, due_at = null, changed_at = now()
    from held where m.id = held.id
    returning m.id, m.state, m.reason, held.chunk_id, held.campaign_id, held.state as before
  ),
  ${countMoves({ from: { column: "before" }, moved: "moved", slot: "$2" })},
  ${writeMessageEvents({ moved: "moved" })}
  select chunk_id from moved`;

/** Else a campaign would go on until the time of a message that nobody sends. A worker closes what it holds itself. */
export async function closeChunk(pool: Pool, id: ChunkId): Promise<void> {
  await withTransaction(pool, async (client) => {
    // Locked first, in a statement of its own: the look for open messages must see whatever reopen-work.ts did.
    await client.query("select from volley.chunk where id = $1 for no key update", [id]);
    await client.query(
      `update volley.chunk set state = 'done', done_at = now(), lease = null, lease_until = null
       where id = $1 and state in ('waiting', 'released') and (lease is null or lease_until <= now())
         and not exists (
           select from volley.message
           where chunk_id = $1 and state = any($2::volley.message_state[])
         )`,
      [id, openStates],
    );
  });
}
