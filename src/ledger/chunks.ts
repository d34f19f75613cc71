// [6] Chunks: the unit of work. A chunk waits, is released into the queue's window, is claimed by one worker
// at a time under a lease that the database's clock ends, and is done when none of its messages is open.
//
//   waiting --release--> released --claim--> (leased) --finish--> done
//      ^                                        |----> released, due later (a retry is due, or work is left)
//      '----------------------------------------'      its campaign is paused

import type { Pool } from "pg";
import type { StoredMessage } from "../domain/batch.ts";
import type { ChunkId } from "../domain/campaign.ts";
import type { CampaignId, MessageClass, MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import { withTransaction } from "../platform/postgres.ts";
import { countMoves } from "./count-moves.ts";
import { type RerouteTo, rerouteChunk } from "./reroute.ts";
import { MESSAGE_COLUMNS, type MessageRow, toStoredMessage } from "./stored-message.ts";
import { type Exemption, isSuppressed } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type NewMessage = {
  readonly id: MessageId;
  readonly to: PhoneNumber;
  readonly position: number;
  readonly segments: number;
  /** A single message's own text; null in a campaign. */
  readonly text: Sensitive<string> | null;
  /** A campaign recipient's values in the order of the template's fields; null for a single message. */
  readonly values: readonly string[] | null;
};

export type NewChunk = {
  readonly campaignId: CampaignId | null;
  /** Of its route, in order of preference; the first sends. */
  readonly accounts: readonly string[];
  readonly class: MessageClass;
  readonly sender: string | null;
  readonly state: "waiting" | "released";
  readonly messages: readonly NewMessage[];
};

/** A chunk that this worker owns until the lease ends. */
export type ClaimedChunk = {
  readonly id: ChunkId;
  readonly lease: string;
  readonly account: string;
  /** Those that may send it, in order of preference. */
  readonly accounts: readonly string[];
  readonly class: MessageClass;
  readonly sender: string | null;
  readonly campaignId: CampaignId | null;
  readonly template: string | null;
  /** Attempts that the worker before left open; they are `unknown` now. */
  readonly fenced: number;
};

export type ReleasedChunk = { readonly id: ChunkId; readonly account: string; readonly class: MessageClass };

export type FinishedChunk =
  | { readonly state: "done" | "waiting" }
  /** Work is left: a retry, or an attempt whose end is not known yet. */
  | { readonly state: "released"; readonly dueInMs: number };

export function createChunks(pool: Pool, { slot, exemptClasses }: Exemption & { readonly slot: number }) {
  return {
    /**
     * Inserts a chunk with its messages. A message whose id stands already is a duplicate and is left out, a
     * suppressed recipient too; a chunk that keeps nobody is not created.
     */
    async add(chunk: NewChunk): Promise<{ id: ChunkId | null; accepted: number; suppressed: number }> {
      const { messages } = chunk;
      const { rows } = await pool.query<{ id: ChunkId | null; accepted: string; suppressed: string }>({
        name: "add-chunk",
        text: `
          with next as materialized (select nextval('volley.chunk_id_seq') as id),
          given as (
            select * from unnest($5::uuid[], $6::text[], $7::integer[], $8::smallint[], $9::text[], $10::jsonb[])
              as g (id, recipient, position, segments, text, field_values)
          ),
          wanted as (
            select * from given where not ${isSuppressed({
              recipient: "given.recipient",
              messageClass: "$3::volley.message_class",
              exempt: "$12",
            })}
          ),
          accepted as (
            insert into volley.message (id, chunk_id, recipient, position, segments, text, field_values)
            select w.id, next.id, w.recipient, w.position, w.segments, w.text, w.field_values from wanted w, next
            -- In one order everywhere, for two chunks that hold the same people would else wait for each other.
            order by w.id, w.position
            on conflict (id) do nothing
            returning 1
          ),
          chunk as (
            insert into volley.chunk (id, campaign_id, account, accounts, class, sender, state, messages)
            overriding system value
            select next.id, $1, ($2::text[])[1], $2, $3, $4, $11, (select count(*) from accepted) from next
            where exists (select from accepted)
            returning id
          )
          select (select id from chunk), (select count(*) from accepted) as accepted,
            (select count(*) from given) - (select count(*) from wanted) as suppressed`,
        values: [
          chunk.campaignId,
          chunk.accounts,
          chunk.class,
          chunk.sender,
          messages.map((message) => message.id),
          messages.map((message) => message.to),
          messages.map((message) => message.position),
          messages.map((message) => message.segments),
          messages.map((message) => message.text?.reveal() ?? null),
          messages.map((message) => (message.values === null ? null : JSON.stringify(message.values))),
          chunk.state,
          exemptClasses,
        ],
      });
      const row = rows[0];
      return {
        id: row?.id ?? null,
        accepted: Number(row?.accepted ?? 0),
        suppressed: Number(row?.suppressed ?? 0),
      };
    },

    /** Fills a running campaign's window, per account, with its next chunks. */
    async release(campaignId: CampaignId, windowChunks: number): Promise<ReleasedChunk[]> {
      const { rows } = await pool.query<ReleasedChunk>({
        name: "release-chunks",
        text: `
          with next as (
            select picked.id
            from volley.campaign c
            cross join lateral unnest(c.accounts) as a (name)
            cross join lateral (
              select id from volley.chunk
              where campaign_id = c.id and account = a.name and state = 'waiting'
              order by id
              limit greatest(0, $2 - (
                select count(*) from volley.chunk
                where campaign_id = c.id and account = a.name and state = 'released'
              ))
              for update skip locked
            ) as picked
            where c.id = $1 and c.state = 'running'
          )
          update volley.chunk set state = 'released', due_at = now()
          from next where chunk.id = next.id
          returning chunk.id, chunk.account, chunk.class`,
        values: [campaignId, windowChunks],
      });
      return rows.toSorted((one, other) => Number(one.id) - Number(other.id));
    },

    /**
     * Makes this worker the chunk's owner, or answers null: someone else holds it, or nothing is left to do.
     * Attempts that an owner whose lease ran out left open become `unknown` in the same statement, because
     * nobody is left who could say how they ended.
     */
    async claim(
      id: ChunkId,
      claim: {
        readonly lease: string;
        readonly leaseMs: number;
        readonly settleInMs: Readonly<Record<MessageClass, number | null>>;
      },
    ): Promise<ClaimedChunk | null> {
      const { rows } = await pool.query<ClaimRow>({
        name: "claim-chunk",
        text: `
          with claimed as (
            update volley.chunk
            set lease = $2, lease_until = now() + $3 * interval '1 ms'
            where id = $1 and state = 'released' and due_at <= now() and (lease is null or lease_until <= now())
            returning id, campaign_id, account, accounts, class, sender
          ),
          fenced as (
            update volley.message m
            set state = 'unknown', reason = 'worker-lost', changed_at = now()
            from claimed where m.chunk_id = claimed.id and m.state = 'sending'
            returning m.id, m.state, m.reason, m.attempts, m.account, m.call_id, m.opened_at, claimed.campaign_id
          ),
          noted as (
            insert into volley.attempt
              (message_id, campaign_id, chunk_id, number, account, call_id, opened_at, outcome, reason, settle_at)
            select f.id, c.campaign_id, c.id, f.attempts, f.account, f.call_id, f.opened_at, 'unknown', 'worker-lost',
              now() + ($4::jsonb ->> c.class::text)::float8 * interval '1 ms'
            from fenced f, claimed c
          ),
          ${countMoves({ from: "sending", moved: "fenced", slot: "$5" })},
          ${writeMessageEvents({ moved: "fenced" })}
          select c.id, c.campaign_id, c.account, c.accounts, c.class, c.sender, campaign.template,
            (select count(*) from fenced) as fenced
          from claimed c left join volley.campaign on campaign.id = c.campaign_id`,
        values: [id, claim.lease, claim.leaseMs, JSON.stringify(claim.settleInMs), slot],
      });
      const row = rows[0];
      if (row === undefined) return null;
      return {
        id: row.id,
        lease: claim.lease,
        account: row.account,
        accounts: row.accounts,
        class: row.class,
        sender: row.sender,
        campaignId: row.campaign_id,
        template: row.template,
        fenced: Number(row.fenced),
      };
    },

    /** The chunk's messages that are due, in the order of the file. */
    async load(id: ChunkId): Promise<StoredMessage[]> {
      const { rows } = await pool.query<MessageRow>({
        name: "load-chunk",
        text: `
          select ${MESSAGE_COLUMNS} from volley.message m
          where m.chunk_id = $1 and m.state = 'queued' and (m.due_at is null or m.due_at <= now())
          order by m.position, m.id`,
        values: [id],
      });
      return rows.map(toStoredMessage);
    },

    reroute: (chunk: ClaimedChunk, to: RerouteTo) => rerouteChunk(pool, chunk, to),

    /** Keeps the leases of a living worker alive, in one statement; answers the chunks that are still its own. */
    async extendLeases(leases: readonly string[], leaseMs: number): Promise<string[]> {
      const { rows } = await pool.query<{ lease: string }>({
        name: "extend-leases",
        text: `
          update volley.chunk set lease_until = now() + $2 * interval '1 ms'
          where lease = any($1::uuid[]) and state = 'released' returning lease`,
        values: [leases, leaseMs],
      });
      return rows.map((row) => row.lease);
    },

    /** Gives the chunk back: done, due again, or waiting for its paused campaign. Null: it was not ours any more. */
    async finish(chunk: ClaimedChunk, leaseMs: number): Promise<FinishedChunk | null> {
      const finish = {
        name: "finish-chunk",
        text: `
          with open as (
            select count(*) filter (where state = 'queued') as queued,
              count(*) filter (where state = 'sending') as sending,
              min(coalesce(due_at, now())) filter (where state = 'queued') as due_at
            from volley.message where chunk_id = $1 and state in ('queued', 'sending')
          )
          update volley.chunk
          set lease = null, lease_until = null,
            state = case
              when open.queued + open.sending = 0 then 'done'::volley.chunk_state
              when open.sending = 0 and exists (
                select from volley.campaign where id = chunk.campaign_id and state <> 'running'
              ) then 'waiting'
              else 'released' end,
            -- An attempt that is still open belongs to a worker that lost the chunk; look again when it must have ended.
            due_at = coalesce(open.due_at, now() + $3 * interval '1 ms'),
            done_at = case when open.queued + open.sending = 0 then now() end, overdue_checked_at = null
          from open
          where chunk.id = $1 and chunk.lease = $2
          returning chunk.state, extract(epoch from chunk.due_at - now()) * 1000 as due_in_ms`,
        values: [chunk.id, chunk.lease, leaseMs],
      };
      // Locked first, in a statement of its own: the count of what is open must see whatever reopen-work.ts did.
      const row = await withTransaction(pool, async (client) => {
        await client.query("select from volley.chunk where id = $1 for no key update", [chunk.id]);
        const { rows } = await client.query<FinishedRow>(finish);
        return rows[0];
      });
      if (row === undefined) return null;
      return row.state === "released"
        ? { state: row.state, dueInMs: Math.max(0, Number(row.due_in_ms)) }
        : { state: row.state };
    },

    /** Released chunks that are due and that nobody holds: what the queue should hold, whatever it lost. */
    async due(limit: number): Promise<ReleasedChunk[]> {
      const { rows } = await pool.query<ReleasedChunk>(
        `select id, account, class from volley.chunk
         where state = 'released' and due_at <= now() and (lease is null or lease_until <= now())
         order by due_at limit $1`,
        [limit],
      );
      return rows;
    },
  };
}

type FinishedRow = { state: "done" | "waiting" | "released"; due_in_ms: number };

type ClaimRow = {
  id: ChunkId;
  campaign_id: CampaignId | null;
  account: string;
  accounts: string[];
  class: MessageClass;
  sender: string | null;
  template: string | null;
  fenced: string;
};
