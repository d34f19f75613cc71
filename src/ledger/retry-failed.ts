// [6] Retries that a person asks for: failed messages go on as new ones, each at most once however many ask.
//
//   failed message --row in volley.retry--> new message, which names the first of its line
//
// The row, the new messages and their chunk stand in one statement, so a process that dies leaves whole chunks or
// nothing. In a campaign they are those of a draft, of which nothing is sent before it is started: one that was
// left behind is discarded with its rows by whoever retries next.

import type { Pool } from "pg";
import type { ChunkId } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import {
  type CampaignId,
  type MessageClass,
  type MessageId,
  type MessageState,
  retryableStates,
} from "../domain/message.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { ReleasedChunk } from "./chunks.ts";
import { countMoves } from "./count-moves.ts";
import { type Exemption, isSuppressed } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type RetryFilter = {
  readonly states: readonly MessageState[];
  /** Empty: all. */
  readonly reasons: readonly string[];
  /** Where it failed. */
  readonly account: string | null;
  /** When it came into its state. */
  readonly since: Date | null;
  readonly until: Date | null;
};

/** A message that the filter meets, and all that is to be known before it is sent again. */
export type FailedMessage = {
  readonly id: MessageId;
  /** Erased: not a number any more. */
  readonly to: string;
  readonly text: Sensitive<string> | null;
  /** Null: a single message, or its content was deleted. */
  readonly values: readonly Sensitive<string>[] | null;
  readonly class: MessageClass;
  readonly sender: string | null;
  /** Of its route, in order of preference. */
  readonly accounts: readonly string[];
  readonly zones: readonly TimeZone[];
  readonly isRetried: boolean;
  readonly isSuppressed: boolean;
  /** no: provably not received. maybe: one of its attempts may have sent it. yes: it was delivered after all. */
  readonly wasReceived: "no" | "maybe" | "yes";
};

/** A part of a walk through chunks; null as `whose` walks through the single messages. */
export type Walk = {
  readonly whose: CampaignId | null;
  /** Null: from the first one on. */
  readonly after: ChunkId | null;
  /** Null: there is none. */
  readonly last: ChunkId | null;
};

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

const BEFORE_ALL_CHUNKS = 0;
/** Single messages have a chunk each, or a thousand share one: whichever bound is met first ends a part. */
const PART_CHUNKS = 5_000;
const PART_MESSAGES = 20_000;
/** Longer than the longest part of a walk that finds nothing takes. */
const FILLING_MINUTES = 5;

export type Retries = ReturnType<typeof createRetries>;

export function createRetries(pool: Pool, { slot, exemptClasses }: Exemption & { readonly slot: number }) {
  return {
    /** A draft like the campaign, linked to the first of the line. False: there is no such campaign. */
    async openDraft(
      of: CampaignId,
      draft: { readonly id: CampaignId; readonly name: string; readonly account: string | null },
    ): Promise<boolean> {
      const { rowCount } = await pool.query(
        `insert into volley.campaign (id, name, class, sender, template, account, retry_of, filling_until)
         select $2, $3, class, sender, template, $4, coalesce(retry_of, id), now() + $5 * interval '1 min'
         from volley.campaign where id = $1`,
        [of, draft.id, draft.name, draft.account, FILLING_MINUTES],
      );
      return rowCount === 1;
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

    /** Retries go into chunks after this one: a walk that ends here does not meet its own. */
    async lastChunk(whose: CampaignId | null): Promise<ChunkId | null> {
      const { rows } = await pool.query<{ id: ChunkId | null }>(
        `select max(id) as id from volley.chunk where ${ofCampaign(whose)}`,
        whose === null ? [] : [whose],
      );
      return rows[0]?.id ?? null;
    },

    /** The next part of a walk; null: it is at its end. */
    async nextPart({ whose, after, last }: Walk): Promise<ChunkId[] | null> {
      const ids = [after ?? BEFORE_ALL_CHUNKS, last];
      const [from, to] = whose === null ? ["$1", "$2"] : ["$2", "$3"];
      const { rows } = await pool.query<{ id: ChunkId }>(
        `select id from (
           select id, sum(messages) over (order by id) - messages as before from (
             select id, messages from volley.chunk
             where ${ofCampaign(whose)} and id > ${from} and id <= ${to} order by id limit ${PART_CHUNKS}
           ) as next
         ) as counted where before < ${PART_MESSAGES} order by id`,
        whose === null ? ids : [whose, ...ids],
      );
      return rows.length === 0 ? null : rows.map(({ id }) => id);
    },

    /** What the filter meets in these chunks, in the order of the file. */
    async findFailed(chunks: readonly ChunkId[], filter: RetryFilter): Promise<FailedMessage[]> {
      const { rows } = await pool.query<FailedRow>(FIND_FAILED, [
        chunks,
        filter.states,
        filter.reasons,
        filter.account,
        filter.since,
        filter.until,
        exemptClasses,
      ]);
      return rows.map(toFailedMessage);
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
        chunk: row.id === null ? null : { id: row.id, account: row.account, class: chunk.class },
        accepted,
        alreadyRetried: free - accepted,
        unsettled: messages.length - free,
      };
    },
  };
}

