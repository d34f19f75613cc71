// The hop from the ledger to the queue: keeps a running campaign's window filled, and sees when it is finished.
//
// Called when a campaign starts, when one of its chunks is done, and by the sweep. Dying between the release
// and the queue loses nothing: a released chunk that nobody holds is put into the queue by the next sweep.

import { RELEASE_WINDOW_CHUNKS } from "../src/domain/campaign.ts";
import type { CampaignId } from "../src/domain/message.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Enqueue } from "../src/queue/enqueue.ts";

export type ReleaseCampaignParts = { readonly ledger: Ledger; readonly enqueue: Enqueue };

export async function releaseCampaign(
  { ledger, enqueue }: ReleaseCampaignParts,
  id: CampaignId,
): Promise<void> {
  const released = await ledger.chunks.release(id, RELEASE_WINDOW_CHUNKS);
  if (released.length > 0) await enqueue.chunks(released);
  else await ledger.campaigns.finishIfDone(id);
}
