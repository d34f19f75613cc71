// [1] One message to one person: checked, routed, and committed as a chunk of its own before anybody hears "accepted".

import type { ChunkId } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { createMessageId } from "../domain/ids.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { accountsFor } from "../domain/route.ts";
import { sensitive } from "../domain/sensitive.ts";
import { measureText } from "../domain/sms-text.ts";
import { checkText } from "../domain/text-check.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { IntakeRules } from "./accept-campaign.ts";

export type MessageDraft = {
  readonly to: string;
  readonly text: string;
  readonly from: string | null;
  readonly class: MessageClass;
  /** Null: the routes choose. */
  readonly account: string | null;
};

export type AcceptedMessage = {
  readonly id: MessageId;
  readonly state: "queued";
  readonly segments: number;
  readonly chunk: { readonly id: ChunkId; readonly account: string; readonly class: MessageClass };
};

export async function acceptMessage(
  { ledger }: { readonly ledger: Pick<Ledger, "chunks"> },
  draft: MessageDraft,
  rules: IntakeRules,
): Promise<AcceptedMessage> {
  const refused = (reason: string) => new VolleyError("usage", `Cannot send: ${reason}`);
  const to = parsePhoneNumber(draft.to);
  if (!to.ok) throw refused(`the number in "to": ${to.reason}`);
  const [account] =
    draft.account === null
      ? accountsFor(rules.routes, { class: draft.class, to: to.number })
      : [draft.account];
  if (account === undefined)
    throw refused("no route leads to this number. Add an account or a route to the configuration.");
  const at = rules.accounts.get(account);
  if (at === undefined)
    throw refused(`no account is named "${account}". Configured: ${[...rules.accounts.keys()].join(", ")}.`);
  const text = checkText(draft.text, at.segmentsMax);
  if (!text.ok) throw refused(text.reason);

  const id = createMessageId(Date.now());
  const { segments } = measureText(draft.text);
  const added = await ledger.chunks.add({
    campaignId: null,
    account,
    class: draft.class,
    sender: draft.from,
    state: "released",
    messages: [{ id, to: to.number, position: 0, segments, text: sensitive(draft.text), values: null }],
  });
  if (added.id === null) throw new VolleyError("state_conflict", "Cannot send: this person has opted out.");
  return { id, state: "queued", segments, chunk: { id: added.id, account, class: draft.class } };
}
