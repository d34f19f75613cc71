// [0] Uploads of recipients: CSV or NDJSON of any size, read as fast as the ledger takes them and never held.
//
// What has been read is committed chunk by chunk. An upload that breaks off is sent again as it was: those who are
// in the campaign already are counted as duplicates. The answer numbers rows as an editor does.

import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { readStoredTemplate } from "../domain/batch.ts";
import { VolleyError } from "../domain/errors.ts";
import type { CountryCode } from "../domain/phone-number.ts";
import { addRecipients, type Recipients } from "../intake/add-recipients.ts";
import { draftOf } from "../intake/campaign-draft.ts";
import { readCsv } from "../intake/csv.ts";
import { readNdjson } from "../intake/ndjson.ts";
import { findPhoneColumn } from "../intake/phone-column.ts";
import { recipientsOf } from "../intake/recipient-objects.ts";
import type { Campaign } from "../ledger/campaigns.ts";
import { findCampaign } from "./campaigns.ts";
import { campaignParams, upload, uploadQuery } from "./contract/campaigns.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { invalid, refuse } from "./problem.ts";

/** A sender that says nothing for so long is gone. */
const SILENCE_MS_MAX = 60_000;
const CSV = "text/csv";
const NDJSON = "application/x-ndjson";

export function addCampaignRecipients(api: Api, doors: ApiDoors): void {
  api.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser([CSV, NDJSON], (_request, _payload, done) => done(null));
    addUpload(scope.withTypeProvider<ZodTypeProvider>(), doors);
  });
}

function addUpload(api: Api, doors: ApiDoors): void {
  api.put(
    "/campaigns/:id/recipients",
    {
      config: { scope: "campaigns:write", streamsIn: true },
      schema: {
        summary: "Upload recipients to a draft",
        description:
          `${CSV} with a header row, or ${NDJSON} with an object such as {"to": "+46701740605", "name": "Ada"} a ` +
          "line; streamed, of any size. Safe to repeat: nobody is taken twice. A bad row is counted and left out.",
        tags: ["campaigns"],
        params: campaignParams,
        querystring: uploadQuery,
        response: { 200: upload },
      },
    },
    async ({ params: { id }, query, headers, raw }) => {
      const campaign = await findCampaign(doors, id);
      if (campaign.state !== "draft") {
        throw new VolleyError(
          "state_conflict",
          "Cannot add recipients: the campaign is not a draft any more.",
        );
      }
      const body = watched(raw);
      const opened = headers["content-type"]?.startsWith(NDJSON)
        ? fromNdjson(body, campaign, query.country)
        : await fromCsv(body, query);
      const draft = draftOf(campaign);
      return addRecipients(doors, draft, opened, { rules: doors.rules });
    },
  );
}

/** The bytes as they come; one that stops sending ends with an error instead of holding on for ever. */
async function* watched(request: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  const timer = setTimeout(() => request.destroy(), SILENCE_MS_MAX);
  try {
    for await (const bytes of request) {
      timer.refresh();
      yield bytes as Uint8Array;
    }
  } catch {
    throw refuse({ code: "too_slow", detail: "The upload broke off. Send it again: nobody is taken twice." });
  } finally {
    clearTimeout(timer);
  }
}

function fromNdjson(
  body: AsyncIterable<Uint8Array>,
  campaign: Campaign,
  country: CountryCode | undefined,
): Recipients {
  return recipientsOf(readNdjson(body), readStoredTemplate(campaign.template), country);
}

async function fromCsv(
  body: AsyncIterable<Uint8Array>,
  {
    column,
    sendAtColumn,
    timeZoneColumn,
    country,
  }: {
    column?: string | undefined;
    sendAtColumn?: string | undefined;
    timeZoneColumn?: string | undefined;
    country?: CountryCode | undefined;
  },
): Promise<Recipients> {
  const { headers, batches } = await readCsv(body);
  const phone = findPhoneColumn(headers, column);
  if (!phone.ok) throw invalid("column", phone.reason);
  const time = columnOf(headers, "sendAtColumn", sendAtColumn);
  const zone = columnOf(headers, "timeZoneColumn", timeZoneColumn);
  return {
    headers,
    columns: { phone: phone.column, ...(time === null ? {} : { time }), ...(zone === null ? {} : { zone }) },
    batches,
    country,
  };
}

function columnOf(headers: readonly string[], parameter: string, name: string | undefined): number | null {
  if (name === undefined) return null;
  const found = findPhoneColumn(headers, name);
  if (!found.ok) throw invalid(parameter, found.reason);
  return found.column;
}
