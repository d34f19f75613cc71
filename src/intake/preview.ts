// [1] What a campaign would be, before anybody sends it: how many messages and segments, what they cost, which
// characters make them dear, how long it takes, how some of them read. What a person should know first:
// preview-warnings.ts. The database counts; what is held here is a row for each country, account and zone.

import { readStoredTemplate, readStoredText } from "../domain/batch.ts";
import type { CampaignState } from "../domain/campaign.ts";
import { estimateFinish, type Pace, type Work } from "../domain/finish-estimate.ts";
import type { CampaignId } from "../domain/message.ts";
import { callingCodeOf } from "../domain/numbering-plan.ts";
import { type CountryCode, parsePhoneNumber } from "../domain/phone-number.ts";
import type { QuietHours } from "../domain/quiet-hours.ts";
import { measureText, type TextMeasure, ucs2Characters } from "../domain/sms-text.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { MessageGroup } from "../ledger/preview.ts";
import { addRecipients, type Recipients, type Upload, type UploadOptions } from "./add-recipients.ts";
import { type Cost, costOf, longestPrefix } from "./campaign-caps.ts";
import { type CampaignDraft, createDraft } from "./campaign-draft.ts";
import type { IntakeRules } from "./choose-accounts.ts";
import { campaignTime } from "./due-time.ts";
import { findWarnings } from "./preview-warnings.ts";

export type Preview = {
  readonly messages: number;
  readonly segments: number;
  /** Messages of more than one segment. */
  readonly long: number;
  readonly ucs2: {
    readonly messages: number;
    /** Characters of the template that force it on every message. */
    readonly template: readonly string[];
    /** The most frequent ones that recipients' values bring along. */
    readonly values: readonly { readonly character: string; readonly messages: number }[];
  };
  /** Null: no prices are configured. */
  readonly cost: (Cost & { readonly currency: string }) | null;
  readonly countries: readonly (Share & {
    /** Null: the number tells its calling code only. */
    readonly country: CountryCode | null;
    readonly callingCode: string | null;
  })[];
  readonly accounts: readonly (Share & { readonly name: string })[];
  /** The longest message first. */
  readonly samples: readonly Sample[];
  readonly startsAt: Date;
  /** If its accounts sent nothing else. Null: nothing is left to send, or nobody can say. */
  readonly finishesAt: Date | null;
  /** Whole sentences. */
  readonly warnings: readonly string[];
};
export type Share = { readonly messages: number; readonly segments: number; readonly cost: Cost };
export type Sample = Pick<TextMeasure, "encoding" | "segments"> & { readonly text: string };

type Previewed = CampaignDraft & {
  readonly id: CampaignId;
  /** Absent: it is a draft. */
  readonly state?: CampaignState;
  /** When it was scheduled for. */
  readonly startAt?: Date | null;
};
type PreviewParts = { readonly ledger: { readonly preview: Ledger["preview"] } };

export async function previewCampaign(
  { ledger }: PreviewParts,
  campaign: Previewed,
  rules: IntakeRules,
): Promise<Preview> {
  const nowMs = Date.now();
  const groups = await ledger.preview.groups(campaign.id, longestPrefix(rules));
  const template = ucs2Characters(campaign.template);
  const foreign = sumOf(groups, ({ foreign: messages }) => messages);
  const values = foreign === 0 ? [] : await ledger.preview.foreignCharacters(campaign.id);
  const { messages, segments, cost } = shareOf(groups, rules);
  const startMs = startOf(campaign, nowMs);
  const quiet = rules.quietHours?.classes.includes(campaign.class) === true ? rules.quietHours : null;
  const finish = (hours: QuietHours | null) => finishOf(groups, { rules, quiet: hours, fromMs: startMs });
  const finishMs = finish(quiet);
  const preview = {
    messages,
    segments,
    long: sumOf(groups, ({ long }) => long),
    ucs2: { messages: template.length > 0 ? messages : foreign, template, values },
    cost: rules.currency === null ? null : { ...cost, currency: rules.currency },
    countries: countriesOf(groups, rules),
    accounts: [...Map.groupBy(groups, ({ account }) => account)]
      .map(([name, own]) => ({ name, ...shareOf(own, rules) }))
      .toSorted(largestFirst),
    samples: await samplesOf({ ledger }, campaign),
    startsAt: new Date(startMs),
    finishesAt: finishMs === null ? null : new Date(finishMs),
  };
  const facts = {
    campaign,
    groups,
    quiet,
    finishMs,
    finishAtAnyHourMs: quiet === null ? finishMs : finish(null),
  };
  return { ...preview, warnings: findWarnings(preview, facts, rules) };
}

