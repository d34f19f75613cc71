// [6] Delivery reports: which message each is about, and what it moves.
//
//   stored --join--> joined, moved its message | joined, moved nothing (late, doubled, not final)
//      ^   |--> its message is still being recorded, or nobody knows it yet: tried again, ever less often
//      '---'--> after a day a stranger: kept and shown, never guessed
//
// Reports come late, twice and out of order; the first final one of a message counts, and nothing moves back.

import type { Pool } from "pg";
import type { CallId, CampaignId, MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { type ReportedState, UNLISTED_STATUS } from "../domain/report.ts";
import { countMoves } from "./count-moves.ts";
import { ERASED } from "./erased.ts";
import { writeMessageEvents } from "./write-events.ts";

export type Joining = {
  /** Reports that were looked at; as many as were asked for: there may be more. */
  readonly taken: number;
  readonly joined: number;
  readonly moved: number;
};

export type ReportEntry = {
  readonly id: string;
  readonly account: string;
  readonly state: ReportedState;
  readonly reason: string;
  readonly code: string | null;
  readonly happenedAt: Date | null;
  readonly receivedAt: Date;
  readonly messageId: MessageId | null;
  readonly providerMessageId: string | null;
  /** Still tried to be joined. */
  readonly waits: boolean;
};

/** An accepted message without a report in time. */
export type Overdue = {
  readonly messageId: MessageId;
  readonly callId: CallId;
  readonly account: string;
  readonly to: PhoneNumber;
  readonly providerMessageId: string | null;
  readonly lookUps: number;
};

export const REPORTS_LISTED_MAX = 500;

export function createReports(pool: Pool, { slot }: { readonly slot: number }) {
  return {
    /** Joins the reports whose time has come, applies them, and puts off those that nobody can be found for. */
    async join(limit: number): Promise<Joining> {
      const { rows } = await pool.query<{ taken: string; joined: string; moved: string }>({
        name: "join-reports",
        text: JOIN,
        values: [limit, slot],
      });
      const row = rows[0];
      return {
        taken: Number(row?.taken ?? 0),
        joined: Number(row?.joined ?? 0),
        moved: Number(row?.moved ?? 0),
      };
    },

    /** What the provider said about a message, in the order in which it came. */
    async ofMessage(id: MessageId): Promise<ReportEntry[]> {
      const { rows } = await pool.query<ReportRow>(
        `select ${REPORT_COLUMNS} from volley.report where joined_id = $1 order by id limit $2`,
        [id, REPORTS_LISTED_MAX],
      );
      return rows.map(toEntry);
    },

    /** Reports that name nothing of ours, newest first. */
    async strangers({ limit }: { readonly limit: number }): Promise<ReportEntry[]> {
      const { rows } = await pool.query<ReportRow>(
        `select ${REPORT_COLUMNS} from volley.report where joined_id is null and join_at is null
         order by id desc limit $1`,
        [Math.min(limit, REPORTS_LISTED_MAX)],
      );
      return rows.map(toEntry);
    },

    /**
     * Looks through chunks that have been done for their account's time, each once, and notes the accepted
     * messages without a final report. Accounts that are not named get no reports: theirs are only ticked off.
     */
    async findOverdue(
      accounts: readonly { readonly name: string; readonly afterMs: number; readonly canAsk: boolean }[],
      { chunks }: { readonly chunks: number },
    ): Promise<number> {
      const { rowCount } = await pool.query({
        name: "find-overdue",
        text: `
          with expected as (
            select * from unnest($1::text[], $2::float8[], $3::boolean[]) as e (account, after_ms, can_ask)
          ),
          next as (
            select c.id, c.campaign_id from volley.chunk c left join expected e on e.account = c.account
            where c.state = 'done' and c.overdue_checked_at is null
              and c.done_at <= now() - coalesce(e.after_ms, 0) * interval '1 ms'
            order by c.done_at limit $4 for update of c skip locked
          ),
          ticked as (
            update volley.chunk c set overdue_checked_at = now() from next where c.id = next.id
          )
          insert into volley.overdue (message_id, campaign_id, account, ask_at)
          select m.id, next.campaign_id, m.account, case when e.can_ask then now() end
          from next
          join volley.message m on m.chunk_id = next.id and m.state = 'accepted' and m.recipient <> '${ERASED}'
          join expected e on e.account = m.account
          where not exists (
            select from volley.report r where r.joined_id = m.id and r.state = 'no-word'
          )
          on conflict (message_id) do nothing`,
        values: [
          accounts.map(({ name }) => name),
          accounts.map(({ afterMs }) => afterMs),
          accounts.map(({ canAsk }) => canAsk),
          chunks,
        ],
      });
      return rowCount ?? 0;
    },

    /**
     * Overdue messages of an account to ask its provider about now; they come back after `againInMs`, at most
     * `lookUpsMax` times. One that its report met while it was being noted is overdue no more.
     */
    async takeOverdue(ask: {
      readonly account: string;
      readonly limit: number;
      readonly againInMs: number;
      readonly lookUpsMax: number;
    }): Promise<Overdue[]> {
      const { rows } = await pool.query<OverdueRow>({
        name: "take-overdue",
        text: `
          with next as (
            select message_id from volley.overdue where account = $4 and ask_at <= now()
            order by ask_at limit $1 for update skip locked
          ),
          arrived as (
            delete from volley.overdue o using next
            where o.message_id = next.message_id and not exists (
              select from volley.message m where m.id = o.message_id and m.state = 'accepted'
            )
          )
          update volley.overdue o
          set look_ups = o.look_ups + 1,
            ask_at = case when o.look_ups + 1 < $3 then now() + $2 * interval '1 ms' end
          from next, volley.message m
          where o.message_id = next.message_id and m.id = o.message_id and m.state = 'accepted'
          returning m.id, m.call_id, m.account, m.recipient, m.provider_message_id, o.look_ups`,
        values: [ask.limit, ask.againInMs, ask.lookUpsMax, ask.account],
      });
      return rows.map((row) => ({
        messageId: row.id,
        callId: row.call_id,
        account: row.account,
        to: row.recipient,
        providerMessageId: row.provider_message_id,
        lookUps: row.look_ups,
      }));
    },

    /** Taken and not asked about after all: they come back at once, with the look-up that they did not have. */
    async giveBackOverdue(ids: readonly MessageId[]): Promise<void> {
      await pool.query(
        `update volley.overdue set ask_at = now(), look_ups = look_ups - 1
         where message_id = any ($1::uuid[]) and look_ups > 0`,
        [ids],
      );
    },

    async countOverdue(campaign: CampaignId): Promise<number> {
      const { rows } = await pool.query<{ overdue: string }>(
        "select count(*) as overdue from volley.overdue where campaign_id = $1",
        [campaign],
      );
      return Number(rows[0]?.overdue ?? 0);
    },
  };
}

const REPORT_COLUMNS = `id, account, state, reason, code, happened_at, received_at, joined_id, provider_message_id,
  join_at is not null as waits`;

type ReportRow = {
  id: string;
  account: string;
  state: ReportedState;
  reason: string;
  code: string | null;
  happened_at: Date | null;
  received_at: Date;
  joined_id: MessageId | null;
  provider_message_id: string | null;
  waits: boolean;
};

type OverdueRow = {
  id: MessageId;
  call_id: CallId;
  account: string;
  recipient: PhoneNumber;
  provider_message_id: string | null;
  look_ups: number;
};

function toEntry(row: ReportRow): ReportEntry {
  return {
    id: row.id,
    account: row.account,
    state: row.state,
    reason: row.reason,
    code: row.code,
    happenedAt: row.happened_at,
    receivedAt: row.received_at,
    messageId: row.joined_id,
    providerMessageId: row.provider_message_id,
    waits: row.waits,
  };
}

/**
 * A message is found by what its provider names: our own id; the recipient and our reference or the provider's
 * id; or, where no recipient is told, the chunk that our reference names and the provider's id. Never by less,
 * and never across accounts.
 */
const JOIN = `
          with due as materialized (
            select * from volley.report where join_at <= now() order by join_at, id limit $1 for update skip locked
          ),
          chunk_messages as materialized (
            select m.id, m.account, m.call_id, m.provider_message_id from volley.message m
            where m.chunk_id in (
                select chunk_id from due where message_id is null and recipient is null and chunk_id is not null
              )
          ),
          found as (
            select d.id as report_id, m.id as message_id from due d
            join volley.message m on m.id = d.message_id and m.account = d.account
            union
            select d.id, m.id from due d
            join volley.message m on m.recipient = d.recipient and m.account = d.account
              and (m.call_id = d.call_id or m.provider_message_id = d.provider_message_id)
            where d.message_id is null
            union
            select d.id, m.id from due d
            join chunk_messages m on m.account = d.account and m.call_id = d.call_id
              -- Of a call that had one message only it is clear which one is meant, before its id is known.
              and (m.provider_message_id = d.provider_message_id or (m.provider_message_id is null and not exists (
                select from volley.message o where o.chunk_id = d.chunk_id and o.call_id = d.call_id and o.id <> m.id
                union all
                select from volley.attempt a
                where a.chunk_id = d.chunk_id and a.call_id = d.call_id and a.message_id <> m.id
              )))
            where d.message_id is null and d.recipient is null
          ),
          -- By id, as by all who lock several messages, as far as a planner walks given rows in their order
          -- (attempts.ts); and seen as the last writer left them.
          locked as (
            select m.id, m.state, m.call_id, m.provider_message_id, m.chunk_id from volley.message m
            where m.id in (select message_id from found) order by m.id for update
          ),
          known as (
            select distinct on (f.report_id) f.report_id, l.id as message_id, l.state as from_state, l.chunk_id,
              -- A report about an earlier attempt is evidence; the message has gone on since.
              (d.call_id is null or l.call_id = d.call_id or l.provider_message_id = d.provider_message_id)
                as is_current
            from found f join locked l on l.id = f.message_id join due d on d.id = f.report_id
            -- A provider that used an id twice means the newer one.
            order by f.report_id, is_current desc, l.id desc
          ),
          decisive as (
            select distinct on (k.message_id) k.message_id, k.report_id, k.from_state, k.chunk_id, d.reason,
              d.provider_message_id,
              case when d.state in ('delivered', 'undelivered') then d.state::text else 'accepted' end
                ::volley.message_state as to_state
            from known k join due d on d.id = k.report_id
            where k.is_current and d.reason <> '${UNLISTED_STATUS}'
            order by k.message_id, d.state not in ('delivered', 'undelivered'), d.id
          ),
          moved as (
            update volley.message m
            set state = d.to_state, changed_at = now(),
              reason = case d.to_state when 'undelivered' then d.reason end, due_at = null,
              provider_message_id = coalesce(m.provider_message_id, d.provider_message_id)
            from decisive d
            where m.id = d.message_id and (
              (m.state = 'accepted' and d.to_state in ('delivered', 'undelivered')) or m.state = 'unknown'
              -- It was to be sent again, and need not: a call that was given up had arrived. A call that was answered
              -- says nothing new by reporting its refusal.
              or (m.state = 'queued' and (d.to_state = 'delivered' or exists (
                select from volley.attempt a
                where a.message_id = m.id and a.call_id = m.call_id and a.outcome = 'unknown' and not a.late
              )))
            )
            returning m.id, m.state, m.reason, d.from_state, d.report_id, m.call_id,
              (select campaign_id from volley.chunk c where c.id = d.chunk_id) as campaign_id
          ),
          settled as (
            update volley.attempt a set settled_at = now(), settled_as = 'reported'
            from moved where moved.from_state in ('unknown', 'queued') and a.message_id = moved.id
              and a.call_id = moved.call_id and a.outcome = 'unknown' and not a.late
              and (a.settled_at is null or a.settled_as in ('kept', 'absent', 'resent'))
          ),
          judged as (
            update volley.campaign c set state = 'completed_with_failures'
            where c.state = 'completed' and c.id in (select campaign_id from moved where state = 'undelivered')
            returning c.id
          ),
          arrived as (
            delete from volley.overdue o where o.message_id in (
              select id from moved where state <> 'accepted'
              -- Nobody will ever know more, so nobody is asked.
              union all select k.message_id from known k join due d on d.id = k.report_id
              where k.is_current and d.state = 'no-word'
            )
          ),
          suppressed as (
            insert into volley.suppression (hash, recipient, reason, source)
            select distinct on (p.number) volley.recipient_hash(p.number), nullif(m.recipient, '${ERASED}'), d.reason,
              'provider'
            from known k join due d on d.id = k.report_id and d.opted_out
            join volley.message m on m.id = k.message_id
            cross join lateral (select coalesce(nullif(m.recipient, '${ERASED}'), d.recipient)) as p (number)
            where p.number is not null
            on conflict (hash) do nothing
            returning hash, reason
          ),
          answered as (
            update volley.report r
            set joined_id = k.message_id, moved = coalesce(m.report_id = r.id, false),
              join_at = case when waits then now() + greatest(interval '2 s', (now() - r.received_at) / 4) end,
              -- Of use for joining only; so that a report that comes late brings no erased number back.
              recipient = case when waits then r.recipient end
            from due d
            left join known k on k.report_id = d.id
            left join moved m on m.id = k.message_id
            cross join lateral (
              select coalesce(k.from_state = 'sending', true) and now() - d.received_at <= interval '1 day'
            ) as w (waits)
            where r.id = d.id
            returning k.message_id
          ),
          ${countMoves({ from: { column: "from_state" }, moved: "moved", slot: "$2", after: "judged" })},
          ${writeMessageEvents({ moved: "moved", optedOut: "suppressed" })}
          select (select count(*) from due) as taken, (select count(*) from answered where message_id is not null) as joined,
            (select count(*) from moved) as moved`;
