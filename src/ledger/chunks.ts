// [6] Chunks: the unit of work. A chunk waits, is released into the queue's window, is claimed by one worker
// at a time under a lease that the database's clock ends, and is done when none of its messages is open.
//
//   waiting --release--> released --claim--> (leased) --finish--> done
//      ^                                        |----> released, due later (a retry is due, or work is left)
//      '----------------------------------------'      its campaign is paused, its people sleep, or its time is to come

import type { Pool } from "pg";
import type { StoredMessage } from "../domain/batch.ts";
import type { ChunkId, ReleasedChunk } from "../domain/campaign.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import { ROUNDS_APART } from "../domain/urgency.ts";
import { withTransaction } from "../platform/postgres.ts";
import { addChunk, type NewChunk } from "./add-chunk.ts";
import { countMoves } from "./count-moves.ts";
import { releaseDueChunks } from "./due-chunks.ts";
import { type RerouteTo, rerouteChunk } from "./reroute.ts";
import { roundOn } from "./rounds.ts";
import { MESSAGE_COLUMNS, type MessageRow, toStoredMessage } from "./stored-message.ts";
import type { Exemption } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

/** A chunk that this worker owns until the lease ends. */
export type ClaimedChunk = {
  readonly id: ChunkId;
  readonly lease: string;
  readonly account: string;
  /** Those that may send it, in order of preference. */
  readonly accounts: readonly string[];
  readonly class: MessageClass;
  /** When it was made. */
  readonly messages: number;
  readonly sender: string | null;
  readonly campaignId: CampaignId | null;
  readonly template: string | null;
  /** All its people live in these; empty: nobody knows. */
  readonly zones: readonly TimeZone[];
  /** By the database's clock. */
  readonly claimedAtMs: number;
  /** Attempts that the worker before left open; they are `unknown` now. */
  readonly fenced: number;
};

export type FinishedChunk =
  | { readonly state: "done" | "waiting" }
  /** Work is left: a retry, or an attempt whose end is not known yet. */
  | { readonly state: "released"; readonly dueInMs: number };

export function createChunks(pool: Pool, { slot, exemptClasses }: Exemption & { readonly slot: number }) {
  return {
    add: (chunk: NewChunk) => addChunk(pool, { exemptClasses }, chunk),

    /** Fills a running campaign's window, per account, with its next chunks, a round or more after those before. */
    async release(campaignId: CampaignId, windowChunks: number): Promise<ReleasedChunk[]> {
      const { rows } = await pool.query<ReleasedChunk>({
        name: "release-chunks",
        text: `
          with next as (
            select picked.id, line.last_round + class.rounds_apart *
              row_number() over (partition by a.name order by picked.due_at, picked.id) as round
            from volley.campaign c
            cross join lateral unnest(c.accounts) as a (name)
            cross join lateral (select ($3::jsonb ->> c.class::text)::integer as rounds_apart) as class
            cross join lateral (
              select count(*) as chunks,
                greatest(max(round), ${roundOn("a.name")} - class.rounds_apart) as last_round
              from volley.chunk
              where campaign_id = c.id and account = a.name and state = 'released'
            ) as line
            cross join lateral (
              select id, due_at from volley.chunk
              where campaign_id = c.id and account = a.name and state = 'waiting' and due_at <= now()
              order by due_at, id
              limit greatest(0, $2 - line.chunks)
              for update skip locked
            ) as picked
            where c.id = $1 and c.state = 'running'
          )
          update volley.chunk set state = 'released', round = next.round
          from next where chunk.id = next.id
          returning chunk.id, chunk.account, chunk.class, chunk.messages, chunk.round`,
        values: [campaignId, windowChunks, JSON.stringify(ROUNDS_APART)],
      });
      return rows.toSorted((one, other) => Number(one.id) - Number(other.id));
    },

    /**
     * Makes this worker the chunk's owner, or answers null: someone else holds it, or nothing is left to do.
     * Attempts that an owner whose lease ran out left open become `unknown` in the same statement, because
     * nobody is left who could say how they ended. Messages whose time has come become `queued`.
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
            returning id, campaign_id, account, accounts, class, messages, sender, zones, scheduled
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
          woken as (
            update volley.message m
            set state = 'queued', due_at = null, changed_at = now()
            from claimed where claimed.scheduled > 0
              and m.chunk_id = claimed.id and m.state = 'scheduled' and m.due_at <= now()
            returning m.state, claimed.campaign_id
          ),
          shifted as (
            select campaign_id, state, 'sending'::volley.message_state as before from fenced
            union all
            select campaign_id, state, 'scheduled' from woken
          ),
          ${countMoves({ from: { column: "before" }, moved: "shifted", slot: "$5" })},
          ${writeMessageEvents({ moved: "fenced" })}
          select c.id, c.campaign_id, c.account, c.accounts, c.class, c.messages, c.sender, c.zones, campaign.template,
            floor(extract(epoch from now()) * 1000)::float8 as now_ms, (select count(*) from fenced) as fenced
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
        messages: row.messages,
        sender: row.sender,
        zones: row.zones,
        claimedAtMs: row.now_ms,
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

    /** Those outside of campaigns; campaigns release their own. */
    releaseDue: (limit: number): Promise<ReleasedChunk[]> => releaseDueChunks(pool, limit),

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

    /**
     * Gives the chunk back: done, due again, or waiting: for its paused campaign, for its messages' time, or for
     * `notBefore`. Null: it was not ours any more.
     */
    async finish(
      chunk: ClaimedChunk,
      leaseMs: number,
      notBefore: Date | null = null,
    ): Promise<FinishedChunk | null> {
      const finish = {
        name: "finish-chunk",
        text: `
          with open as (
            select count(*) filter (where state = 'queued') as queued,
              count(*) filter (where state = 'sending') as sending,
              count(*) filter (where state = 'scheduled') as scheduled,
              min(coalesce(due_at, now())) filter (where state in ('queued', 'scheduled')) as due_at
            from volley.message where chunk_id = $1 and state in ('queued', 'sending', 'scheduled')
          )
          update volley.chunk
          set lease = null, lease_until = null,
            state = case
              when open.queued + open.sending + open.scheduled = 0 then 'done'::volley.chunk_state
              when open.sending = 0 and (
                open.queued = 0
                or $4::timestamptz > now()
                or exists (select from volley.campaign where id = chunk.campaign_id and state <> 'running')
              ) then 'waiting'
              else 'released' end,
            -- An attempt that is still open belongs to a worker that lost the chunk; look again when it must have ended.
            due_at = greatest($4, coalesce(open.due_at, now() + $3 * interval '1 ms')),
            done_at = case when open.queued + open.sending + open.scheduled = 0 then now() end,
            overdue_checked_at = null
          from open
          where chunk.id = $1 and chunk.lease = $2
          returning chunk.state, extract(epoch from chunk.due_at - now()) * 1000 as due_in_ms`,
        values: [chunk.id, chunk.lease, leaseMs, notBefore],
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
        `select id, account, class, messages, round from volley.chunk
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
  messages: number;
  sender: string | null;
  zones: TimeZone[];
  now_ms: number;
  template: string | null;
  fenced: string;
};
