// The parts that the HTTP API's handlers get.

import { testWebhook } from "../../jobs/deliver-webhook.ts";
import { takeBack } from "../../jobs/reconcile.ts";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import type { ApiDoors } from "../http/doors.ts";
import { inBackground } from "../library/background.ts";
import type { Parts } from "../parts.ts";

export function apiDoors(parts: Parts): ApiDoors {
  return {
    ...parts,
    testWebhook: (id) => testWebhook(parts, id),
    releaseCampaign: (id) => inBackground(releaseCampaign(parts, id)),
    takeBack: (id) => inBackground(takeBack(parts, id)),
  };
}
