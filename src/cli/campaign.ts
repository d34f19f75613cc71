// `volley campaign ...`: create from a CSV file, list, show, watch.

import { createReadStream } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { isFinished, type StateCounts } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import { type CampaignId, type MessageClass, openStates } from "../domain/message.ts";
import { parseCountry } from "../domain/phone-number.ts";
import { ucs2Characters } from "../domain/sms-text.ts";
import { type AcceptedCampaign, acceptCampaign } from "../intake/accept-campaign.ts";
import type { Recipients, Upload } from "../intake/add-recipients.ts";
import type { CampaignDraft } from "../intake/campaign-draft.ts";
import { readCsv } from "../intake/csv.ts";
import { findPhoneColumn } from "../intake/phone-column.ts";
import type { Campaign } from "../ledger/campaigns.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import type { Parts } from "../parts.ts";
import {
  duration,
  grouped,
  hideNumbers,
  print,
  printJson,
  printTable,
  say,
  startProgress,
} from "./output.ts";
import { type GlobalOptions, withLedger, withParts, withWorker } from "./run.ts";

export type CreateOptions = GlobalOptions & {
  readonly csv: string;
  readonly template: string;
  readonly name: string;
  readonly column?: string;
  readonly country?: string;
  readonly from?: string;
  readonly class: MessageClass;
  readonly account?: string;
  readonly at?: string;
  readonly timeZone?: string;
  readonly atColumn?: string;
  readonly timeZoneColumn?: string;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
};

const POLL_MS = 250;
const ERRORS_SHOWN = 10;

export async function createCampaign(options: CreateOptions): Promise<void> {
  await withParts(options, async (parts) => {
    const accepted = await intakeFile(parts, options);
    await releaseCampaign(parts, accepted.id);
    warnOfUcs2(options.template);
    const { id } = accepted;
    if (options.wait !== true) {
      if (options.json === true) return printJson(intakeCounts(accepted));
      reportIntake(accepted);
      const { startAt } = await findCampaign(parts, id);
      const when = startAt === null ? "It is" : `From ${startAt.toISOString()} on it is`;
      return say(`${when} sent by running workers (volley start). Follow it: volley campaign watch ${id}`);
    }
    if (options.json !== true) reportIntake(accepted);
    await sendAndWatch(parts, id);
    if (options.json === true) printJson({ ...intakeCounts(accepted), ...(await summaryOf(parts, id)) });
    else await showOne(parts, id, false);
  });
}

/** Whoever waits wants it sent: this process works on it too, beside any worker that runs. */
export async function sendAndWatch(parts: Parts, id: CampaignId): Promise<void> {
  const advice = `The campaign goes on when workers run. Follow it: volley campaign watch ${id}`;
  await withWorker(parts, (stopped) => watchUntilFinished(parts, id, stopped), advice);
}

/** One smart quote more than doubles what a campaign costs, and nobody sees it in the text. */
function warnOfUcs2(template: string): void {
  const characters = ucs2Characters(template);
  if (characters.length === 0) return;
  say(
    `The template holds ${characters.join(" ")}: not in the SMS alphabet, so a segment takes 70 characters instead of 160.`,
  );
}

/** Reads a CSV file, or standard input for "-", into a running campaign. */
export async function intakeFile(
  parts: Parts,
  options: Omit<CreateOptions, "config">,
): Promise<AcceptedCampaign> {
  return readRecipients(options, (draft, recipients, onProgress) =>
    acceptCampaign(parts, draft, recipients, { rules: parts.rules, onProgress }),
  );
}

/** Opens the file and shows how far it has been read. */
export async function readRecipients<Taken>(
  options: Omit<CreateOptions, "config">,
  take: (draft: CampaignDraft, recipients: Recipients, onProgress: (rows: number) => void) => Promise<Taken>,
): Promise<Taken> {
  const draft: CampaignDraft = {
    name: options.name,
    class: options.class,
    template: options.template,
    from: options.from ?? null,
    account: options.account ?? null,
    sendAt: options.at ?? null,
    timeZone: options.timeZone ?? null,
  };
  const country = options.country === undefined ? undefined : parseCountry(options.country);
  if (country?.ok === false) throw new VolleyError("usage", `--country: ${country.reason}`);
  const { headers, batches, close } = await readCsv(openFile(options.csv));
  try {
    const phoneColumn = findPhoneColumn(headers, options.column);
    if (!phoneColumn.ok) throw new VolleyError("usage", phoneColumn.reason);
    const columns = {
      phone: phoneColumn.column,
      time: columnNamed(headers, options.atColumn),
      zone: columnNamed(headers, options.timeZoneColumn),
    };
    const progress = await startProgress("reading", null);
    try {
      const recipients = { headers, columns, batches, country: country?.country };
      return await take(draft, recipients, (rows) => progress.update(rows));
    } finally {
      progress.end();
    }
  } finally {
    // Standard input that nobody reads to its end would keep the process alive.
    await close();
  }
}

function columnNamed(headers: readonly string[], name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const found = findPhoneColumn(headers, name);
  if (!found.ok) throw new VolleyError("usage", found.reason);
  return found.column;
}

/** "-" is standard input. */
export async function* openFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* path === "-" ? process.stdin : createReadStream(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    const name = path === "-" ? "standard input" : path;
    throw new VolleyError(
      "csv_unreadable",
      `Cannot read ${name}: ${code}. Check the path and its permissions.`,
      { cause },
    );
  }
}

