// [6] How the whole stands, in figures for an operator's graphs: by account and state, and nobody named.
//
// Read every few seconds, so nothing here looks through the messages: campaigns keep counts, and what is not in order
// stands in small tables or indexes. Each figure stops at a bound all the same.

import type { Pool } from "pg";
import type { MessageState } from "../domain/message.ts";

export type Standing = {
  /** Of campaigns that are under way or ended within a day. Account "*": of several. */
  readonly campaigns: readonly {
    readonly account: string;
    readonly state: MessageState;
    readonly messages: number;
  }[];
  /** Chunks whose time has come. waiting: for their campaign's window or its pause; released: in the queue's hands. */
  readonly backlog: readonly {
    readonly account: string;
    readonly state: "waiting" | "released";
    readonly chunks: number;
    readonly messages: number;
    readonly oldestSeconds: number;
  }[];
  readonly unknowns: readonly {
    readonly account: string;
    /** False: only a person or a report can settle them. */
    readonly settling: boolean;
    readonly messages: number;
  }[];
  readonly overdue: readonly { readonly account: string; readonly messages: number }[];
  readonly inboxUnread: number;
  readonly deliveriesWaiting: number;
};

const COUNTED_MAX = 50_000;
const CAMPAIGNS_MAX = 5_000;

/** One statement after the other, so that it never holds more than one connection. */
export async function readStanding(pool: Pool): Promise<Standing> {
  const { rows: campaigns } = await pool.query<CampaignRow>(CAMPAIGNS, [CAMPAIGNS_MAX]);
  const { rows: backlog } = await pool.query<BacklogRow>(BACKLOG, [COUNTED_MAX]);
  const { rows: unknowns } = await pool.query<UnknownRow>(UNKNOWNS, [COUNTED_MAX]);
  const { rows: overdue } = await pool.query<{ account: string; messages: string }>(
    `select account, count(*) as messages from (select account from volley.overdue limit $1) as o
     group by account`,
    [COUNTED_MAX],
  );
  const { rows: single } = await pool.query<{ unread: string; deliveries: string }>(
    `select
       (select count(*) from (select from volley.inbox where read_at is null limit $1) as i) as unread,
       (select count(*) from (select from volley.delivery where state = 'waiting' limit $1) as d) as deliveries`,
    [COUNTED_MAX],
  );
  return {
    campaigns: campaigns.map((row) => ({ ...row, messages: Number(row.messages) })),
    backlog: backlog.map((row) => ({
      account: row.account,
      state: row.state,
      chunks: Number(row.chunks),
      messages: Number(row.messages),
      oldestSeconds: row.oldest_seconds,
    })),
    unknowns: unknowns.map((row) => ({ ...row, messages: Number(row.messages) })),
    overdue: overdue.map((row) => ({ ...row, messages: Number(row.messages) })),
    inboxUnread: Number(single[0]?.unread ?? 0),
    deliveriesWaiting: Number(single[0]?.deliveries ?? 0),
  };
}

const CAMPAIGNS = `
  with live as materialized (
    select id, case when cardinality(accounts) = 1 then accounts[1] else '*' end as account
    from volley.campaign
    where (finished_at is null or finished_at > now() - interval '1 day') and state <> 'draft'
    order by id desc limit $1
  )
  select live.account, cc.state, sum(cc.messages) as messages
  from live join volley.campaign_count cc on cc.campaign_id = live.id
  group by live.account, cc.state having sum(cc.messages) <> 0`;

/** Messages are those that the chunk was made with. */
const BACKLOG = `
  select account, state, count(*) as chunks, sum(messages) as messages,
    extract(epoch from now() - min(due_at))::float8 as oldest_seconds
  from (
    (select account, state, messages, due_at from volley.chunk
     where state = 'released' and due_at <= now() limit $1)
    union all
    (select c.account, c.state, c.messages, c.due_at
     from volley.chunk c join volley.campaign k on k.id = c.campaign_id
     where c.state = 'waiting' and c.due_at <= now() and k.state in ('running', 'paused') limit $1)
    union all
    (select account, state, messages, due_at from volley.chunk
     where state = 'waiting' and campaign_id is null and due_at <= now() limit $1)
  ) as due
  group by account, state`;

const UNKNOWNS = `
  select account, settling, count(*) as messages
  from (
    select a.account, a.settled_at is null and a.settle_at is not null as settling
    from volley.attempt a join volley.message m on m.id = a.message_id and m.call_id = a.call_id and m.state = 'unknown'
    where a.outcome = 'unknown' and not a.late limit $1
  ) as u
  group by account, settling`;

type CampaignRow = { account: string; state: MessageState; messages: string };
type BacklogRow = {
  account: string;
  state: "waiting" | "released";
  chunks: string;
  messages: string;
  oldest_seconds: number;
};
type UnknownRow = { account: string; settling: boolean; messages: string };
