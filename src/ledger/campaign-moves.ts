// [6] The moves of a campaign as a whole.
//
//   draft --start--> scheduled --due--> running <--resume-- paused
//     '--------------start--------------^  '-------pause------^
//   running --all messages ended--> completed | completed_with_failures
//   scheduled | running | paused --cancel--> cancelled
//
// Openings of attempts hold a share of the campaign's row and ask for `running`, so that a pause or a cancel
// that has committed stops them all at once, however many messages there are.

import type { Pool } from "pg";
import type { CampaignState } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { type CampaignId, failureStates } from "../domain/message.ts";
import { withTransaction } from "../platform/postgres.ts";
import { countMoves } from "./count-moves.ts";
import { askGuard, type StartGuard } from "./start-guard.ts";
import { writeEvents, writeMessageEvents } from "./write-events.ts";

/** What became of a wish: the state that it led to, or the one in which it cannot be had; null: no such campaign. */
export type Moved =
  | { readonly ok: true; readonly state: CampaignState }
  | { readonly ok: false; readonly state: CampaignState }
  | null;

/** The slot of the counts that a start writes; workers use slots above it. */
const START_SLOT = 0;
/** In one statement of a cancellation: some 20,000 messages, a few hundred milliseconds. */
const CANCELLED_CHUNKS = 20;
export const MISSED_ITS_TIME = "missed-its-time";

const SEEN = "id, name, class, state, total, duplicates, suppressed, invalid";

const IS_DONE = `state = 'running'
             and not exists (select from volley.chunk where campaign_id = campaign.id and state <> 'done')
             and not exists (
               select from volley.attempt
               where campaign_id = campaign.id and settled_at is null and settle_at is not null
             )`;

/** With the counts of this moment: they go on changing when reports come. */
const COMPLETED = `
  select 'campaign.completed' as type, id as campaign_id, to_jsonb(finished) || jsonb_build_object('counts', (
    select jsonb_object_agg(state, messages) from (
      select state, sum(messages) as messages from volley.campaign_count
      where campaign_id = finished.id group by state having sum(messages) <> 0
    ) as counted
  )) as data
  from finished`;

const STARTED =
  "select 'campaign.started' as type, id as campaign_id, to_jsonb(running) as data from running";

