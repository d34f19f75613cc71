// [1] One message to one person: checked, routed, and committed as a chunk of its own before anybody hears "accepted".

import assert from "node:assert";
import type { ReleasedChunk } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { createMessageId } from "../domain/ids.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { sensitive } from "../domain/sensitive.ts";
import { measureText } from "../domain/sms-text.ts";
import type { NewChunk, NewMessage } from "../ledger/add-chunk.ts";
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
  readonly chunk: ReleasedChunk | null;
};

/** A chunk of this one message. */
export type PlannedMessage =
  | { readonly ok: true; readonly chunk: NewChunk; readonly message: NewMessage }
  | { readonly ok: false; readonly field: string; readonly reason: string };

export async function acceptMessage(
  { ledger }: { readonly ledger: { readonly chunks: Pick<Ledger["chunks"], "add"> } },
  draft: MessageDraft,
  rules: IntakeRules,
): Promise<AcceptedMessage> {
  const plan = planMessage(draft, rules, Date.now());
  if (!plan.ok) {
    throw new VolleyError("usage", `Cannot send: ${plan.reason}`, {
      details: { faults: [{ path: plan.field, message: plan.reason }] },
    });
  }
  const { chunk, message } = plan;
  const added = await ledger.chunks.add(chunk);
  if (added.id === null) throw new VolleyError("state_conflict", "Cannot send: this person has opted out.");
  const [account] = chunk.accounts;
  assert(account !== undefined, "an accepted message has an account");
  const waits = added.scheduled > 0;
  return {
    id: message.id,
    state: waits ? "scheduled" : "queued",
    segments: message.segments,
    chunk: waits ? null : { id: added.id, account, class: chunk.class, messages: 1, round: added.round },
  };
}

/** What is sent, when and through which accounts; stores nothing. */
export function planMessage(draft: MessageDraft, rules: IntakeRules, nowMs: number): PlannedMessage {
  const refused = (field: string, reason: string) => ({ ok: false, field, reason }) as const;
  const to = parsePhoneNumber(draft.to);
  if (!to.ok) return refused("to", `the number in "to": ${to.reason}`);
  if (draft.account !== null && !rules.accounts.has(draft.account)) {
    const names = [...rules.accounts.keys()].join(", ") || "none";
    return refused("account", `no account is named "${draft.account}". Configured: ${names}.`);
  }
  const { class: ofClass, time = {} } = draft;
  const due = dueTime({ ...time, to, class: ofClass, quietHours: rules.quietHours, nowMs });
  if (!due.ok) return due;
  const id = createMessageId(nowMs);
  const chosen = chooseAccounts(rules, { ...draft, id, to: to.number }, findSenderFaults(rules, draft.from));
  if (!chosen.ok) return chosen;
  const message: NewMessage = {
    id,
    to: to.number,
    position: 0,
    segments: measureText(draft.text).segments,
    text: sensitive(draft.text),
    values: null,
    dueAt: due.dueAt,
    expiresAt: due.expiresAt,
    reference: draft.reference,
    metadata: draft.metadata,
  };
  const chunk: NewChunk = {
    campaignId: null,
    accounts: chosen.accounts,
    class: ofClass,
    sender: draft.from,
    zones: due.zones,
    state: "released",
    messages: [message],
  };
  return { ok: true, chunk, message };
}
