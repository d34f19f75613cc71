// What an event says, read from the rows that it is about when it is delivered: so the outbox holds no number and no
// text, and what was erased since is told no more.

import type { EventBody } from "../domain/event.ts";
import { ERASED } from "./erased.ts";

/** For the tables of EVENT_SOURCES. */
export const EVENT_COLUMNS = `e.id, e.type, e.created_at, e.message_id, e.campaign_id, e.reason, e.data,
        e.inbound_id, e.opt_out is not null as is_opt_out, nullif(m.recipient, '${ERASED}') as recipient,
        coalesce(m.account, c.account) as account, m.segments, m.attempts, reported.code,
        i.account as inbound_account, i.sender, i.recipient as inbound_recipient, i.text as inbound_text,
        i.keyword, i.happened_at, s.recipient as opted_out, s.source`;

/** Joined to volley.event as e. The message's state is the event's own: it may have gone on since. */
export const EVENT_SOURCES = `
      left join volley.message m on m.id = e.message_id
      left join volley.chunk c on c.id = m.chunk_id
      left join lateral (
        select r.code from volley.report r
        where r.joined_id = e.message_id and r.moved and e.type = 'message.' || r.state::text
        order by r.id desc limit 1
      ) as reported on true
      left join volley.inbound i on i.id = e.inbound_id
      left join volley.suppression s on s.hash = e.opt_out`;

export type EventRow = {
  id: string;
  type: EventBody["type"];
  created_at: Date;
  message_id: string | null;
  campaign_id: string | null;
  reason: string | null;
  data: Record<string, unknown> | null;
  inbound_id: string | null;
  is_opt_out: boolean;
  recipient: string | null;
  account: string | null;
  segments: number | null;
  attempts: number | null;
  code: string | null;
  inbound_account: string | null;
  sender: string | null;
  inbound_recipient: string | null;
  inbound_text: string | null;
  keyword: string | null;
  happened_at: Date | null;
  opted_out: string | null;
  source: string | null;
};

export function toEventBody(row: EventRow): EventBody {
  return { type: row.type, timestamp: row.created_at.toISOString(), data: toData(row) };
}

/** A number is null when it has been erased since. */
function toData(row: EventRow): Record<string, unknown> {
  if (row.message_id !== null) {
    return {
      id: row.message_id,
      campaign: row.campaign_id,
      to: row.recipient,
      state: row.type.slice(row.type.indexOf(".") + 1),
      reason: row.reason,
      account: row.account,
      code: row.code,
      segments: row.segments,
      attempts: row.attempts,
    };
  }
  if (row.inbound_id !== null) {
    return {
      id: row.inbound_id,
      account: row.inbound_account,
      from: row.sender,
      to: row.inbound_recipient,
      text: row.inbound_text,
      keyword: row.keyword,
      sentAt: row.happened_at?.toISOString() ?? null,
    };
  }
  if (row.is_opt_out) return { number: row.opted_out, reason: row.reason, source: row.source };
  return row.data ?? {};
}
