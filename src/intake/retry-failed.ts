// [1] A person has failed messages sent again: as a new campaign, or single messages as single ones. Whatever may
// have reached somebody stays out, and each text is checked anew, for it may go through another account.
//
// A part of some thousand messages is in memory at a time. Of several calls at once, or one after another that died,
// each message is retried by one.

import { readStoredTemplate, readStoredText } from "../domain/batch.ts";
import { CHUNK_ROWS_MAX, type ChunkId, type ReleasedChunk } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { createCampaignId, createMessageId, recipientMessageId } from "../domain/ids.ts";
import { type CampaignId, type MessageId, type MessageState, retryableStates } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { measureText } from "../domain/sms-text.ts";
import type { Template } from "../domain/template.ts";
import type { FailedMessage, RetryFilter } from "../ledger/find-failed.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { startGuard } from "./campaign-caps.ts";
import { findSenderFaults, type IntakeRules, keepAccounts, type SenderFaults } from "./choose-accounts.ts";

export type RetryRequest = {
  /** Absent: all that may be sent again. */
  readonly states?: readonly MessageState[] | undefined;
  readonly reasons?: readonly string[] | undefined;
  /** Where they failed. */
  readonly account?: string | undefined;
  /** When they did. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** The account to send through; absent: those that had them. */
  readonly through?: string | undefined;
  /** Also those that may have arrived: a person says that they did not, or may arrive twice. */
  readonly includeUnknown?: boolean | undefined;
};

export type Retried = {
  readonly accepted: number;
  readonly skipped: {
    readonly alreadyRetried: number;
    readonly suppressed: number;
    readonly mayHaveBeenSent: number;
    /** No account takes them as they are, or their content was deleted. */
    readonly refused: number;
  };
  /** The first of the refused; the others are only counted. */
  readonly refusals: readonly { readonly id: MessageId; readonly reason: string }[];
};
/** Null: nothing was left to retry, and there is no campaign. */
export type RetriedCampaign = Retried & { readonly id: CampaignId | null };
/** The chunks are for the queue. */
export type RetriedMessages = Retried & { readonly chunks: readonly ReleasedChunk[] };

type Parts = { readonly ledger: Pick<Ledger, "campaigns" | "retries"> };

const REFUSALS_KEPT = 10;
const NAME_CHARACTERS_MAX = 200;
const NAME_ENDING = " (retry)";

export async function retryCampaign(
  { ledger }: Parts,
  of: CampaignId,
  request: RetryRequest,
  rules: IntakeRules,
): Promise<RetriedCampaign> {
  checkThrough(request, rules);
  const original = await ledger.campaigns.find(of);
  if (original === null) throw new VolleyError("not_found", `There is no campaign ${of}.`);
  for (const draft of await ledger.retries.abandonedDrafts(of)) await ledger.campaigns.discardDraft(draft);

  const id = createCampaignId(Date.now());
  const account = request.through ?? original.account;
  await ledger.retries.openDraft(of, { id, name: retryName(original.name), account });
  try {
    const { chunks: _, ...retried } = await retryAll(ledger, request, rules, {
      of,
      into: id,
      template: readStoredTemplate(original.template),
      idFor: ({ to }) => recipientMessageId(id, to),
    });
    const { alreadyRetried, suppressed, refused } = retried.skipped;
    await ledger.campaigns.noteRefusals(id, { duplicates: alreadyRetried, suppressed, invalid: refused });
    const started = await ledger.campaigns.start(id, null, undefined, startGuard(rules));
    if (started !== "empty") {
      if (started?.ok === true) return { id, ...retried };
      throw new VolleyError("state_conflict", `Cannot start retry ${id}: somebody else had it. Retry again.`);
    }
    await ledger.campaigns.discardDraft(id);
    return { id: null, ...retried };
  } catch (error) {
    await ledger.campaigns.discardDraft(id).catch(() => undefined);
    throw error;
  }
}

/** Messages outside of campaigns. What a call that dies midway has retried is sent; the rest is there for the next. */
export function retryMessages(
  { ledger }: Parts,
  request: RetryRequest,
  rules: IntakeRules,
): Promise<RetriedMessages> {
  checkThrough(request, rules);
  const nowMs = Date.now();
  return retryAll(ledger, request, rules, {
    of: null,
    into: null,
    template: null,
    idFor: () => createMessageId(nowMs),
  });
}

function checkThrough({ through }: RetryRequest, { accounts }: IntakeRules): void {
  if (through === undefined || accounts.has(through)) return;
  const names = [...accounts.keys()].join(", ") || "none";
  throw new VolleyError("usage", `Cannot retry: no account is named "${through}". Configured: ${names}.`);
}

function retryName(name: string): string {
  if (name.endsWith(NAME_ENDING)) return name;
  return name.slice(0, NAME_CHARACTERS_MAX - NAME_ENDING.length).toWellFormed() + NAME_ENDING;
}

type Target = {
  /** Null: the single messages. */
  readonly of: CampaignId | null;
  readonly into: CampaignId | null;
  readonly template: Template | null;
  readonly idFor: (message: Retryable) => MessageId;
};

