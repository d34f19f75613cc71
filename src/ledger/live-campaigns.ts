// [6] How far the campaigns are that are under way or have just ended, for those who watch.

import type { Pool } from "pg";
import type { CampaignState, StateCounts } from "../domain/campaign.ts";
import type { CampaignId } from "../domain/message.ts";

export type LiveCampaign = {
  readonly id: CampaignId;
  readonly state: CampaignState;
  readonly total: number;
  readonly counts: StateCounts;
  /** Messages that left per second, lately; null: nobody can say. */
  readonly rate: number | null;
};

/** Of more than these only the ones that run, the newest first. */
const CAMPAIGNS_MAX = 200;
/** Reports come and change the counts for a while after the end. */
const AFTER_END_MINUTES = 60;

export async function listLiveCampaigns(pool: Pool): Promise<LiveCampaign[]> {
  const { rows } = await pool.query<LiveRow>(
    `select live.id, live.state, live.total, live.rate, counted.counts
     from (
       select id, state, total, rate from volley.campaign
       where (finished_at is null or finished_at > now() - $2 * interval '1 min') and state <> 'draft'
       order by state = 'running' desc, id desc limit $1
     ) as live
     left join lateral (
       select jsonb_object_agg(state, messages) as counts from (
         select state, sum(messages) as messages from volley.campaign_count
         where campaign_id = live.id group by state having sum(messages) <> 0
       ) as by_state
     ) as counted on true`,
    [CAMPAIGNS_MAX, AFTER_END_MINUTES],
  );
  return rows.map((row) => ({
    id: row.id,
    state: row.state,
    total: Number(row.total),
    counts: row.counts ?? {},
    rate: row.state === "running" ? row.rate : null,
  }));
}

type LiveRow = {
  id: CampaignId;
  state: CampaignState;
  total: string;
  rate: number | null;
  counts: StateCounts | null;
};
