// [6] Retries that a person asks for: failed messages go on as new ones, each at most once however many ask.
//
//   failed message --row in volley.retry--> new message, which names the first of its line
//
// The row, the new messages and their chunk stand in one statement, so a process that dies leaves whole chunks or
// nothing. In a campaign they are those of a draft, of which nothing is sent before it is started: one that was
// left behind is discarded with its rows by whoever retries next.

import type { Pool } from "pg";
import type { ChunkId, ReleasedChunk } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { type CampaignId, type MessageClass, type MessageId, retryableStates } from "../domain/message.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import { countMoves } from "./count-moves.ts";
import { createFailedMessages } from "./find-failed.ts";
import { roundOn } from "./rounds.ts";
import type { Exemption } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type RetryChunk = {
  /** The draft; null: for single messages. */
  readonly campaignId: CampaignId | null;
  readonly accounts: readonly string[];
  readonly class: MessageClass;
  readonly sender: string | null;
  readonly zones: readonly TimeZone[];
  readonly messages: readonly {
    readonly failedId: MessageId;
    readonly id: MessageId;
    readonly segments: number;
  }[];
  /** Unknowns among them become `failed`, so that nothing but the retry sends them. */
  readonly includeUnknown: boolean;
};

export type AddedRetries = {
  readonly chunk: ReleasedChunk | null;
  readonly accepted: number;
  /** Somebody else has retried them meanwhile. */
  readonly alreadyRetried: number;
  /** Unknown, and evidence of them comes in at this moment. */
  readonly unsettled: number;
};

/** Longer than the longest part of a walk that finds nothing takes. */
const FILLING_MINUTES = 5;

export function createRetries(pool: Pool, { slot, exemptClasses }: Exemption & { readonly slot: number }) {
  return {
    ...createFailedMessages(pool, { exemptClasses }),

    /** A draft like the campaign, linked to the first of the line. */
    async openDraft(
      of: CampaignId,
      draft: { readonly id: CampaignId; readonly name: string; readonly account: string | null },
    ): Promise<void> {
      await pool.query(
        `insert into volley.campaign (id, name, class, sender, template, account, retry_of, filling_until)
         select $2, $3, class, sender, template, $4, coalesce(retry_of, id), now() + $5 * interval '1 min'
         from volley.campaign where id = $1`,
        [of, draft.id, draft.name, draft.account, FILLING_MINUTES],
      );
    },

    /** Drafts of this campaign's line whose fillers died. */
    async abandonedDrafts(of: CampaignId): Promise<CampaignId[]> {
      const { rows } = await pool.query<{ id: CampaignId }>(
        `select id from volley.campaign
         where retry_of = (select coalesce(retry_of, id) from volley.campaign where id = $1)
           and state = 'draft' and filling_until < now()`,
        [of],
      );
      return rows.map(({ id }) => id);
    },

    /** New messages for those of the chunk that nobody else retries, and the chunk itself. */
    async add(chunk: RetryChunk): Promise<AddedRetries> {
      const { messages } = chunk;
      const { rows } = await pool.query<AddedRow>(ADD_RETRIES, [
        chunk.campaignId,
        chunk.accounts,
        chunk.class,
        chunk.sender,
        chunk.zones,
        messages.map(({ failedId }) => failedId),
        messages.map(({ id }) => id),
        messages.map(({ segments }) => segments),
        chunk.includeUnknown,
        slot,
        retryableStates,
        FILLING_MINUTES,
      ]);
      const row = rows[0];
      if (row === undefined || row.closed) {
        throw new VolleyError(
          "state_conflict",
          "Cannot go on with this retry: its draft was started or discarded by somebody else. Retry again for what is left.",
        );
      }
      const accepted = Number(row.accepted);
      const free = Number(row.free);
      return {
        chunk:
          row.id === null
            ? null
            : { id: row.id, account: row.account, class: chunk.class, messages: accepted, round: row.round },
        accepted,
        alreadyRetried: free - accepted,
        unsettled: messages.length - free,
      };
    },
  };
}

const ADD_RETRIES = `
  with next as materialized (select nextval('volley.chunk_id_seq') as id),
  draft as materialized (
    update volley.campaign set filling_until = now() + $12 * interval '1 min'
    where id = $1 and state = 'draft' returning id
  ),
  given as (
    select * from unnest($6::uuid[], $7::uuid[], $8::smallint[]) as g (failed_id, id, segments)
    where $1::uuid is null or exists (select from draft)
  ),
  -- Whoever holds the row of an unknown is about to settle it: then it is no retry's matter.
  held as materialized (
    select m.id, m.chunk_id from volley.message m
    where $9 and m.id = any($6::uuid[]) and m.state = 'unknown' order by m.id for update skip locked
  ),
  free as (
    select g.failed_id, g.id, g.segments, m.recipient, m.position, m.text, m.field_values, m.expires_at, m.reference,
      m.metadata, coalesce(m.retry_of, m.id) as retry_of
    from given g join volley.message m on m.id = g.failed_id
    where m.state = any($11::volley.message_state[]) or m.id in (select id from held)
  ),
  taken as (
    insert into volley.retry (message_id, retry_id)
    -- In one order everywhere, for two that want the same people would else wait for each other.
    select failed_id, id from free order by failed_id
    on conflict (message_id) do nothing
    returning message_id, retry_id
  ),
  accepted as (
    insert into volley.message (id, chunk_id, recipient, position, segments, text, field_values, state, expires_at,
      reference, metadata, retry_of)
    select f.id, next.id, f.recipient, f.position, f.segments, f.text, f.field_values, 'queued',
      -- One that came too late is sent all the same: somebody has just asked for it.
      case when f.expires_at > now() then f.expires_at end, f.reference, f.metadata, f.retry_of
    from taken t join free f on f.id = t.retry_id, next
    returning id
  ),
  added as (
    insert into volley.chunk (id, campaign_id, account, accounts, class, sender, zones, state, messages, round)
    overriding system value
    select next.id, $1, ($2::text[])[1], $2, $3, $4, $5,
      case when $1::uuid is null then 'released'::volley.chunk_state else 'waiting' end, c.messages,
      ${roundOn("($2::text[])[1]")}
    from next, (select count(*) as messages from accepted) as c where c.messages > 0
    returning id, account, round
  ),
  moved as (
    update volley.message m
    set state = 'failed', reason = 'retried-by-person', due_at = null, changed_at = now()
    from taken t, held h
    where h.id = t.message_id and m.id = h.id and m.state = 'unknown'
    returning m.id, m.state, m.reason,
      (select campaign_id from volley.chunk c where c.id = h.chunk_id) as campaign_id
  ),
  settled as (
    update volley.attempt a set settled_at = now(), settled_as = 'failed'
    from moved where a.message_id = moved.id and a.outcome = 'unknown' and not a.late
      and (a.settled_at is null or a.settled_as = 'kept')
  ),
  ${countMoves({ from: "unknown", moved: "moved", slot: "$10" })},
  ${writeMessageEvents({ moved: "moved" })}
  select (select id from added), (select account from added), (select round from added),
    (select count(*) from accepted) as accepted,
    (select count(*) from free) as free, ($1::uuid is not null and not exists (select from draft)) as closed`;

type AddedRow = {
  id: ChunkId | null;
  account: string;
  round: number;
  accepted: string;
  free: string;
  closed: boolean;
};
