// [6] What a campaign is to say, as whom and when: the columns that a draft may still change.

import type { CampaignId, MessageClass } from "../domain/message.ts";

export type CampaignContent = {
  readonly id: CampaignId;
  readonly name: string;
  readonly class: MessageClass;
  readonly sender: string | null;
  readonly template: string;
  /** Asked for by name; null: the routes choose. */
  readonly account: string | null;
  /** As it was written; null: when it is started. */
  readonly sendAt: string | null;
  /** In which `sendAt` is read; "recipient": in each recipient's own. */
  readonly timeZone: string | null;
};

export type ContentRow = Omit<CampaignContent, "sendAt" | "timeZone"> & {
  readonly send_at: string | null;
  readonly time_zone: string | null;
};

export const CONTENT_COLUMNS = "id, name, class, sender, template, account, send_at, time_zone";

export function toContent(row: ContentRow): CampaignContent {
  const { id, name, class: ofClass, sender, template, account, send_at: sendAt, time_zone: timeZone } = row;
  return { id, name, class: ofClass, sender, template, account, sendAt, timeZone };
}
