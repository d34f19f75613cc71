// [6] Campaigns: their rows and their counts. How they move: campaign-moves.ts.

import type { Pool } from "pg";
import type { CampaignState, StateCounts } from "../domain/campaign.ts";
import type { CampaignId, MessageState } from "../domain/message.ts";
import type { Queryable } from "../platform/postgres.ts";
import { type CampaignContent, CONTENT_COLUMNS, type ContentRow, toContent } from "./campaign-content.ts";
import { createCampaignMoves } from "./campaign-moves.ts";
import { type Deletion, deleteCampaign, discardDraft } from "./delete-campaign.ts";
import { type Draft, type Edited, editDraft } from "./edit-draft.ts";
import { type LiveCampaign, listLiveCampaigns } from "./live-campaigns.ts";

export type Campaign = CampaignContent & {
  /** How often it was edited. */
  readonly edition: number;
  readonly state: CampaignState;
  /** Why it is paused, when nobody paused it. */
  readonly reason: string | null;
  /** The first of its line, when it sends again what failed there. */
  readonly retryOf: CampaignId | null;
  readonly total: number;
  readonly duplicates: number;
  readonly suppressed: number;
  readonly invalid: number;
  /** Messages that left per second, lately; null: it does not run, or not for long enough. */
  readonly rate: number | null;
  readonly createdAt: Date;
  readonly startAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
};

/** What an upload says of rows that it did not take. */
export type Refusals = Pick<Campaign, "duplicates" | "suppressed" | "invalid">;
export const LIST_ROWS_MAX = 500;

const COLUMNS = `${CONTENT_COLUMNS}, edition, state, reason, retry_of, total, duplicates, suppressed, invalid, rate,
  created_at, start_at, started_at, finished_at`;

export function createCampaigns(pool: Pool, { slot }: { readonly slot: number }) {
  return {
    ...createCampaignMoves(pool, { slot }),
    ...createDrafts(pool),

    discardDraft: (id: CampaignId): Promise<void> => discardDraft(pool, id),
    delete: (id: CampaignId, onProgress?: (messages: number) => void): Promise<Deletion> =>
      deleteCampaign(pool, id, onProgress),

    edit: (id: CampaignId, change: (draft: Draft) => CampaignContent): Promise<Edited> =>
      editDraft(pool, id, change),

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

    live: (): Promise<LiveCampaign[]> => listLiveCampaigns(pool),

    async running(): Promise<CampaignId[]> {
      const { rows } = await pool.query<{ id: CampaignId }>(
        "select id from volley.campaign where state = 'running' order by id",
      );
      return rows.map((row) => row.id);
    },
  };
}

/** In a transaction of their caller's, too. */
export function createDrafts(db: Queryable) {
  return {
    async createDraft(campaign: CampaignContent): Promise<void> {
      const { id, name, class: ofClass, sender, template, account, sendAt, timeZone } = campaign;
      await db.query(
        `insert into volley.campaign (${CONTENT_COLUMNS})
         values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [id, name, ofClass, sender, template, account, sendAt, timeZone],
      );
    },

    /** Recipients may come in several uploads; each adds what it left out. */
    async noteRefusals(id: CampaignId, { duplicates, suppressed, invalid }: Refusals): Promise<void> {
      await db.query(
        `update volley.campaign set duplicates = duplicates + $2, suppressed = suppressed + $3,
           invalid = invalid + $4 where id = $1`,
        [id, duplicates, suppressed, invalid],
      );
    },
  };
}

type CampaignRow = ContentRow & {
  edition: number;
  state: CampaignState;
  reason: string | null;
  retry_of: CampaignId | null;
  total: string;
  duplicates: string;
  suppressed: string;
  invalid: string;
  rate: number | null;
  created_at: Date;
  start_at: Date | null;
  started_at: Date | null;
  finished_at: Date | null;
};

function toCampaign(row: CampaignRow): Campaign {
  return {
    ...toContent(row),
    edition: row.edition,
    state: row.state,
    reason: row.reason,
    retryOf: row.retry_of,
    total: Number(row.total),
    duplicates: Number(row.duplicates),
    suppressed: Number(row.suppressed),
    invalid: Number(row.invalid),
    rate: row.state === "running" ? row.rate : null,
    createdAt: row.created_at,
    startAt: row.start_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}
