// What /v1/stream tells: events by kind, the data as JSON.

import type { CampaignState, StateCounts } from "../../domain/campaign.ts";

export type LiveCampaignEvent = {
  readonly id: string;
  readonly state: CampaignState;
  readonly total: number;
  readonly counts: StateCounts;
  /** Messages that left per second, lately; null: nobody can say. */
  readonly rate: number | null;
};

export type AccountEvent = {
  readonly name: string;
  readonly health: "ok" | "degraded";
  readonly reason: string | null;
};

export type StreamEvent =
  | { readonly type: "campaign"; readonly data: LiveCampaignEvent }
  | { readonly type: "account"; readonly data: AccountEvent };
