// `volley campaign pause|resume|cancel`: what is not in flight obeys at once.

import { releaseCampaign } from "../../jobs/release-campaign.ts";
import type { CampaignId } from "../domain/message.ts";
import { expectMoved } from "../intake/expect-moved.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import { campaignId } from "./campaign.ts";
import { printJson, say, startProgress } from "./output.ts";
import { type GlobalOptions, withLedger, withParts } from "./run.ts";

type Options = GlobalOptions & { readonly json?: boolean };
type Verb = "pause" | "resume" | "cancel";

const advice: Readonly<Record<Verb, string>> = {
  pause: "Calls in flight still end. Go on with: volley campaign resume",
  resume: "Follow it: volley campaign watch",
  cancel: "What was in flight ends by itself. See: volley campaign show",
};

export async function moveCampaign(verb: Verb, text: string, { json, ...options }: Options): Promise<void> {
  const id = campaignId(text);
  const move = async ({ ledger }: LedgerParts) => {
    const state = expectMoved(await ledger.campaigns[verb](id), verb);
    if (verb === "cancel") await takeBack(ledger, id);
    return state;
  };
  const state = await (verb === "resume"
    ? withParts(options, async (parts) => {
        const resumed = await move(parts);
        await releaseCampaign(parts, id);
        return resumed;
      })
    : withLedger(options, move));
  if (json === true) printJson({ id, state });
  else say(`${state}. ${advice[verb]} ${id}`);
}

/** Nothing leaves any more by now; this only tidies up, and workers do what it leaves. */
async function takeBack(ledger: LedgerParts["ledger"], id: CampaignId): Promise<void> {
  const progress = await startProgress("taking back", null);
  try {
    while (await ledger.campaigns.cancelWaiting(id)) {
      progress.update((await ledger.campaigns.counts(id)).cancelled ?? 0);
    }
  } finally {
    progress.end();
  }
}
