// `volley campaign ...`: create from a CSV file, list, show, watch.

import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { startWorker } from "../../jobs/worker.ts";
import { isFinished } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import { type CampaignId, type MessageClass, openStates } from "../domain/message.ts";
import { parseCountry } from "../domain/phone-number.ts";
import {
  acceptCampaign,
  type CampaignDraft,
  type IntakeResult,
  type IntakeRules,
} from "../intake/accept-campaign.ts";
import { readCsv } from "../intake/csv.ts";
import { findPhoneColumn } from "../intake/phone-column.ts";
import type { Campaign } from "../ledger/campaigns.ts";
import type { Parts } from "../parts.ts";
import { grouped, print, printJson, printTable, say, startProgress } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

export type CreateOptions = GlobalOptions & {
  readonly csv: string;
  readonly template: string;
  readonly name: string;
  readonly column?: string;
  readonly country?: string;
  readonly from?: string;
  readonly class: MessageClass;
  readonly account?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
};

const POLL_MS = 250;
const DRAIN_MS = 25_000;
const ERRORS_SHOWN = 10;

export async function createCampaign(options: CreateOptions): Promise<void> {
  await withParts(options, async (parts) => {
    const accepted = await intakeFile(parts, options);
    await releaseCampaign(parts, accepted.id);
    reportIntake(accepted, options.json === true);
    if (options.wait !== true) {
      if (options.json !== true)
        say(`It is sent by running workers (volley start). Follow it: volley campaign watch ${accepted.id}`);
      return;
    }
    // Whoever waits wants it sent: this process works on it too, beside any worker that runs.
    const worker = await startWorker(parts);
    try {
      await watchUntilFinished(parts, accepted.id);
    } finally {
      await worker.close(DRAIN_MS);
    }
    await showOne(parts, accepted.id, options.json === true);
  });
}

/** Reads a CSV file, or standard input for "-", into a running campaign. */
export async function intakeFile(
  parts: Parts,
  options: Omit<CreateOptions, "config">,
): Promise<IntakeResult> {
  const draft: CampaignDraft = {
    name: options.name,
    class: options.class,
    template: options.template,
    from: options.from ?? null,
    account: options.account ?? null,
  };
  const country = options.country === undefined ? undefined : parseCountry(options.country);
  if (country?.ok === false) throw new VolleyError("usage", `--country: ${country.reason}`);
  const source = options.csv === "-" ? process.stdin : await openFile(options.csv);
  const { headers, batches } = await readCsv(source);
  const phoneColumn = findPhoneColumn(headers, options.column);
  if (!phoneColumn.ok) throw new VolleyError("usage", phoneColumn.reason);
  const progress = startProgress("reading", null);
  try {
    return await acceptCampaign(
      parts,
      draft,
      { headers, phoneColumn: phoneColumn.column, batches, country: country?.country },
      { rules: intakeRules(parts), onProgress: (count) => progress.update(count) },
    );
  } finally {
    progress.end();
  }
}

async function openFile(path: string): Promise<Readable> {
  try {
    const file = await open(path);
    return file.createReadStream();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new VolleyError(
      "csv_unreadable",
      `Cannot read ${path}: ${code}. Check the path and its permissions.`,
      { cause },
    );
  }
}

export function intakeRules({ accounts, config }: Pick<Parts, "accounts" | "config">): IntakeRules {
  return {
    routes: config.routes,
    accounts: new Map(
      [...accounts].map(([name, { account, provider }]) => [
        name,
        { account, segmentsMax: provider.facts.segmentsMax },
      ]),
    ),
  };
}

function reportIntake(result: IntakeResult, asJson: boolean): void {
  const { id, accepted, duplicates, suppressed, invalid, errors } = result;
  if (asJson) {
    printJson({ id, accepted, duplicates, suppressed, invalid });
    return;
  }
  print(id);
  say(
    `${grouped(accepted)} accepted, ${grouped(duplicates)} duplicates, ${grouped(suppressed)} suppressed, ${grouped(invalid)} invalid`,
  );
  for (const error of errors.slice(0, ERRORS_SHOWN)) say(`  row ${error.row}: ${error.reason}`);
  if (invalid > ERRORS_SHOWN) say(`  and ${grouped(invalid - ERRORS_SHOWN)} more`);
}

export async function listCampaigns(
  options: GlobalOptions & { json?: boolean; limit: number },
): Promise<void> {
  await withParts(options, async ({ ledger }) => {
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

export async function showCampaign(id: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withParts(options, (parts) => showOne(parts, campaignId(id), options.json === true));
}

export async function watchCampaign(id: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withParts(options, async (parts) => {
    await watchUntilFinished(parts, campaignId(id));
    await showOne(parts, campaignId(id), options.json === true);
  });
}

async function showOne(parts: Parts, id: CampaignId, asJson: boolean): Promise<void> {
  const campaign = await findCampaign(parts, id);
  const counts = await parts.ledger.campaigns.counts(id);
  const { state, total, startedAt, finishedAt } = campaign;
  if (asJson) return printJson({ id, state, total, counts, startedAt, finishedAt });
  printTable(
    ["CAMPAIGN", "STATE", "TOTAL", ...Object.keys(counts).map((state) => state.toUpperCase())],
    [[campaign.name, campaign.state, campaign.total, ...Object.values(counts)]],
  );
}

/** Shows the progress until the campaign is finished, and what its accounts wait for meanwhile. */
export async function watchUntilFinished(parts: Parts, id: CampaignId): Promise<void> {
  const { name, total } = await findCampaign(parts, id);
  const progress = startProgress(name, total);
  try {
    for (;;) {
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
      return pausedMs > 0
        ? `${account.name} waits ${Math.ceil(pausedMs / 1000)} s: ${reason ?? "paused"}`
        : null;
    }),
  );
  return states.filter((state) => state !== null).join(", ");
}

async function findCampaign({ ledger }: Parts, id: CampaignId): Promise<Campaign> {
  const campaign = await ledger.campaigns.find(id);
  if (campaign === null)
    throw new VolleyError("not_found", `There is no campaign ${id}. See: volley campaign list`);
  return campaign;
}

export function campaignId(text: string): CampaignId {
  const id = text.toLowerCase();
  if (!isUuid(id))
    throw new VolleyError("usage", `"${text}" is not a campaign's id. See: volley campaign list`);
  return id as CampaignId;
}
