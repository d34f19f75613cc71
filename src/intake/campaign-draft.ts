// [1] A campaign before it has recipients: what it is to say, as whom, and through which account.

import { VolleyError } from "../domain/errors.ts";
import { createCampaignId } from "../domain/ids.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import { parseTemplate, type Template } from "../domain/template.ts";
import { characterFault } from "../domain/text-check.ts";
import type { Moved } from "../ledger/campaign-moves.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { startGuard } from "./campaign-caps.ts";
import { findSenderFaults, type IntakeRules, type SenderFaults } from "./choose-accounts.ts";
import { campaignTime, type TimeFault } from "./due-time.ts";

export type CampaignDraft = {
  readonly name: string;
  readonly class: MessageClass;
  readonly template: string;
  readonly from: string | null;
  /** Null: the routes choose. */
  readonly account: string | null;
  /** When it is to start; null: when it is told to. */
  readonly sendAt: string | null;
  /** In which `sendAt` is read: an IANA name, or "recipient" for each recipient's own. */
  readonly timeZone: string | null;
};

const NAME_CHARACTERS_MAX = 200;

/** What the ledger keeps, in the words of the intake. */
export function draftOf<Kept extends { readonly sender: string | null }>({ sender, ...kept }: Kept) {
  return { ...kept, from: sender };
}

/** Throws a VolleyError that says what is wrong with it. */
export async function createDraft(
  { ledger }: { readonly ledger: { readonly campaigns: Pick<Ledger["campaigns"], "createDraft"> } },
  draft: CampaignDraft,
  rules: IntakeRules,
): Promise<CampaignId> {
  checkDraft(draft, rules);
  const id = createCampaignId(Date.now());
  const { from: sender, ...rest } = draft;
  await ledger.campaigns.createDraft({ id, sender, ...rest });
  return id;
}

/** Now, or when its time has come. Null: there is no such campaign. Throws when it would pass a cap. */
export async function startCampaign(
  { ledger }: { readonly ledger: { readonly campaigns: Pick<Ledger["campaigns"], "start"> } },
  campaign: Pick<CampaignDraft, "sendAt" | "timeZone"> & {
    readonly id: CampaignId;
    readonly edition?: number | undefined;
  },
  rules: IntakeRules,
  /** By which its time is in the past or not. */
  nowMs = Date.now(),
): Promise<Moved | "empty"> {
  const time = campaignTime(campaign, nowMs);
  if (!time.ok) throw new VolleyError("state_conflict", `Cannot start the campaign: ${time.reason}`);
  return ledger.campaigns.start(campaign.id, time.startAt, campaign.edition, startGuard(rules));
}

/** Checks what concerns the campaign as a whole. */
export function checkDraft(
  draft: CampaignDraft,
  rules: IntakeRules,
): { readonly template: Template; readonly senderFaults: SenderFaults } {
  if (draft.name.trim() === "" || draft.name.length > NAME_CHARACTERS_MAX) {
    throw fault("name", `its name must have 1 to ${NAME_CHARACTERS_MAX} characters.`);
  }
  const nameFault = characterFault(draft.name);
  if (nameFault !== null) throw fault("name", `its name ${nameFault}.`);
  const parsed = parseTemplate(draft.template);
  if (!parsed.ok) throw fault("template", parsed.reason);
  if (draft.account !== null && !rules.accounts.has(draft.account)) {
    const names = [...rules.accounts.keys()].join(", ") || "none";
    throw fault("account", `no account is named "${draft.account}". Configured: ${names}.`);
  }
  const time = campaignTime(draft, Date.now());
  if (!time.ok) throw fault(time.field, time.reason);
  const senderFaults = findSenderFaults(rules, draft.from);
  const noSender = senderFaultOfAll(draft, rules, senderFaults);
  if (noSender !== null) throw fault("from", noSender);
  return { template: parsed.template, senderFaults };
}

function fault(path: keyof CampaignDraft | TimeFault["field"], reason: string): VolleyError {
  return new VolleyError(
    path === "template" ? "template_invalid" : "usage",
    `Cannot create the campaign: ${reason}`,
    { details: { faults: [{ path, message: reason }] } },
  );
}

/** When no account that could send any of the campaign takes its sender: what the first of them says. */
function senderFaultOfAll(draft: CampaignDraft, rules: IntakeRules, faults: SenderFaults): string | null {
  const routes = rules.routes.filter((route) => route.class === null || route.class === draft.class);
  const names =
    draft.account === null
      ? routes.flatMap(({ accounts }) => accounts.map(({ name }) => name))
      : [draft.account];
  const [first] = names;
  return first !== undefined && names.every((name) => faults.has(name)) ? (faults.get(first) ?? null) : null;
}
