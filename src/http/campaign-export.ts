// [0] A campaign's messages as a file, read page by page as fast as the caller takes them.
//
// No page is read before the one before it is on its way, nothing is held in the database between pages, and a caller
// who hangs up or falls silent ends the reading. An answer that breaks off is not the whole file: HTTP says so.

import { Readable } from "node:stream";
import { exportCampaign } from "../intake/export-campaign.ts";
import { findCampaign } from "./campaigns.ts";
import { campaignParams, exportQuery } from "./contract/campaigns.ts";
import { streamOut } from "./contract/fields.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { refuse } from "./problem.ts";

/** In one process; each holds a page or two of some 200 kB. */
const EXPORTS_AT_ONCE_MAX = 50;
/** A caller who takes nothing for so long is gone. */
const SILENCE_MS_MAX = 60_000;
const CSV = "text/csv";

export function addCampaignExport(api: Api, doors: ApiDoors): void {
  let open = 0;

  api.get(
    "/campaigns/:id/export.csv",
    {
      // It shows numbers, as messages do.
      config: { scope: "messages:read" },
      // Else a HEAD would read the whole file and throw it away.
      exposeHeadRoute: false,
      schema: {
        summary: "All its messages as CSV",
        description: "Streamed, in no particular order. Rows that move meanwhile are in it once.",
        tags: ["campaigns"],
        params: campaignParams,
        querystring: exportQuery,
        response: { 200: { description: "A row a message.", content: { [CSV]: { schema: streamOut } } } },
      },
    },
    async ({ params: { id }, query: { state } }, reply) => {
      await findCampaign(doors, id);
      if (open >= EXPORTS_AT_ONCE_MAX) {
        throw refuse({
          code: "unavailable",
          detail: "Too many exports are running. Try again when they are done.",
          headers: { "retry-after": "10" },
        });
      }
      open += 1;
      const rows = Readable.from(exportCampaign(doors, id, { state }));
      rows.once("close", () => {
        open -= 1;
      });
      reply.raw.setTimeout(SILENCE_MS_MAX, () => reply.raw.destroy());
      return reply
        .type(`${CSV}; charset=utf-8`)
        .header("content-disposition", `attachment; filename="campaign-${id}.csv"`)
        .header("cache-control", "no-store")
        .send(rows);
    },
  );
}