function intakeCounts({ id, accepted, duplicates, suppressed, invalid }: AcceptedCampaign) {
  return { id, accepted, duplicates, suppressed, invalid };
}

function reportIntake({ id, ...upload }: AcceptedCampaign): void {
  print(id);
  reportRefusals(upload);
}

export function reportRefusals({ accepted, duplicates, suppressed, invalid, errors }: Upload): void {
  say(
    `${grouped(accepted)} accepted, ${grouped(duplicates)} duplicates, ${grouped(suppressed)} suppressed, ${grouped(invalid)} invalid`,
  );
  for (const error of errors.slice(0, ERRORS_SHOWN)) say(`  row ${error.row}: ${error.reason}`);
  if (invalid > ERRORS_SHOWN) say(`  and ${grouped(invalid - ERRORS_SHOWN)} more`);
}

export async function listCampaigns(
  options: GlobalOptions & { json?: boolean; limit: number },
): Promise<void> {
  await withLedger(options, async ({ ledger }) => {
    const campaigns = await ledger.campaigns.list({ limit: options.limit });
    if (options.json) return printJson(campaigns);
    printTable(
      ["ID", "NAME", "CLASS", "STATE", "TOTAL", "CREATED"],
      campaigns.map((one) => [
        one.id,
        one.name,
        one.class,
        one.state,
        one.total,
        one.createdAt.toISOString(),
      ]),
    );
  });
}

export async function showCampaign(text: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const id = campaignId(text);
  await withLedger(options, (parts) => showOne(parts, id, options.json === true));
}

export async function watchCampaign(
  text: string,
  options: GlobalOptions & { json?: boolean },
): Promise<void> {
  const id = campaignId(text);
  await withParts(options, async (parts) => {
    await watchUntilFinished(parts, id);
    await showOne(parts, id, options.json === true);
  });
}

export async function showOne(parts: LedgerParts, id: CampaignId, asJson: boolean): Promise<void> {
  const summary = await summaryOf(parts, id);
  if (asJson) return printJson(summary);
  const { name } = await findCampaign(parts, id);
  const { state, total, counts, overdue = 0, rate, reason } = summary;
  printTable(
    ["CAMPAIGN", "STATE", "TOTAL", ...Object.keys(counts).map((one) => one.toUpperCase())],
    [[name, state, total, ...Object.values(counts)]],
  );
  if (rate !== undefined) print(`rate: ${grouped(Math.round(rate))}/s${leftOf(rate, counts)}`);
  if (reason !== undefined) print(`paused: ${reason}`);
  if (overdue > 0)
    print(`overdue: ${grouped(overdue)} accepted, without a final report in their account's time`);
}

export async function summaryOf(parts: LedgerParts, id: CampaignId) {
  const { state, reason, total, rate, startAt, startedAt, finishedAt } = await findCampaign(parts, id);
  const counts = await parts.ledger.campaigns.counts(id);
  const overdue = await parts.ledger.reports.countOverdue(id);
  const shown = {
    ...(overdue === 0 ? {} : { overdue }),
    ...(reason === null ? {} : { reason }),
    ...(rate === null ? {} : { rate }),
    ...(startAt === null ? {} : { startAt }),
  };
  return { id, state, total, counts, ...shown, startedAt, finishedAt };
}

function leftOf(rate: number, counts: StateCounts): string {
  const open = openStates.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  return rate === 0 || open === 0 ? "" : `, ${duration((open / rate) * 1000)} left`;
}

/** Shows the progress until the campaign is finished, and what its accounts wait for meanwhile. */
export async function watchUntilFinished(parts: Parts, id: CampaignId, stopped?: AbortSignal): Promise<void> {
  const { name, total } = await findCampaign(parts, id);
  const progress = await startProgress(name, total);
  try {
    while (stopped?.aborted !== true) {
      const counts = await parts.ledger.campaigns.counts(id);
      const open = openStates.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
      progress.update(total - open, await pauses(parts));
      if (isFinished((await findCampaign(parts, id)).state)) return;
      await wait(POLL_MS);
    }
  } finally {
    progress.end();
  }
}

async function pauses({ accounts, limiter }: Parts): Promise<string> {
  const states = await Promise.all(
    [...accounts.values()].map(async ({ account }) => {
      const { pausedMs, reason } = await limiter.state(account).catch(() => ({ pausedMs: 0, reason: null }));
      return pausedMs > 0 ? `${account.name} waits ${duration(pausedMs)}: ${reason ?? "paused"}` : null;
    }),
  );
  return states.filter((state) => state !== null).join(", ");
}

export async function findCampaign({ ledger }: LedgerParts, id: CampaignId): Promise<Campaign> {
  const campaign = await ledger.campaigns.find(id);
  if (campaign === null)
    throw new VolleyError("not_found", `There is no campaign ${id}. See: volley campaign list`);
  return campaign;
}

export function campaignId(text: string): CampaignId {
  const id = text.toLowerCase();
  if (!isUuid(id))
    throw new VolleyError(
      "usage",
      `"${hideNumbers(text)}" is not a campaign's id. See: volley campaign list`,
    );
  return id as CampaignId;
}
