// [6] A draft changed by a person. Recipients that are on their way into it wait for the edit, or are refused after it:
// they were checked against what it said before.

import type { Pool } from "pg";
import type { CampaignState } from "../domain/campaign.ts";
import type { CampaignId } from "../domain/message.ts";
import { withTransaction } from "../platform/postgres.ts";
import { type CampaignContent, CONTENT_COLUMNS, type ContentRow, toContent } from "./campaign-content.ts";

export type Draft = {
  readonly content: CampaignContent;
  /** Also of one that is being filled with retries: it has them, or will have them in a moment. */
  readonly hasRecipients: boolean;
};
/** Not ok: the state in which it cannot be edited. Null: there is no such campaign. */
export type Edited = { readonly ok: true } | { readonly ok: false; readonly state: CampaignState } | null;

/** What `change` throws leaves the draft as it was. */
export async function editDraft(
  pool: Pool,
  id: CampaignId,
  change: (draft: Draft) => CampaignContent,
): Promise<Edited> {
  return withTransaction(pool, async (client) => {
    // Waits for recipients that are being added, so that the look below sees them.
    const { rows } = await client.query<DraftRow>(
      `select ${CONTENT_COLUMNS}, state, retry_of from volley.campaign where id = $1 for update`,
      [id],
    );
    const [row] = rows;
    if (row === undefined) return null;
    if (row.state !== "draft") return { ok: false, state: row.state };
    const { rowCount } = await client.query("select from volley.chunk where campaign_id = $1 limit 1", [id]);
    const changed = change({
      content: toContent(row),
      hasRecipients: rowCount === 1 || row.retry_of !== null,
    });
    const { name, class: ofClass, sender, template, account, sendAt, timeZone } = changed;
    await client.query(
      `update volley.campaign
       set name = $2, class = $3, sender = $4, template = $5, account = $6, send_at = $7, time_zone = $8,
         -- A new name changes nothing for those who add recipients.
         edition = edition + case when (class, sender, template, account, send_at, time_zone)
           is distinct from ($3::volley.message_class, $4::text, $5::text, $6::text, $7::text, $8::text) then 1 else 0 end
       where id = $1`,
      [id, name, ofClass, sender, template, account, sendAt, timeZone],
    );
    return { ok: true };
  });
}

type DraftRow = ContentRow & { readonly state: CampaignState; readonly retry_of: CampaignId | null };