export function createCampaignMoves(pool: Pool, { slot }: { readonly slot: number }) {
  return {
    /**
     * A draft with recipients runs, or waits for `startAt`. `empty`: it has none. With an edition, which said when to
     * start, it must still be of that one.
     */
    async start(
      id: CampaignId,
      startAt: Date | null,
      edition?: number | undefined,
      guard?: StartGuard | undefined,
    ): Promise<Moved | "empty"> {
      return withTransaction(pool, async (client) => {
        // Waits for recipients that are being added, so that the count below sees them.
        const { rows } = await client.query<{ state: CampaignState; edition: number }>(
          "select state, edition from volley.campaign where id = $1 for update",
          [id],
        );
        const state = rows[0]?.state;
        if (state === undefined) return null;
        if (state !== "draft") return { ok: false, state };
        if (edition !== undefined && edition !== rows[0]?.edition) {
          throw new VolleyError(
            "state_conflict",
            "Cannot start the campaign: somebody edited it at the same moment. Look at it, and start it again.",
          );
        }
        if (guard !== undefined) await askGuard(client, id, guard);
        const { rows: started } = await client.query<{ state: CampaignState }>(START, [
          id,
          startAt,
          START_SLOT,
        ]);
        const [row] = started;
        return row === undefined ? "empty" : { ok: true, state: row.state };
      });
    },

    /** Scheduled campaigns whose time has come run; those that come later than `lateMs` are paused for a person to decide. */
    async startDue(lateMs: number): Promise<CampaignId[]> {
      const { rows } = await pool.query<{ id: CampaignId; state: CampaignState }>(
        `with due as (
           select id as due_id, start_at < now() - $1 * interval '1 ms' as is_late
           from volley.campaign where state = 'scheduled' and start_at <= now() for update skip locked
         ),
         moved as (
           update volley.campaign
           set state = case when is_late then 'paused'::volley.campaign_state else 'running' end,
             reason = case when is_late then '${MISSED_ITS_TIME}' end,
             started_at = case when is_late then null else now() end
           from due where id = due_id
           returning ${SEEN}
         ),
         running as (select * from moved where state = 'running'),
         ${writeEvents({ columns: "campaign_id, data", happened: STARTED })}
         select id, state from moved`,
        [lateMs],
      );
      return rows.filter(({ state }) => state === "running").map(({ id }) => id);
    },

    /** Nothing new leaves from the moment of its commit; what is in flight ends. */
    pause: (id: CampaignId): Promise<Moved> =>
      move(pool, id, ["running", "scheduled"], "update volley.campaign set state = 'paused', reason = null"),

    async resume(id: CampaignId): Promise<Moved> {
      const { rows } = await pool.query<{ state: CampaignState }>(
        `with paused as (
           select id as paused_id, started_at is null as is_new from volley.campaign
           where id = $1 and state = 'paused' for update
         ),
         moved as (
           update volley.campaign
           set state = case when start_at > now() and is_new then 'scheduled'::volley.campaign_state
               else 'running' end,
             started_at = case when start_at > now() and is_new then null else coalesce(started_at, now()) end,
             reason = null, rate = null, rate_at = null
           from paused where id = paused_id
           returning ${SEEN}, is_new
         ),
         running as (select ${SEEN} from moved where state = 'running' and is_new),
         ${writeEvents({ columns: "campaign_id, data", happened: STARTED })}
         select state from moved`,
        [id],
      );
      return rows[0] === undefined ? refused(pool, id) : { ok: true, state: rows[0].state };
    },

    /** Its waiting messages are taken back by cancelWaiting. */
    cancel: (id: CampaignId): Promise<Moved> =>
      move(
        pool,
        id,
        ["scheduled", "running", "paused"],
        "update volley.campaign set state = 'cancelled', reason = null",
      ),

    /** Cancelled campaigns with messages that are still to be taken back. */
    async cancelling(): Promise<CampaignId[]> {
      const { rows } = await pool.query<{ id: CampaignId }>(
        "select id from volley.campaign where state = 'cancelled' and finished_at is null order by id",
      );
      return rows.map(({ id }) => id);
    },

    /** Takes back what waits in some chunks of a cancelled campaign; false: nothing is left to take back now. */
    async cancelWaiting(id: CampaignId): Promise<boolean> {
      const { rows } = await pool.query<{ chunks: string }>(CANCEL_WAITING, [id, CANCELLED_CHUNKS, slot]);
      if (Number(rows[0]?.chunks) > 0) return true;
      // Chunks that a worker holds, and attempts that are open, come to their end first.
      await pool.query(
        `update volley.campaign set finished_at = now()
         where id = $1 and state = 'cancelled' and finished_at is null
           and not exists (select from volley.chunk where campaign_id = $1 and state <> 'done')`,
        [id],
      );
      return false;
    },

    /** Running, every chunk done and no unknown that still awaits its settlement: then it is finished. */
    async finishIfDone(id: CampaignId): Promise<boolean> {
      // Locked first, in a statement of its own: what it asks for must see whatever reopen-work.ts did.
      return withTransaction(pool, async (client) => {
        const { rowCount: locked } = await client.query(
          `select from volley.campaign where id = $1 and ${IS_DONE} for no key update`,
          [id],
        );
        if (locked === 0) return false;
        const { rowCount } = await client.query(FINISH, [id, failureStates]);
        return rowCount === 1;
      });
    },

    /** Notes how fast each running campaign goes, for those who ask; call it every few seconds. */
    async noteRates(): Promise<void> {
      await pool.query(NOTE_RATES);
    },
  };
}

async function move(
  pool: Pool,
  id: CampaignId,
  from: readonly CampaignState[],
  update: string,
): Promise<Moved> {
  const { rows } = await pool.query<{ state: CampaignState }>(
    `${update} where id = $1 and state = any($2::volley.campaign_state[]) returning state`,
    [id, from],
  );
  return rows[0] === undefined ? refused(pool, id) : { ok: true, state: rows[0].state };
}

