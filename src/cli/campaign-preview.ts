// `volley campaign preview ID` and `volley campaign create --dry-run`: what a campaign would be. Nothing is sent, and of
// a dry run nothing stays.

import { formatMicros } from "../domain/price.ts";
import { type CampaignDraft, draftOf } from "../intake/campaign-draft.ts";
import { type Preview, previewCampaign, type Share, tryCampaign } from "../intake/preview.ts";
import { showPreview } from "../intake/show-preview.ts";
import { type CreateOptions, campaignId, findCampaign, readRecipients, reportRefusals } from "./campaign.ts";
import { grouped, print, printJson, printTable } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

const COUNTRIES_SHOWN = 20;

export async function previewOne(text: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const id = campaignId(text);
  await withLedger(options, async (parts) => {
    const preview = await previewCampaign(parts, draftOf(await findCampaign(parts, id)), parts.rules);
    if (options.json === true) printJson(showPreview(preview));
    else printPreview(preview);
  });
}

export async function dryRun(options: CreateOptions): Promise<void> {
  await withLedger(options, async (parts) => {
    const tried = await readRecipients(options, (draft: CampaignDraft, recipients, onProgress) =>
      tryCampaign(parts, draft, recipients, { rules: parts.rules, onProgress }),
    );
    const { preview, ...upload } = tried;
    const { accepted, duplicates, suppressed, invalid } = upload;
    if (options.json === true) {
      return printJson({ accepted, duplicates, suppressed, invalid, preview: showPreview(preview) });
    }
    reportRefusals(upload);
    printPreview(preview);
  });
}

function printPreview(preview: Preview): void {
  const { messages, segments, cost, ucs2, countries, accounts, samples, startsAt, finishesAt, warnings } =
    preview;
  const costText = (share: Share) => (cost === null ? null : formatMicros(share.cost.micros));
  const price = cost === null ? "" : `, ${formatMicros(cost.micros)} ${cost.currency}`;
  print(`${grouped(messages)} messages, ${grouped(segments)} segments${price}`);
  if (ucs2.messages > 0) print(`${grouped(ucs2.messages)} messages in UCS-2`);
  const end =
    finishesAt === null ? "nobody can say when it ends" : `it ends about ${finishesAt.toISOString()}`;
  print(`started at ${startsAt.toISOString()}, ${end}`);
  if (messages === 0) return;
  print();
  const shown = countries.slice(0, COUNTRIES_SHOWN);
  printTable(
    ["COUNTRY", "CODE", "MESSAGES", "SEGMENTS", "COST"],
    shown.map((one) => [
      one.country,
      one.callingCode,
      grouped(one.messages),
      grouped(one.segments),
      costText(one),
    ]),
  );
  if (countries.length > shown.length) print(`and ${countries.length - shown.length} more`);
  print();
  printTable(
    ["ACCOUNT", "MESSAGES", "SEGMENTS", "COST"],
    accounts.map((one) => [one.name, grouped(one.messages), grouped(one.segments), costText(one)]),
  );
  print();
  printTable(
    ["SAMPLE", "SEGMENTS", "ENCODING"],
    samples.map(({ text, segments: count, encoding }) => [text, count, encoding]),
  );
  for (const warning of warnings) print(`warning: ${warning}`);
}
