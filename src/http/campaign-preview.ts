// [0] What a campaign would be. It reads every message, a second for some hundred thousand, so that few may ask at once.

import { previewCampaign } from "../intake/preview.ts";
import { showPreview } from "../intake/show-preview.ts";
import { findCampaign } from "./campaigns.ts";
import { campaignParams } from "./contract/campaigns.ts";
import { preview } from "./contract/preview.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { refuse } from "./problem.ts";

/** In one process. */
const PREVIEWS_AT_ONCE_MAX = 4;

export function addCampaignPreview(api: Api, doors: ApiDoors): void {
  let running = 0;

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
      const { sender, ...found } = await findCampaign(doors, id);
      if (running >= PREVIEWS_AT_ONCE_MAX) {
        throw refuse({
          code: "unavailable",
          detail: "Too many previews are being made. Try again when they are done.",
          headers: { "retry-after": "5" },
        });
      }
      running += 1;
      try {
        return showPreview(await previewCampaign(doors, { ...found, from: sender }, doors.rules));
      } finally {
        running -= 1;
      }
    },
  );
}
