// [6] Campaigns: their rows, their counts, and the moves of a campaign as a whole.

import type { Pool } from "pg";
import type { CampaignState, StateCounts } from "../domain/campaign.ts";
import { type CampaignId, failureStates, type MessageClass, type MessageState } from "../domain/message.ts";
import { withTransaction } from "../platform/postgres.ts";
import { writeEvents } from "./write-events.ts";

export type Campaign = {
  readonly id: CampaignId;
  readonly name: string;
  readonly class: MessageClass;
  readonly sender: string | null;
  readonly template: string;
  readonly state: CampaignState;
  readonly total: number;
  readonly duplicates: number;
  readonly suppressed: number;
  readonly invalid: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
};

export type NewCampaign = Pick<Campaign, "id" | "name" | "class" | "sender" | "template">;
export type IntakeTotals = Pick<Campaign, "total" | "duplicates" | "suppressed" | "invalid">;
/** The slot of the counts that an intake writes; workers use slots above it. */
const INTAKE_SLOT = 0;
export const LIST_ROWS_MAX = 500;

const COLUMNS = `id, name, class, sender, template, state, total, duplicates, suppressed, invalid,
  created_at, started_at, finished_at`;

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

export function createCampaigns(pool: Pool) {
  return {
    async createDraft(campaign: NewCampaign): Promise<void> {
      await pool.query(
        "insert into volley.campaign (id, name, class, sender, template) values ($1, $2, $3, $4, $5)",
        [campaign.id, campaign.name, campaign.class, campaign.sender, campaign.template],
      );
    },

    /** A draft becomes a running campaign; false when it was not a draft any more. */
    async start(id: CampaignId, totals: IntakeTotals, accounts: readonly string[]): Promise<boolean> {
      const { rowCount } = await pool.query(
        `with started as (
           update volley.campaign
           set state = 'running', started_at = now(), accounts = $2,
               total = $3, duplicates = $4, suppressed = $5, invalid = $6
           where id = $1 and state = 'draft'
           returning id, name, class, state, total, duplicates, suppressed, invalid
         ),
         ${writeEvents({
           columns: "campaign_id, data",
           happened:
             "select 'campaign.started' as type, id as campaign_id, to_jsonb(started) as data from started",
         })}
         insert into volley.campaign_count (campaign_id, slot, state, messages)
         select id, $7, 'queued', total from started`,
        [id, accounts, totals.total, totals.duplicates, totals.suppressed, totals.invalid, INTAKE_SLOT],
      );
      return rowCount === 1;
    },

    /** Takes a draft and all its rows away, as if its intake had never begun. */
    async discardDraft(id: CampaignId): Promise<void> {
      await pool.query(
        `with gone as (
           delete from volley.chunk
           where campaign_id = (select id from volley.campaign where id = $1 and state = 'draft')
           returning id
         )
         delete from volley.message where chunk_id in (select id from gone)`,
        [id],
      );
      await pool.query("delete from volley.campaign where id = $1 and state = 'draft'", [id]);
    },

    async find(id: CampaignId): Promise<Campaign | null> {
      const { rows } = await pool.query<CampaignRow>(`select ${COLUMNS} from volley.campaign where id = $1`, [
        id,
      ]);
      return rows[0] === undefined ? null : toCampaign(rows[0]);
    },

    /** Newest first; `before` is the last id of the page before. */
    async list({ before, limit }: { before?: CampaignId | undefined; limit: number }): Promise<Campaign[]> {
      const { rows } = await pool.query<CampaignRow>(
        `select ${COLUMNS} from volley.campaign
         where $1::uuid is null or id < $1
         order by id desc limit $2`,
        [before ?? null, Math.min(limit, LIST_ROWS_MAX)],
      );
      return rows.map(toCampaign);
    },

    async counts(id: CampaignId): Promise<StateCounts> {
      const { rows } = await pool.query<{ state: MessageState; messages: string }>(
        `select state, sum(messages) as messages from volley.campaign_count
         where campaign_id = $1 group by state having sum(messages) <> 0`,
        [id],
      );
      return Object.fromEntries(rows.map((row) => [row.state, Number(row.messages)]));
    },

    async running(): Promise<CampaignId[]> {
      const { rows } = await pool.query<{ id: CampaignId }>(
        "select id from volley.campaign where state = 'running' order by id",
      );
      return rows.map((row) => row.id);
    },

    /** Running, every chunk done and no unknown that still awaits its settlement: then it is finished. */
    async finishIfDone(id: CampaignId): Promise<boolean> {
      const finish = `
         with finished as (
           update volley.campaign
           set finished_at = now(),
               state = case when exists (
                 select from volley.campaign_count
                 where campaign_id = $1 and state = any($2::volley.message_state[])
                 group by state having sum(messages) > 0
               ) then 'completed_with_failures'::volley.campaign_state else 'completed' end
           where id = $1 and ${IS_DONE}
           returning id, name, class, state, total, duplicates, suppressed, invalid
         ),
         ${writeEvents({ columns: "campaign_id, data", happened: COMPLETED })}
         select id from finished`;
      // Locked first, in a statement of its own: what it asks for must see whatever reopen-work.ts did.
      return withTransaction(pool, async (client) => {
        const { rowCount: locked } = await client.query(
          `select from volley.campaign where id = $1 and ${IS_DONE} for no key update`,
          [id],
        );
        if (locked === 0) return false;
        const { rowCount } = await client.query(finish, [id, failureStates]);
        return rowCount === 1;
      });
    },
  };
}

type CampaignRow = {
  id: CampaignId;
  name: string;
  class: MessageClass;
  sender: string | null;
  template: string;
  state: CampaignState;
  total: string;
  duplicates: string;
  suppressed: string;
  invalid: string;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
};

function toCampaign(row: CampaignRow): Campaign {
  return {
    id: row.id,
    name: row.name,
    class: row.class,
    sender: row.sender,
    template: row.template,
    state: row.state,
    total: Number(row.total),
    duplicates: Number(row.duplicates),
    suppressed: Number(row.suppressed),
    invalid: Number(row.invalid),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}
