// [6] Events as people handle them: what was delivered to an endpoint and how, a test, a replay, and their end.

import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import type { EndpointId } from "../domain/endpoint.ts";
import { type EventBody, TEST_EVENT } from "../domain/event.ts";
import type { TakenDelivery } from "./deliveries.ts";

export type DeliveryState = "waiting" | "delivered" | "failed";

export type DeliveryEntry = {
  readonly eventId: string;
  readonly type: string;
  readonly happenedAt: Date;
  readonly state: DeliveryState;
  readonly tries: number;
  readonly triedAt: Date | null;
  /** The last answer's status; null: there was none. */
  readonly status: number | null;
  readonly reason: string | null;
  /** For one that waits. */
  readonly dueAt: Date | null;
};

export type DeliveryPage = { readonly deliveries: readonly DeliveryEntry[]; readonly next: string | null };

const PAGE_ROWS_MAX = 500;
const REPLAY_ROWS_MAX = 10_000;
const SEQ_FORM = /^\d{1,18}$/;

export function createEvents(pool: Pool) {
  return {
    /** An event for this endpoint alone, taken by the caller. Null: there is no such endpoint. */
    async addTest(endpoint: EndpointId, { leaseMs }: { leaseMs: number }): Promise<TakenDelivery | null> {
      const lease = randomUUID();
      const { rows } = await pool.query<{ seq: string; id: string; created_at: Date }>(
        `with written as (
           insert into volley.event (type, data)
           select $4, jsonb_build_object('endpoint', id) from volley.endpoint where id = $1
           returning seq, id, created_at
         ),
         taken as (
           insert into volley.delivery (endpoint_id, event_seq, lease, due_at)
           select $1, seq, $2, now() + $3 * interval '1 ms' from written
         )
         select seq, id, created_at from written`,
        [endpoint, lease, leaseMs, TEST_EVENT],
      );
      const row = rows[0];
      if (row === undefined) return null;
      const timestamp = row.created_at.toISOString();
      const body: EventBody = { type: TEST_EVENT, timestamp, data: { endpoint } };
      return { endpointId: endpoint, eventSeq: row.seq, lease, tries: 0, eventId: row.id, body };
    },

    /**
     * Delivers again what happened since then, of the types that the endpoint wants, whatever became of it before
     * and whether the endpoint was to hear of it then or not. Answers how many.
     */
    async replay(endpoint: EndpointId, since: Date): Promise<number> {
      let after = "0";
      let events = 0;
      for (;;) {
        const { rows } = await pool.query<{ last: string | null; events: string }>(
          `with next as (
             select e.seq, coalesce(e.message_id, e.subject, e.campaign_id) as subject
             from volley.event e join volley.endpoint p on p.id = $1 and e.type = any(p.events)
             where e.created_at >= $2 and e.seq > $3
             order by e.seq limit $4
           ),
           written as (
             insert into volley.delivery as d (endpoint_id, event_seq, subject)
             select $1, seq, subject from next order by seq
             on conflict (endpoint_id, event_seq) do update
             set state = 'waiting', tries = 0, due_at = now(), lease = null
             where d.state <> 'waiting'
             returning 1
           )
           select (select max(seq) from next) as last, (select count(*) from written) as events`,
          [endpoint, since, after, REPLAY_ROWS_MAX],
        );
        const page = rows[0];
        events += Number(page?.events ?? 0);
        if (page === undefined || page.last === null) return events;
        after = page.last;
      }
    },

    /** Newest events first; `before` is the `next` of the page before. Null: that is no such mark. */
    async list(
      endpoint: EndpointId,
      page: { before?: string | undefined; limit: number },
    ): Promise<DeliveryPage | null> {
      if (page.before !== undefined && !SEQ_FORM.test(page.before)) return null;
      const limit = Math.max(1, Math.min(page.limit, PAGE_ROWS_MAX));
      const { rows } = await pool.query<EntryRow>(
        `select d.event_seq, e.id, e.type, e.created_at, d.state, d.tries, d.tried_at, d.last_status,
           d.last_reason, d.due_at
         from volley.delivery d join volley.event e on e.seq = d.event_seq
         where d.endpoint_id = $1 and ($2::bigint is null or d.event_seq < $2)
         order by d.event_seq desc limit $3`,
        [endpoint, page.before ?? null, limit],
      );
      return {
        deliveries: rows.map(toEntry),
        next: rows.length < limit ? null : (rows.at(-1)?.event_seq ?? null),
      };
    },

    /** Forgets the oldest events, delivered or not; answers how many. Looks at one row while there are none so old. */
    async prune({ olderThanMs, limit }: { olderThanMs: number; limit: number }): Promise<number> {
      const { rowCount } = await pool.query(
        `with old as materialized (
           select seq from (select seq, created_at from volley.event order by seq limit $2) as oldest
           where created_at < now() - $1 * interval '1 ms'
             and (select created_at from volley.event order by seq limit 1) < now() - $1 * interval '1 ms'
         ),
         deliveries as (
           delete from volley.delivery d using volley.endpoint p, old
           where d.endpoint_id = p.id and d.event_seq = old.seq
         )
         delete from volley.event e using old where e.seq = old.seq`,
        [olderThanMs, limit],
      );
      return rowCount ?? 0;
    },
  };
}

type EntryRow = {
  event_seq: string;
  id: string;
  type: string;
  created_at: Date;
  state: DeliveryState;
  tries: number;
  tried_at: Date | null;
  last_status: number | null;
  last_reason: string | null;
  due_at: Date;
};

function toEntry(row: EntryRow): DeliveryEntry {
  return {
    eventId: row.id,
    type: row.type,
    happenedAt: row.created_at,
    state: row.state,
    tries: row.tries,
    triedAt: row.tried_at,
    status: row.last_status,
    reason: row.last_reason,
    dueAt: row.state === "waiting" ? row.due_at : null,
  };
}