/** The index of chunks by campaign serves both forms, and serves no `is not distinct from`. */
function ofCampaign(whose: CampaignId | null): string {
  return whose === null ? "campaign_id is null" : "campaign_id = $1";
}

/**
 * An attempt may have sent its message when it ended as unknown and nothing has been proven since, or was taken
 * after it had been given up. What is known of the last call is in the message's state.
 */
const MAY_HAVE_BEEN_SENT = `exists (
  select from volley.attempt a
  where a.message_id = m.id
    and ((a.outcome = 'unknown' and not a.late and (a.settled_as is null or a.settled_as in ('resent', 'kept')))
      or (a.outcome = 'accepted' and a.late))
    and not (a.call_id = m.call_id and m.state in ('undelivered', 'rejected')))`;

const FIND_FAILED = `
  select m.id, m.recipient, m.text, m.field_values, c.class, c.sender, c.accounts, c.zones,
    exists (select from volley.retry r where r.message_id = m.id) as is_retried,
    ${isSuppressed({ recipient: "m.recipient", messageClass: "c.class", exempt: "$7" })} as is_suppressed,
    case
      when exists (select from volley.report r where r.joined_id = m.id and r.state = 'delivered') then 'yes'
      when m.state = 'unknown' or ${MAY_HAVE_BEEN_SENT} then 'maybe'
      else 'no' end as was_received
  from volley.chunk c join volley.message m on m.chunk_id = c.id
  where c.id = any($1::bigint[]) and m.chunk_id = any($1::bigint[])
    and m.state = any($2::volley.message_state[])
    and (cardinality($3::text[]) = 0 or m.reason = any($3))
    and ($4::text is null or coalesce(m.account, c.account) = $4)
    and ($5::timestamptz is null or m.changed_at >= $5)
    and ($6::timestamptz is null or m.changed_at < $6)
  order by c.id, m.position, m.id`;

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
    insert into volley.chunk (id, campaign_id, account, accounts, class, sender, zones, state, messages)
    overriding system value
    select next.id, $1, ($2::text[])[1], $2, $3, $4, $5,
      case when $1::uuid is null then 'released'::volley.chunk_state else 'waiting' end, c.messages
    from next, (select count(*) as messages from accepted) as c where c.messages > 0
    returning id, account
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
    from moved where a.message_id = moved.id and a.outcome = 'unknown' and not a.late and a.settled_at is null
  ),
  ${countMoves({ from: "unknown", moved: "moved", slot: "$10" })},
  ${writeMessageEvents({ moved: "moved" })}
  select (select id from added), (select account from added), (select count(*) from accepted) as accepted,
    (select count(*) from free) as free, ($1::uuid is not null and not exists (select from draft)) as closed`;

type AddedRow = { id: ChunkId | null; account: string; accepted: string; free: string; closed: boolean };

type FailedRow = {
  id: MessageId;
  recipient: string;
  text: string | null;
  field_values: string[] | null;
  class: MessageClass;
  sender: string | null;
  accounts: string[];
  zones: TimeZone[];
  is_retried: boolean;
  is_suppressed: boolean;
  was_received: FailedMessage["wasReceived"];
};

function toFailedMessage(row: FailedRow): FailedMessage {
  return {
    id: row.id,
    to: row.recipient,
    text: row.text === null ? null : sensitive(row.text),
    values: row.field_values?.map((value) => sensitive(value)) ?? null,
    class: row.class,
    sender: row.sender,
    accounts: row.accounts,
    zones: row.zones,
    isRetried: row.is_retried,
    isSuppressed: row.is_suppressed,
    wasReceived: row.was_received,
  };
}
