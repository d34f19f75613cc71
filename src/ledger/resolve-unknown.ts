// [6] Unknowns as people see them, and what a person who knows more decides about one.

import type { Pool } from "pg";
import type { CallId, CampaignId, MessageClass, MessageId, MessageState } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { countMoves } from "./count-moves.ts";
import { ERASED } from "./erased.ts";
import { reopenWork } from "./reopen-work.ts";
import { writeMessageEvents } from "./write-events.ts";

export type OpenUnknown = {
  readonly id: MessageId;
  readonly campaignId: CampaignId | null;
  readonly to: PhoneNumber;
  readonly class: MessageClass;
  readonly account: string;
  /** Our reference of the call, to look for at the provider. */
  readonly callId: CallId;
  readonly attempts: number;
  readonly openedAt: Date;
  readonly reason: string | null;
  /** When Volley asks or acts next by itself; null: only a person or a report can settle it. */
  readonly nextAt: Date | null;
};

/** What a person may know: it was sent, it was not and may be sent again, or it was not and shall not be. */
export const resolutions = ["accepted", "resend", "failed"] as const;
export type Resolution = (typeof resolutions)[number];

/** no-try-left: four calls were made; a fifth would break the promise. no-content: nothing of it is left to send. */
export type Resolved = MessageState | "not-unknown" | "no-try-left" | "no-content";

export const UNKNOWNS_LISTED_MAX = 500;

/** Oldest first: those have waited longest for somebody. */
export async function listUnknowns(
  pool: Pool,
  filter: { readonly campaign?: CampaignId | undefined; readonly limit: number },
): Promise<OpenUnknown[]> {
  const { rows } = await pool.query<UnknownRow>(
    `select m.id, a.campaign_id, m.recipient, c.class, a.account, a.call_id, m.attempts, a.opened_at, a.reason,
       case when a.settled_at is null then a.settle_at end as next_at
     from volley.attempt a
     join volley.message m on m.id = a.message_id and m.call_id = a.call_id and m.state = 'unknown'
     join volley.chunk c on c.id = m.chunk_id
     where a.outcome = 'unknown' and not a.late and ($1::uuid is null or a.campaign_id = $1)
     order by a.id limit $2`,
    [filter.campaign ?? null, Math.min(filter.limit, UNKNOWNS_LISTED_MAX)],
  );
  return rows.map((row) => ({
    id: row.id,
    campaignId: row.campaign_id,
    to: row.recipient,
    class: row.class,
    account: row.account,
    callId: row.call_id,
    attempts: row.attempts,
    openedAt: row.opened_at,
    reason: row.reason,
    nextAt: row.next_at,
  }));
}

/** A campaign that was finished runs again when one of its messages is to be sent again. */
export async function resolveUnknown(
  { pool, attemptsMax, slot }: { readonly pool: Pool; readonly attemptsMax: number; readonly slot: number },
  id: MessageId,
  as: Resolution,
): Promise<Resolved> {
  const { rows } = await pool.query<{
    state: MessageState | null;
    found: boolean;
    has_content: boolean | null;
  }>(
    `with target as (
       select m.id, m.call_id, m.chunk_id, m.attempts,
         m.recipient <> '${ERASED}' and (m.text is not null or m.field_values is not null) as has_content
       from volley.message m
       where m.id = $1 and m.state = 'unknown' for update
     ),
     moved as (
       update volley.message m
       set state = case $2 when 'resend' then 'queued' else $2 end::volley.message_state,
         reason = 'resolved-by-person', due_at = null, changed_at = now()
       from target t where m.id = t.id and ($2 <> 'resend' or (t.attempts < $4 and t.has_content))
       returning m.id, m.state, m.reason, m.chunk_id, m.call_id,
         (select campaign_id from volley.chunk c where c.id = t.chunk_id) as campaign_id
     ),
     settled as (
       update volley.attempt a
       set settled_at = now(), settled_as = case $2 when 'resend' then 'resent' else $2 end::volley.settlement
       from moved where a.message_id = moved.id and a.call_id = moved.call_id and a.outcome = 'unknown' and not a.late
     ),
     ${reopenWork("moved")},
     ${countMoves({ from: "unknown", moved: "moved", slot: "$3", after: "campaign_at_work" })},
     ${writeMessageEvents({ moved: "moved" })}
     select (select state from moved) as state, exists (select from target) as found,
       (select has_content from target) as has_content`,
    [id, as, slot, attemptsMax],
  );
  const [row] = rows;
  if (row === undefined || !row.found) return "not-unknown";
  return row.state ?? (row.has_content === false ? "no-content" : "no-try-left");
}

type UnknownRow = {
  id: MessageId;
  campaign_id: CampaignId | null;
  recipient: PhoneNumber;
  class: MessageClass;
  account: string;
  call_id: CallId;
  attempts: number;
  opened_at: Date;
  reason: string | null;
  next_at: Date | null;
};
