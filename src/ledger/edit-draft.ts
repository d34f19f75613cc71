// [6] A draft changed by a person. Recipients that are on their way into it wait for the edit, or are refused after it:
// they were checked against what it said before.

import type { Pool } from "pg";
import type { CampaignState } from "../domain/campaign.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import { withTransaction } from "../platform/postgres.ts";
import type { NewCampaign } from "./campaigns.ts";

export type Draft = {
  readonly content: NewCampaign;
  /** Also of one that is being filled with retries: it has them, or will have them in a moment. */
  readonly hasRecipients: boolean;
};
/** Not ok: the state in which it cannot be edited. Null: there is no such campaign. */
export type Edited = { readonly ok: true } | { readonly ok: false; readonly state: CampaignState } | null;

/** What `change` throws leaves the draft as it was. */
export async function editDraft(
  pool: Pool,
  id: CampaignId,
  change: (draft: Draft) => NewCampaign,
): Promise<Edited> {
  return withTransaction(pool, async (client) => {
    // Waits for recipients that are being added, so that the look below sees them.
    const { rows } = await client.query<DraftRow>(
      `select name, class, sender, template, account, send_at, time_zone, state, retry_of from volley.campaign
       where id = $1 for update`,
      [id],
    );
    const [row] = rows;
    if (row === undefined) return null;
    if (row.state !== "draft") return { ok: false, state: row.state };
    const { rowCount } = await client.query("select from volley.chunk where campaign_id = $1 limit 1", [id]);
    const changed = change({
      content: {
        id,
        name: row.name,
        class: row.class,
        sender: row.sender,
        template: row.template,
        account: row.account,
        sendAt: row.send_at,
        timeZone: row.time_zone,
      },
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

type DraftRow = {
  name: string;
  class: MessageClass;
  sender: string | null;
  template: string;
  account: string | null;
  send_at: string | null;
  time_zone: string | null;
  state: CampaignState;
  retry_of: CampaignId | null;
};
