// [6] Deliveries: which event is still to reach which endpoint, and how each try ended.
//
//   waiting --take--> (leased) --record--> delivered | waiting, due later | failed (given up)
//      ^                 '-- its lease ends (the process died): waiting again, so it may be delivered twice
//      '---- replay -------- delivered | failed
//
// Events of one subject (a message, a campaign) reach an endpoint in their order: a later one is not taken while an
// earlier one waits. Other subjects go on.

import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import type { EndpointId } from "../domain/endpoint.ts";
import type { EventBody } from "../domain/event.ts";
import { EVENT_COLUMNS, EVENT_SOURCES, type EventRow, toEventBody } from "./event-body.ts";
import { createGroupCommit } from "./group-commit.ts";

/** A delivery that this process may try until the lease ends. */
export type TakenDelivery = {
  readonly endpointId: EndpointId;
  readonly eventSeq: string;
  readonly lease: string;
  /** Tries that ended before this one. */
  readonly tries: number;
  readonly eventId: string;
  readonly body: EventBody;
};

export type DeliveryEnd = Pick<TakenDelivery, "endpointId" | "eventSeq" | "lease"> & {
  readonly delivered: boolean;
  /** Null: there was no answer. */
  readonly status: number | null;
  readonly reason: string | null;
  /** For one that failed: when it is tried again; null: given up. */
  readonly againInMs: number | null;
};

/** How the endpoint stands after a try, both by the database's clock. */
export type EndpointHealth = { readonly failingSince: Date | null; readonly now: Date };

const GROUP_ROWS_MAX = 500;

export function createDeliveries(pool: Pool) {
  const ends = createGroupCommit((group: readonly DeliveryEnd[]) => recordRows(pool, group), {
    itemsMax: GROUP_ROWS_MAX,
  });
  return {
    /** Takes deliveries of one endpoint whose time has come; they come back when the lease ends. */
    take: (endpoint: EndpointId, options: { limit: number; leaseMs: number }) =>
      takeRows(pool, endpoint, options),

    /** Gathered into one statement with the ends of other tries. */
    record: (end: DeliveryEnd): Promise<EndpointHealth> => ends.submit(end),

    /** Those that were taken but not tried. */
    async giveBack(taken: readonly TakenDelivery[]): Promise<void> {
      await pool.query(
        `update volley.delivery d set lease = null, due_at = now()
         from unnest($1::uuid[], $2::bigint[], $3::uuid[]) as g (endpoint_id, event_seq, lease)
         where d.endpoint_id = g.endpoint_id and d.event_seq = g.event_seq and d.lease = g.lease
           and d.state = 'waiting'`,
        identityArrays(taken),
      );
    },
  };
}

async function takeRows(
  pool: Pool,
  endpointId: EndpointId,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<TakenDelivery[]> {
  const lease = randomUUID();
  const { rows } = await pool.query<TakenRow>({
    name: "take-deliveries",
    text: `
      with next as (
        select d.event_seq from volley.delivery d
        where d.endpoint_id = $1 and d.state = 'waiting' and d.due_at <= now()
          and exists (select from volley.endpoint p where p.id = $1 and p.enabled)
          and (d.subject is null or not exists (
            select from volley.delivery earlier
            where earlier.endpoint_id = d.endpoint_id and earlier.subject = d.subject
              and earlier.state = 'waiting' and earlier.event_seq < d.event_seq
          ))
        order by d.due_at, d.event_seq limit $2 for update of d skip locked
      ),
      taken as (
        update volley.delivery d set lease = $3, due_at = now() + $4 * interval '1 ms'
        from next where d.endpoint_id = $1 and d.event_seq = next.event_seq
        returning d.event_seq, d.tries
      )
      select t.event_seq, t.tries, ${EVENT_COLUMNS}
      from taken t join volley.event e on e.seq = t.event_seq ${EVENT_SOURCES}
      order by t.event_seq`,
    values: [endpointId, limit, lease, leaseMs],
  });
  return rows.map((row) => ({
    endpointId,
    eventSeq: row.event_seq,
    lease,
    tries: row.tries,
    eventId: row.id,
    body: toEventBody(row),
  }));
}

/**
 * A delivery counts whoever made it; a failure only of the lease's holder. What waits behind an event becomes due
 * with it, so that nobody looks again and again at events that may not go yet.
 */
async function recordRows(pool: Pool, group: readonly DeliveryEnd[]): Promise<EndpointHealth[]> {
  const { rows } = await pool.query<HealthRow>({
    name: "record-deliveries",
    text: `
      with given as (
        select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::boolean[], $5::smallint[], $6::text[],
            $7::float8[])
          as g (endpoint_id, event_seq, lease, delivered, status, reason, again_in_ms)
      ),
      recorded as (
        update volley.delivery d
        set state = case
            when g.delivered then 'delivered'::volley.delivery_state
            when g.again_in_ms is null then 'failed'
            else 'waiting' end,
          tries = d.tries + 1, tried_at = now(), last_status = g.status, last_reason = g.reason, lease = null,
          due_at = now() + coalesce(g.again_in_ms, 0) * interval '1 ms'
        from given g
        where d.endpoint_id = g.endpoint_id and d.event_seq = g.event_seq and d.state = 'waiting'
          and (g.delivered or d.lease = g.lease)
        returning d.endpoint_id, d.event_seq, d.subject, d.due_at
      ),
      followed as (
        update volley.delivery behind set due_at = r.due_at
        from recorded r
        where behind.endpoint_id = r.endpoint_id and behind.subject = r.subject and behind.state = 'waiting'
          and behind.event_seq > r.event_seq and behind.lease is null
          and (behind.endpoint_id, behind.event_seq) not in (select endpoint_id, event_seq from given)
      ),
      verdict as (
        select endpoint_id, bool_or(delivered) as delivered from given group by endpoint_id
      ),
      turned as (
        -- In one order everywhere, or two processes would wait for each other.
        select p.id, v.delivered from volley.endpoint p join verdict v on v.endpoint_id = p.id
        where v.delivered = (p.failing_since is not null)
        order by p.id for update of p
      ),
      marked as (
        update volley.endpoint p set failing_since = case when t.delivered then null else now() end
        from turned t where p.id = t.id
      )
      select v.endpoint_id, now() as now,
        case when v.delivered then null else coalesce(p.failing_since, now()) end as failing_since
      from verdict v left join volley.endpoint p on p.id = v.endpoint_id`,
    values: [
      ...identityArrays(group),
      group.map((one) => one.delivered),
      group.map((one) => one.status),
      group.map((one) => one.reason),
      group.map((one) => one.againInMs),
    ],
  });
  const health = new Map(
    rows.map((row) => [row.endpoint_id, { failingSince: row.failing_since, now: row.now }]),
  );
  return group.flatMap((one) => health.get(one.endpointId) ?? []);
}

function identityArrays(
  rows: readonly Pick<TakenDelivery, "endpointId" | "eventSeq" | "lease">[],
): unknown[][] {
  return [rows.map((row) => row.endpointId), rows.map((row) => row.eventSeq), rows.map((row) => row.lease)];
}

type TakenRow = EventRow & { event_seq: string; tries: number };
type HealthRow = { endpoint_id: EndpointId; failing_since: Date | null; now: Date };
