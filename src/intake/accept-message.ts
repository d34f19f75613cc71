// [1] One message to one person: checked, routed, and committed as a chunk of its own before anybody hears "accepted".

import assert from "node:assert";
import type { ChunkId } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { createMessageId } from "../domain/ids.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { sensitive } from "../domain/sensitive.ts";
import { measureText } from "../domain/sms-text.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { chooseAccounts, findSenderFaults, type IntakeRules } from "./choose-accounts.ts";
import { dueTime, type TimeOf } from "./due-time.ts";

export type MessageDraft = {
  readonly to: string;
  readonly text: string;
  readonly from: string | null;
  readonly class: MessageClass;
  /** Null: the routes choose. */
  readonly account: string | null;
  readonly time?: TimeOf;
  /** The customer's own words for it; they mean nothing to us. */
  readonly reference?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
};

export type AcceptedMessage = {
  readonly id: MessageId;
  readonly state: "queued" | "scheduled";
  readonly segments: number;
  /** For the queue; null: it waits for its time. */
  readonly chunk: { readonly id: ChunkId; readonly account: string; readonly class: MessageClass } | null;
};

export async function acceptMessage(
  { ledger }: { readonly ledger: { readonly chunks: Pick<Ledger["chunks"], "add"> } },
  draft: MessageDraft,
  rules: IntakeRules,
): Promise<AcceptedMessage> {
  const refused = (reason: string, path?: string) =>
    new VolleyError("usage", `Cannot send: ${reason}`, {
      details: path === undefined ? {} : { faults: [{ path, message: reason }] },
    });
  const to = parsePhoneNumber(draft.to);
  if (!to.ok) throw refused(`the number in "to": ${to.reason}`, "to");
  if (draft.account !== null && !rules.accounts.has(draft.account)) {
    const names = [...rules.accounts.keys()].join(", ") || "none";
    throw refused(`no account is named "${draft.account}". Configured: ${names}.`, "account");
  }
  const nowMs = Date.now();
  const { class: ofClass, time = {} } = draft;
  const due = dueTime({ ...time, to: to.number, class: ofClass, quietHours: rules.quietHours, nowMs });
  if (!due.ok) throw refused(due.reason);
  const id = createMessageId(nowMs);
  const senderFaults = findSenderFaults(rules, draft.from);
  const chosen = chooseAccounts(rules, { ...draft, id, to: to.number }, senderFaults);
  if (!chosen.ok) throw refused(chosen.reason);

  const { segments } = measureText(draft.text);
  const added = await ledger.chunks.add({
    campaignId: null,
    accounts: chosen.accounts,
    class: draft.class,
    sender: draft.from,
    zones: due.zones,
    state: "released",
    messages: [
      {
        id,
        to: to.number,
        position: 0,
        segments,
        text: sensitive(draft.text),
        values: null,
        dueAt: due.dueAt,
        expiresAt: due.expiresAt,
        reference: draft.reference,
        metadata: draft.metadata,
      },
    ],
  });
  if (added.id === null) throw new VolleyError("state_conflict", "Cannot send: this person has opted out.");
  const [account] = chosen.accounts;
  assert(account !== undefined, "an accepted message has an account");
  const waits = added.scheduled > 0;
  return {
    id,
    state: waits ? "scheduled" : "queued",
    segments,
    chunk: waits ? null : { id: added.id, account, class: ofClass },
  };
}
