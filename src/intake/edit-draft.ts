// [1] A draft that a person edits. What its recipients were checked, rendered, routed and timed by stays as it is once
// there are any.

import { VolleyError } from "../domain/errors.ts";
import type { CampaignId } from "../domain/message.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type CampaignDraft, checkDraft } from "./campaign-draft.ts";
import type { IntakeRules } from "./choose-accounts.ts";
import { RECIPIENT_ZONE } from "./due-time.ts";

/** Fields that are absent stay as they are. */
export type DraftEdit = { readonly [Field in keyof CampaignDraft]?: CampaignDraft[Field] | undefined };

const contentFields = ["template", "class", "from", "account"] as const;
const timeFields = ["sendAt", "timeZone"] as const;

/** Throws a VolleyError that says what is wrong with it. */
export async function editDraft(
  { ledger }: { readonly ledger: { readonly campaigns: Pick<Ledger["campaigns"], "edit"> } },
  id: CampaignId,
  edit: DraftEdit,
  rules: IntakeRules,
): Promise<void> {
  const edited = await ledger.campaigns.edit(id, ({ content, hasRecipients }) => {
    const { sender, ...rest } = content;
    const before: CampaignDraft = { ...rest, from: sender };
    const after = applyEdit(before, edit);
    if (hasRecipients) refuseFixed(before, after);
    const isTimed = timeFields.some((field) => before[field] !== after[field]);
    // A time that has passed meanwhile must not stand in the way of a new name.
    checkDraft(isTimed ? after : { ...after, sendAt: null }, rules);
    const { from, ...changed } = after;
    return { ...changed, id, sender: from };
  });
  if (edited === null) throw new VolleyError("not_found", "There is no such campaign.");
  if (!edited.ok) {
    const state = edited.state.replaceAll("_", " ");
    throw new VolleyError(
      "state_conflict",
      `Cannot edit the campaign: it is ${state}, and only drafts are edited.`,
    );
  }
}

function applyEdit(before: CampaignDraft, edit: DraftEdit): CampaignDraft {
  const given = Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined));
  return { ...before, ...given };
}

/** In the recipients' own zones every message has its own time already; else only the campaign has one. */
function refuseFixed(before: CampaignDraft, after: CampaignDraft): void {
  const isEachOnes = [before, after].some(({ timeZone }) => timeZone === RECIPIENT_ZONE);
  const fixed = isEachOnes ? [...contentFields, ...timeFields] : contentFields;
  const changed = fixed.filter((field) => before[field] !== after[field]);
  if (changed.length === 0) return;
  const message = "It cannot be changed while the campaign has recipients.";
  throw new VolleyError(
    "state_conflict",
    `Cannot change ${changed.join(", ")}: the campaign's recipients were checked by it. Make a new campaign.`,
    { details: { faults: changed.map((path) => ({ path, message })) } },
  );
}
