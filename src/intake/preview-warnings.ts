// [1] What a person should know before a campaign is started, in sentences. They hold no number and no value.

import { VolleyError } from "../domain/errors.ts";
import type { QuietHours } from "../domain/quiet-hours.ts";
import { accountsFor } from "../domain/route.ts";
import { LATE_MS_MAX } from "../domain/schedule.ts";
import type { MessageGroup } from "../ledger/preview.ts";
import { startGuard } from "./campaign-caps.ts";
import type { CampaignDraft } from "./campaign-draft.ts";
import { findSenderFaults, type IntakeRules } from "./choose-accounts.ts";
import type { Preview } from "./preview.ts";

export type Facts = {
  readonly campaign: CampaignDraft;
  readonly groups: readonly MessageGroup[];
  /** Null: they do not concern it. */
  readonly quiet: QuietHours | null;
  readonly finishMs: number | null;
  readonly finishAtAnyHourMs: number | null;
};

/** A delay that is worth a sentence. */
const DELAY_MS_MIN = 60_000;

export function findWarnings(
  preview: Omit<Preview, "warnings">,
  facts: Facts,
  rules: IntakeRules,
): readonly string[] {
  return [
    ...capWarnings(preview, facts, rules),
    ...textWarnings(preview),
    ...priceWarnings(preview),
    ...hourWarnings(facts),
    ...expiryWarnings(facts),
    ...accountWarnings(facts, rules),
  ];
}

function capWarnings(
  { messages }: Pick<Preview, "messages">,
  { groups }: Facts,
  rules: IntakeRules,
): string[] {
  const guard = startGuard(rules);
  try {
    guard?.checkCount(messages);
    guard?.cost?.check(groups);
    return [];
  } catch (error) {
    if (error instanceof VolleyError) return [error.message];
    throw error;
  }
}

function textWarnings({ messages, long, ucs2, samples }: Omit<Preview, "warnings">): string[] {
  const warnings: string[] = [];
  if (long > 0) {
    const longest = samples[0]?.segments ?? 2;
    warnings.push(
      `${long} of ${counted(messages, "message")} ${long === 1 ? "takes" : "take"} more than one segment; the longest takes ${longest}.`,
    );
  }
  const inTemplate = ucs2.template.length > 0;
  if (inTemplate) {
    warnings.push(
      `The template holds ${ucs2.template.join(" ")}: not in the SMS alphabet, so a segment of every message takes 70 characters instead of 160.`,
    );
  }
  if (ucs2.values.length > 0 || (!inTemplate && ucs2.messages > 0)) {
    const characters = ucs2.values.map(({ character }) => character).join(" ");
    const which = characters === "" ? "" : `, most often ${characters}`;
    const how = inTemplate ? "Recipients' values" : `The values of ${counted(ucs2.messages, "recipient")}`;
    warnings.push(`${how} hold characters that are not in the SMS alphabet${which}.`);
  }
  return warnings;
}

function priceWarnings({ cost }: Pick<Preview, "cost">): string[] {
  if (cost === null || cost.unpriced === 0) return [];
  return [
    `${counted(cost.unpriced, "message")} without a price; the cost leaves ${cost.unpriced === 1 ? "it" : "them"} out.`,
  ];
}

function hourWarnings({ groups, quiet, finishMs, finishAtAnyHourMs }: Facts): string[] {
  if (quiet === null) return [];
  const warnings: string[] = [];
  const lost = groups.reduce((sum, { zones, messages }) => sum + (zones.length === 0 ? messages : 0), 0);
  if (lost > 0)
    warnings.push(
      `Nobody knows the time zone of ${lost === 1 ? "one person" : `${lost} people`}; quiet hours do not hold there.`,
    );
  if (finishMs === null || finishAtAnyHourMs === null) return warnings;
  if (finishMs - finishAtAnyHourMs >= DELAY_MS_MIN) {
    const at = (ms: number) => new Date(ms).toISOString();
    warnings.push(`Quiet hours delay the end from ${at(finishAtAnyHourMs)} to ${at(finishMs)}.`);
  }
  return warnings;
}

/** Those with a time of their own wait for it, and after it not for ever. */
function expiryWarnings({ groups, finishMs }: Facts): string[] {
  const lastDueMs = Math.max(...groups.map((group) => group.lastDueMs ?? Number.NEGATIVE_INFINITY));
  if (!Number.isFinite(lastDueMs) || finishMs === null || finishMs <= lastDueMs + LATE_MS_MAX) return [];
  return [
    `Messages with a time of their own are sent up to ${LATE_MS_MAX / 3_600_000} hours after it, and these take longer: the rest expires. Spread the times, or raise the accounts' limits.`,
  ];
}

function accountWarnings({ campaign, groups }: Facts, rules: IntakeRules): string[] {
  const warnings: string[] = [];
  const used = new Set(groups.map(({ account }) => account));
  for (const name of used) {
    const known = rules.accounts.get(name);
    if (known === undefined) warnings.push(`The account ${name} is not configured; its messages wait.`);
    const perDay = known?.account.dayCap ?? null;
    if (perDay !== null)
      warnings.push(`The account ${name} has a cap of the day; what goes beyond it waits for the next one.`);
  }
  const faults = findSenderFaults(rules, campaign.from);
  for (const name of new Set([...used, ...standBys(campaign, groups, rules)])) {
    const fault = faults.get(name);
    if (fault !== undefined) warnings.push(`The account ${name} sends none of it: ${fault}`);
  }
  return warnings;
}

/** Accounts of the routes that its people have, which would send what the first of them cannot. */
function standBys(
  campaign: CampaignDraft,
  groups: readonly MessageGroup[],
  { routes }: IntakeRules,
): string[] {
  if (campaign.account !== null) return [];
  return groups.flatMap(({ example }) =>
    accountsFor(routes, { class: campaign.class, to: example }).map(({ name }) => name),
  );
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}
