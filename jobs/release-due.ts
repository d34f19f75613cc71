// The hop from a schedule to the queue: what waited for its time leaves, the earliest first. Times are the ledger's,
// so that a million of them cost no Redis memory, and the database's clock says when they have come.
//
// Dying after a release loses nothing: a released chunk that nobody holds is put into the queue by the sweep, and a
// campaign that runs is released by it. Two of these at once release different rows.

import { LATE_MS_MAX } from "../src/domain/schedule.ts";
import { done, type StepEnd } from "../src/domain/step-end.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Enqueue } from "../src/queue/enqueue.ts";
import { releaseCampaign } from "./release-campaign.ts";
import { type RenewRemindersParts, renewReminders } from "./renew-reminders.ts";

export type ReleaseDueParts = RenewRemindersParts & { readonly ledger: Ledger; readonly enqueue: Enqueue };

/** Of one statement: some hundred milliseconds. */
const CHUNKS_MAX = 5_000;
/** After this long the step gives way; it runs every second. */
const TURN_MS = 10_000;

export async function releaseDue(parts: ReleaseDueParts): Promise<StepEnd> {
  const { ledger, enqueue } = parts;
  for (const id of await ledger.campaigns.startDue(LATE_MS_MAX)) await releaseCampaign(parts, id);
  const endsAtMs = performance.now() + TURN_MS;
  while (performance.now() < endsAtMs) {
    const released = await ledger.chunks.releaseDue(CHUNKS_MAX);
    if (released.length === 0) break;
    await enqueue.chunks(released);
  }
  await renewReminders(parts);
  return done;
}