/** A campaign as it would be, of which nothing stays. */
export function tryCampaign(
  { ledger }: { readonly ledger: Pick<Ledger, "tryOut"> },
  draft: CampaignDraft,
  recipients: Recipients,
  options: UploadOptions,
): Promise<Upload & { readonly preview: Preview }> {
  return ledger.tryOut(async (trial) => {
    const id = await createDraft({ ledger: trial }, draft, options.rules);
    const upload = await addRecipients({ ledger: trial }, { ...draft, id }, recipients, options);
    return { ...upload, preview: await previewCampaign({ ledger: trial }, { ...draft, id }, options.rules) };
  });
}

function startOf(campaign: Previewed, nowMs: number): number {
  if (campaign.state !== undefined && campaign.state !== "draft") {
    return Math.max(nowMs, campaign.startAt?.getTime() ?? nowMs);
  }
  const time = campaignTime(campaign, nowMs);
  return time.ok ? (time.startAt?.getTime() ?? nowMs) : nowMs;
}

/** Of the account that takes longest. */
function finishOf(
  groups: readonly MessageGroup[],
  {
    rules,
    quiet,
    fromMs,
  }: { readonly rules: IntakeRules; readonly quiet: QuietHours | null; readonly fromMs: number },
): number | null {
  const open = groups.filter(({ open: { messages } }) => messages > 0);
  if (open.length === 0) return null;
  let lastMs = fromMs;
  for (const [name, own] of Map.groupBy(open, ({ account }) => account)) {
    const pace = paceOf(own, name, rules);
    const finishMs = pace === null ? null : estimateFinish(worksOf(own), { pace, quiet, fromMs });
    if (finishMs === null) return null;
    lastMs = Math.max(lastMs, finishMs);
  }
  return lastMs;
}

function worksOf(groups: readonly MessageGroup[]): Work[] {
  const alike = Map.groupBy(groups, ({ zones }) => zones.join());
  return [...alike.values()].map((own) => ({
    zones: own[0]?.zones ?? [],
    messages: sumOf(own, ({ open }) => open.messages),
    segments: sumOf(own, ({ open }) => open.segments),
    // Some of them may leave at once.
    firstDueMs: own.some(({ firstDueMs }) => firstDueMs === null)
      ? null
      : Math.min(...own.map(({ firstDueMs }) => firstDueMs ?? 0)),
    lastDueMs: Math.max(0, ...own.map(({ lastDueMs }) => lastDueMs ?? 0)),
  }));
}

/** Null: the account is not configured any more. */
function paceOf(groups: readonly MessageGroup[], name: string, rules: IntakeRules): Pace | null {
  const known = rules.accounts.get(name);
  if (known === undefined) return null;
  const { limits, dayCap } = known.account;
  const { messages, cost } = shareOf(groups, rules);
  const byCost = (capMicros: number) => Math.floor((capMicros * messages) / Math.max(1, cost.micros));
  const caps = [dayCap?.messages ?? null, dayCap?.costMicros == null ? null : byCost(dayCap.costMicros)];
  const bounds = caps.filter((cap) => cap !== null);
  return {
    requestsPerSecond: limits.requestsPerSecond,
    segmentsPerSecond: limits.segmentsPerSecond,
    batchMax: known.batchMax,
    messagesPerDay: bounds.length === 0 ? null : Math.min(...bounds),
  };
}

function countriesOf(groups: readonly MessageGroup[], rules: IntakeRules): Preview["countries"] {
  const placed = groups.map((group) => {
    const reading = parsePhoneNumber(group.example);
    const callingCode = callingCodeOf(group.example.slice(1));
    return { group, country: reading.ok ? reading.country : null, callingCode };
  });
  return [...Map.groupBy(placed, ({ country, callingCode }) => `${country} ${callingCode}`).values()]
    .map((own) => ({
      country: own[0]?.country ?? null,
      callingCode: own[0]?.callingCode == null ? null : `+${own[0].callingCode}`,
      ...shareOf(
        own.map(({ group }) => group),
        rules,
      ),
    }))
    .toSorted(largestFirst);
}

async function samplesOf({ ledger }: PreviewParts, { id, template: source }: Previewed): Promise<Sample[]> {
  const template = readStoredTemplate(source);
  const texts = (await ledger.preview.samples(id)).flatMap(
    (stored) => readStoredText(stored, template) ?? [],
  );
  return [...new Set(texts)].map((text) => {
    const { encoding, segments } = measureText(text);
    return { text, encoding, segments };
  });
}

function shareOf(groups: readonly MessageGroup[], rules: IntakeRules): Share {
  return {
    messages: sumOf(groups, ({ messages }) => messages),
    segments: sumOf(groups, ({ segments }) => segments),
    cost: costOf(groups, rules),
  };
}

function sumOf(groups: readonly MessageGroup[], count: (group: MessageGroup) => number): number {
  return groups.reduce((sum, group) => sum + count(group), 0);
}

function largestFirst(one: Share, other: Share): number {
  return other.messages - one.messages;
}
