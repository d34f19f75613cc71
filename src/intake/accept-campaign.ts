// [1] A whole campaign at once: draft, recipients, start. Nothing is sent before the last row has been read, and an
// intake that fails takes its rows with it.

import { VolleyError } from "../domain/errors.ts";
import type { CampaignId } from "../domain/message.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { addRecipients, type Recipients, type Upload, type UploadOptions } from "./add-recipients.ts";
import { type CampaignDraft, createDraft, startCampaign } from "./campaign-draft.ts";

export type AcceptedCampaign = Upload & { readonly id: CampaignId };

/** Throws a VolleyError for faults of the campaign as a whole; a faulty row is counted and left out. */
export async function acceptCampaign(
  parts: { readonly ledger: Pick<Ledger, "campaigns" | "chunks"> },
  draft: CampaignDraft,
  recipients: Recipients,
  options: UploadOptions,
): Promise<AcceptedCampaign> {
  const { ledger } = parts;
  // A time that passes while a large file is read is not in the past: it starts as soon as it can.
  const beganMs = Date.now();
  const id = await createDraft(parts, draft, options.rules);
  try {
    const upload = await addRecipients(parts, { ...draft, id }, recipients, options);
    const started = await startCampaign(parts, { ...draft, id }, options.rules, beganMs);
    if (started === "empty") throw nobodyLeft(draft.name, upload);
    return { id, ...upload };
  } catch (error) {
    await ledger.campaigns.discardDraft(id).catch(() => undefined);
    throw error;
  }
}

function nobodyLeft(name: string, { errors }: Upload): VolleyError {
  const [first] = errors;
  const example = first === undefined ? "" : ` Row ${first.row}: ${first.reason}`;
  return new VolleyError(
    "csv_unreadable",
    `Cannot create campaign "${name}": none of its rows can be sent to.${example}`,
  );
}
