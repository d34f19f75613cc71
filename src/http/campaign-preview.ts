// [0] What a campaign would be. It reads every message, a second for some hundred thousand, so that few may ask at once.

import { draftOf } from "../intake/campaign-draft.ts";
import { previewCampaign } from "../intake/preview.ts";
import { showPreview } from "../intake/show-preview.ts";
import { createAtOnce } from "./at-once.ts";
import { findCampaign } from "./campaigns.ts";
import { campaignParams } from "./contract/campaigns.ts";
import { preview } from "./contract/preview.ts";
import type { Api, ApiDoors } from "./doors.ts";

/** In one process. */
const PREVIEWS_AT_ONCE_MAX = 4;

export function addCampaignPreview(api: Api, doors: ApiDoors): void {
  const inTurn = createAtOnce(PREVIEWS_AT_ONCE_MAX, {
    detail: "Too many previews are being made. Try again when they are done.",
    retryAfterSeconds: 5,
  });

  api.get(
    "/campaigns/:id/preview",
    {
      // It shows texts and no numbers.
      config: { scope: "campaigns:read" },
      // Else a HEAD would count everything and throw it away.
      exposeHeadRoute: false,
      schema: {
        summary: "What it would be: segments, cost, time, samples and warnings",
        description: "Of a draft, and of any other campaign: its times are those of what is left to send.",
        tags: ["campaigns"],
        params: campaignParams,
        response: { 200: preview },
      },
    },
    async ({ params: { id } }) => {
      const found = await findCampaign(doors, id);
      return inTurn(async () => showPreview(await previewCampaign(doors, draftOf(found), doors.rules)));
    },
  );
}
