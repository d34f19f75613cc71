// [6] Campaigns that are taken away with all their rows, a few chunks at a time: a statement for a million messages
// would hold their locks for minutes.
//
// It is `cancelled` first, so that nothing of it is sent, started or added to meanwhile. A process that dies
// midway leaves a cancelled campaign with fewer rows; deleting it again goes on. Events stay for their month: they
// hold no number and no text.

import type { Pool } from "pg";
import type { CampaignState } from "../domain/campaign.ts";
import type { CampaignId } from "../domain/message.ts";

/** Null: there is no such campaign. Not ok: the state in which it cannot be deleted. */
export type Deletion =
  | { readonly ok: true; readonly messages: number }
  | { readonly ok: false; readonly state: CampaignState }
  | null;

/** In one statement: some 5,000 messages and what belongs to them. */
const DELETED_CHUNKS = 5;

const finishedStates = [
  "completed",
  "completed_with_failures",
  "cancelled",
] as const satisfies CampaignState[];

/** A draft, or one that is finished. A cancelled one whose messages are still being taken back is not yet. */
export async function deleteCampaign(
  pool: Pool,
  id: CampaignId,
  onProgress: (messages: number) => void = () => {},
): Promise<Deletion> {
  const { rowCount } = await pool.query(
    `update volley.campaign set state = 'cancelled', finished_at = coalesce(finished_at, now())
     where id = $1
       and (state = 'draft' or (state = any($2::volley.campaign_state[]) and finished_at is not null))`,
    [id, finishedStates],
  );
  if (rowCount === 1) return { ok: true, messages: await deleteRows(pool, id, onProgress) };
  const { rows } = await pool.query<{ state: CampaignState }>(
    "select state from volley.campaign where id = $1",
    [id],
  );
  return rows[0] === undefined ? null : { ok: false, state: rows[0].state };
}

/** As if its intake had never begun; one that has started stays. */
export async function discardDraft(pool: Pool, id: CampaignId): Promise<void> {
  const { rowCount } = await pool.query(
    "update volley.campaign set state = 'cancelled', finished_at = now() where id = $1 and state = 'draft'",
    [id],
  );
  if (rowCount === 1) await deleteRows(pool, id, () => {});
}

async function deleteRows(
  pool: Pool,
  id: CampaignId,
  onProgress: (messages: number) => void,
): Promise<number> {
  let messages = 0;
  for (;;) {
    const { rows } = await pool.query<{ chunks: string; messages: string }>(DELETE_CHUNKS, [
      id,
      DELETED_CHUNKS,
    ]);
    messages += Number(rows[0]?.messages ?? 0);
    onProgress(messages);
    if (Number(rows[0]?.chunks ?? 0) === 0) break;
  }
  await pool.query(
    `with counts as (delete from volley.campaign_count where campaign_id = $1)
     delete from volley.campaign where id = $1`,
    [id],
  );
  return messages;
}

const DELETE_CHUNKS = `
  with picked as (
    select id from volley.chunk where campaign_id = $1 order by id limit $2 for update
  ),
  gone as (
    delete from volley.message where chunk_id in (select id from picked) returning id, call_id
  ),
  attempts as (delete from volley.attempt where message_id in (select id from gone)),
  reports as (delete from volley.report where joined_id in (select id from gone)),
  overdue as (delete from volley.overdue where message_id in (select id from gone)),
  retried as (delete from volley.retry where message_id in (select id from gone)),
  -- A retry that never left frees its message for another one; one that left must be remembered.
  unsent as (delete from volley.retry where retry_id in (select id from gone where call_id is null)),
  chunks as (delete from volley.chunk where id in (select id from picked))
  select (select count(*) from picked) as chunks, (select count(*) from gone) as messages`;