/** The state in which it stays. */
async function refused(pool: Pool, id: CampaignId): Promise<Moved> {
  const { rows: found } = await pool.query<{ state: CampaignState }>(
    "select state from volley.campaign where id = $1",
    [id],
  );
  return found[0] === undefined ? null : { ok: false, state: found[0].state };
}

/** Counts what its chunks hold: recipients may have come in several uploads, and one of them may have broken off. */
const START = `
  with held as (
    select coalesce(sum(messages), 0) as messages, coalesce(sum(scheduled), 0) as scheduled,
      array_agg(distinct account) as accounts
    from volley.chunk where campaign_id = $1
  ),
  started as (
    update volley.campaign
    set state = case when $2::timestamptz > now() then 'scheduled'::volley.campaign_state else 'running' end,
      start_at = $2, started_at = case when $2 > now() then null else now() end,
      accounts = held.accounts, total = held.messages
    from held where id = $1 and held.messages > 0
    returning ${SEEN}
  ),
  running as (select * from started where state = 'running'),
  ${writeEvents({ columns: "campaign_id, data", happened: STARTED })},
  counted as (
    insert into volley.campaign_count (campaign_id, slot, state, messages)
    select started.id, $3, c.state, c.messages from started, held,
      lateral (values ('queued'::volley.message_state, held.messages - held.scheduled), ('scheduled', held.scheduled))
        as c (state, messages)
    where c.messages > 0
    on conflict (campaign_id, slot, state) do update set messages = campaign_count.messages + excluded.messages
  )
  select state from started`;

const FINISH = `
  with finished as (
    update volley.campaign
    set finished_at = now(),
        state = case when exists (
          select from volley.campaign_count
          where campaign_id = $1 and state = any($2::volley.message_state[])
          group by state having sum(messages) > 0
        ) then 'completed_with_failures'::volley.campaign_state else 'completed' end
    where id = $1 and ${IS_DONE}
    returning ${SEEN}
  ),
  ${writeEvents({ columns: "campaign_id, data", happened: COMPLETED })}
  select id from finished`;

const CANCEL_WAITING = `
  with idle as (
    select c.id from volley.chunk c join volley.campaign k on k.id = c.campaign_id
    where c.campaign_id = $1 and k.state = 'cancelled' and c.state in ('waiting', 'released')
      and (c.lease is null or c.lease_until <= now())
      -- One whose worker died with attempts open is claimed once more, and they become unknown.
      and not exists (select from volley.message m where m.chunk_id = c.id and m.state = 'sending')
    order by c.id limit $2 for no key update of c skip locked
  ),
  held as (
    select m.id, m.state from volley.message m join idle on idle.id = m.chunk_id
    where m.state in ('queued', 'scheduled')
  ),
  moved as (
    update volley.message m set state = 'cancelled', reason = 'campaign-cancelled', due_at = null, changed_at = now()
    from held where m.id = held.id and m.state = held.state
    returning m.id, m.state, m.reason, $1::uuid as campaign_id, held.state as before
  ),
  closed as (
    update volley.chunk c set state = 'done', done_at = now(), lease = null, lease_until = null
    from idle where c.id = idle.id
  ),
  ${countMoves({ from: { column: "before" }, moved: "moved", slot: "$3" })},
  ${writeMessageEvents({ moved: "moved" })}
  select count(*) as chunks from idle`;

const NOTE_RATES = `
  with seen as (
    select k.id, coalesce(sum(cc.messages) filter (
      where cc.state not in ('scheduled', 'queued', 'sending', 'cancelled', 'suppressed', 'expired')), 0) as messages
    from volley.campaign k left join volley.campaign_count cc on cc.campaign_id = k.id
    where k.state = 'running' and (k.rate_at is null or k.rate_at < now() - interval '2 s')
    group by k.id
  )
  update volley.campaign k
  set rate_messages = seen.messages, rate_at = now(),
    rate = case when k.rate_at is not null and k.rate_messages <= seen.messages
      then (seen.messages - k.rate_messages) / extract(epoch from now() - k.rate_at)::real end
  from seen where k.id = seen.id`;
