// [1] A campaign before it has recipients: what it is to say, as whom, and through which account.

import { VolleyError } from "../domain/errors.ts";
import { createCampaignId } from "../domain/ids.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import { parseTemplate, type Template } from "../domain/template.ts";
import { characterFault } from "../domain/text-check.ts";
import type { Moved } from "../ledger/campaign-moves.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { findSenderFaults, type IntakeRules, type SenderFaults } from "./choose-accounts.ts";
import { campaignTime } from "./due-time.ts";

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

/** Now, or when its time has come. Null: there is no such campaign. */
export async function startCampaign(
  { ledger }: { readonly ledger: { readonly campaigns: Pick<Ledger["campaigns"], "start"> } },
  campaign: Pick<CampaignDraft, "sendAt" | "timeZone"> & { readonly id: CampaignId },
): Promise<Moved | "empty"> {
  const time = campaignTime(campaign, Date.now());
  if (!time.ok) throw new VolleyError("state_conflict", `Cannot start the campaign: ${time.reason}`);
  return ledger.campaigns.start(campaign.id, time.startAt);
}

/** Checks what concerns the campaign as a whole. */
export function checkDraft(
  draft: CampaignDraft,
  rules: IntakeRules,
): { readonly template: Template; readonly senderFaults: SenderFaults } {
  const fault = (code: "usage" | "template_invalid", reason: string) =>
    new VolleyError(code, `Cannot create the campaign: ${reason}`);
  if (draft.name.trim() === "" || draft.name.length > NAME_CHARACTERS_MAX) {
    throw fault("usage", `its name must have 1 to ${NAME_CHARACTERS_MAX} characters.`);
  }
  const nameFault = characterFault(draft.name);
  if (nameFault !== null) throw fault("usage", `its name ${nameFault}.`);
  const parsed = parseTemplate(draft.template);
  if (!parsed.ok) throw fault("template_invalid", parsed.reason);
  if (draft.account !== null && !rules.accounts.has(draft.account)) {
    const names = [...rules.accounts.keys()].join(", ") || "none";
    throw fault("usage", `no account is named "${draft.account}". Configured: ${names}.`);
  }
  const time = campaignTime(draft, Date.now());
  if (!time.ok) throw fault("usage", time.reason);
  const senderFaults = findSenderFaults(rules, draft.from);
  const noSender = senderFaultOfAll(draft, rules, senderFaults);
  if (noSender !== null) throw fault("usage", noSender);
  return { template: parsed.template, senderFaults };
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
