// `volley campaign export` and `volley campaign delete`: a campaign's messages as a file, and its end.

import { VolleyError } from "../domain/errors.ts";
import type { CampaignId, MessageState } from "../domain/message.ts";
import { exportCampaign as readRows } from "../intake/export-campaign.ts";
import type { Deletion } from "../ledger/delete-campaign.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import { campaignId } from "./campaign.ts";
import { grouped, printJson, say, startProgress } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";
import { writeText } from "./write-text.ts";

export type ExportOptions = GlobalOptions & { readonly state?: MessageState; readonly out?: string };

export async function exportCampaign(text: string, options: ExportOptions): Promise<void> {
  const id = campaignId(text);
  await withLedger(options, async (parts) => {
    if ((await parts.ledger.campaigns.find(id)) === null) throw notFound(id);
    // Beside the rows themselves, a bar would only be in their way.
    const progress = options.out === undefined ? null : await startProgress("writing", null);
    let written = 0;
    const onProgress = (rows: number) => {
      written = rows;
      progress?.update(rows);
    };
    try {
      await writeText(readRows(parts, id, { state: options.state, onProgress }), options.out);
    } finally {
      progress?.end();
    }
    say(`${grouped(written)} written.`);
  });
}

export async function deleteCampaign(
  text: string,
  { json, ...options }: GlobalOptions & { readonly json?: boolean },
): Promise<void> {
  const id = campaignId(text);
  await withLedger(options, async (parts) => {
    const deleted = await deleteRows(parts, id);
    if (deleted === null) throw notFound(id);
    if (!deleted.ok) {
      const advice =
        deleted.state === "cancelled"
          ? "Its messages are still being taken back: try again in a moment"
          : `Cancel it first: volley campaign cancel ${id}`;
      throw new VolleyError(
        "state_conflict",
        `Cannot delete campaign ${id}: it is ${deleted.state}. ${advice}.`,
      );
    }
    const { messages } = deleted;
    if (json) printJson({ id, messages });
    else say(`Deleted, with ${grouped(messages)} message${messages === 1 ? "" : "s"}.`);
  });
}

async function deleteRows({ ledger }: LedgerParts, id: CampaignId): Promise<Deletion> {
  const progress = await startProgress("deleting", null);
  try {
    return await ledger.campaigns.delete(id, (messages) => progress.update(messages));
  } finally {
    progress.end();
  }
}

function notFound(id: string): VolleyError {
  return new VolleyError("not_found", `There is no campaign ${id}. See: volley campaign list`);
}