async function retryAll(
  ledger: Parts["ledger"],
  request: RetryRequest,
  rules: IntakeRules,
  { of, into, template, idFor }: Target,
): Promise<RetriedMessages> {
  const includeUnknown = request.includeUnknown === true;
  const filter = filterOf(request, includeUnknown);
  const check = createCheck(request, rules, template, includeUnknown);
  const skipped = { alreadyRetried: 0, suppressed: 0, mayHaveBeenSent: 0, refused: 0 };
  const refusals: { id: MessageId; reason: string }[] = [];
  const chunks: ReleasedChunk[] = [];
  let accepted = 0;

  const walk = { whose: of, last: await ledger.retries.lastChunk(of) };
  for (let after: ChunkId | null = null; ; ) {
    const part = await ledger.retries.nextPart({ ...walk, after });
    if (part === null) return { accepted, skipped, refusals, chunks };
    after = part.at(-1) ?? null;
    const retryable: Retryable[] = [];
    for (const message of await ledger.retries.findFailed(part, filter)) {
      const checked = check(message);
      if (checked.ok) {
        retryable.push(checked.message);
        continue;
      }
      skipped[checked.why] += 1;
      if ("reason" in checked && refusals.length < REFUSALS_KEPT) {
        refusals.push({ id: message.id, reason: checked.reason });
      }
    }
    for (const { messages, ...common } of cutChunks(retryable)) {
      const added = await ledger.retries.add({
        ...common,
        campaignId: into,
        messages: messages.map((one) => ({ failedId: one.id, id: idFor(one), segments: one.segments })),
        includeUnknown,
      });
      accepted += added.accepted;
      skipped.alreadyRetried += added.alreadyRetried;
      skipped.mayHaveBeenSent += added.unsettled;
      if (added.chunk !== null) chunks.push(added.chunk);
    }
  }
}

/** Unknowns are looked at although they are left out, to be counted. */
function filterOf(request: RetryRequest, includeUnknown: boolean): RetryFilter {
  const states: readonly MessageState[] = request.states ?? [...retryableStates, "unknown"];
  const wrong = states.find((state) => ![...retryableStates, "unknown"].includes(state));
  if (wrong !== undefined) {
    throw new VolleyError(
      "usage",
      `Cannot retry messages that are ${wrong}: only those that are ${retryableStates.join(", ")} or unknown.`,
    );
  }
  return {
    states: includeUnknown ? [...new Set<MessageState>([...states, "unknown"])] : states,
    reasons: request.reasons ?? [],
    account: request.account ?? null,
    since: request.since ?? null,
    until: request.until ?? null,
  };
}

type Retryable = Pick<FailedMessage, "id" | "class" | "sender" | "zones"> & {
  readonly to: Parameters<typeof recipientMessageId>[1];
  readonly accounts: readonly string[];
  readonly segments: number;
};
type Checked =
  | { readonly ok: true; readonly message: Retryable }
  | { readonly ok: false; readonly why: Exclude<keyof Retried["skipped"], "refused"> }
  | { readonly ok: false; readonly why: "refused"; readonly reason: string };

function createCheck(
  { through }: RetryRequest,
  rules: IntakeRules,
  template: Template | null,
  includeUnknown: boolean,
): (message: FailedMessage) => Checked {
  const faultsBySender = new Map<string | null, SenderFaults>();
  const faultsOf = (sender: string | null) => {
    const faults = faultsBySender.get(sender) ?? findSenderFaults(rules, sender);
    faultsBySender.set(sender, faults);
    return faults;
  };
  const refused = (reason: string): Checked => ({ ok: false, why: "refused", reason });

  return (message) => {
    if (message.isRetried) return { ok: false, why: "alreadyRetried" };
    if (message.isSuppressed) return { ok: false, why: "suppressed" };
    if (message.wasReceived === "yes" || (message.wasReceived === "maybe" && !includeUnknown)) {
      return { ok: false, why: "mayHaveBeenSent" };
    }
    const text = readStoredText(message, template);
    if (text === null) return refused("Its text has been deleted.");
    const to = parsePhoneNumber(message.to);
    if (!to.ok) return refused(message.to.startsWith("+") ? to.reason : "Its number has been erased.");
    const candidates = through === undefined ? message.accounts : [through];
    const kept = keepAccounts(rules, candidates, text, faultsOf(message.sender));
    if (!kept.ok) return refused(kept.reason);
    const { id, class: ofClass, sender, zones } = message;
    const { segments } = measureText(text);
    return {
      ok: true,
      message: { id, class: ofClass, sender, zones, to: to.number, accounts: kept.accounts, segments },
    };
  };
}

/** Chunks of those that travel alike. */
function cutChunks(messages: readonly Retryable[]) {
  const alike = Map.groupBy(messages, ({ accounts, zones, class: ofClass, sender }) =>
    JSON.stringify([accounts, zones, ofClass, sender]),
  );
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { accounts, zones, class: ofClass, sender } = first;
    const cuts = Array.from({ length: Math.ceil(group.length / CHUNK_ROWS_MAX) }, (_, index) =>
      group.slice(index * CHUNK_ROWS_MAX, (index + 1) * CHUNK_ROWS_MAX),
    );
    return cuts.map((cut) => ({ accounts, zones, class: ofClass, sender, messages: cut }));
  });
}
