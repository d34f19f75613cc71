// `volley campaign pause|resume|cancel`: what is not in flight obeys at once.

import { releaseCampaign } from "../../jobs/release-campaign.ts";
import type { CampaignState } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import type { CampaignId } from "../domain/message.ts";
import type { Moved } from "../ledger/campaign-moves.ts";
import type { Parts } from "../parts.ts";
import { campaignId } from "./campaign.ts";
import { printJson, say, startProgress } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

type Options = GlobalOptions & { readonly json?: boolean };

export async function pauseCampaign(text: string, options: Options): Promise<void> {
  const id = campaignId(text);
  await withParts(options, async (parts) => {
    const state = expectMoved(await parts.ledger.campaigns.pause(id), id, "pause");
    tell(options, id, state, "Calls in flight still end. Go on with: volley campaign resume");
  });
}

export async function resumeCampaign(text: string, options: Options): Promise<void> {
  const id = campaignId(text);
  await withParts(options, async (parts) => {
    const state = expectMoved(await parts.ledger.campaigns.resume(id), id, "resume");
    await releaseCampaign(parts, id);
    tell(options, id, state, "Follow it: volley campaign watch");
  });
}

export async function cancelCampaign(text: string, options: Options): Promise<void> {
  const id = campaignId(text);
  await withParts(options, async (parts) => {
    const state = expectMoved(await parts.ledger.campaigns.cancel(id), id, "cancel");
    await takeBack(parts, id);
    tell(options, id, state, "What was in flight ends by itself. See: volley campaign show");
  });
}

/** Nothing leaves any more by now; this only tidies up, and workers do what it leaves. */
async function takeBack({ ledger }: Parts, id: CampaignId): Promise<void> {
  const progress = startProgress("taking back", null);
  try {
    while (await ledger.campaigns.cancelWaiting(id)) {
      progress.update((await ledger.campaigns.counts(id)).cancelled ?? 0);
    }
  } finally {
    progress.end();
  }
}

function expectMoved(moved: Moved, id: CampaignId, verb: "pause" | "resume" | "cancel"): CampaignState {
  if (moved === null) {
    throw new VolleyError("not_found", `There is no campaign ${id}. See: volley campaign list`);
  }
  if (moved.ok) return moved.state;
  const advice = moved.state === "draft" ? " Delete it: volley campaign delete." : "";
  throw new VolleyError(
    "state_conflict",
    `Cannot ${verb} campaign ${id}: it is ${moved.state.replaceAll("_", " ")}.${advice}`,
  );
}

function tell({ json }: Options, id: CampaignId, state: CampaignState, advice: string): void {
  if (json === true) printJson({ id, state });
  else say(`${state}. ${advice} ${id}`);
}
