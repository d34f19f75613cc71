// [1] Which accounts may send one message, the first choice first: those of its route (or the one that was asked
// for) whose provider takes the text and the sender as they stand. The others of the route come into play when the first one
// cannot send.

import type { Account } from "../domain/account.ts";
import type { CampaignCaps } from "../domain/campaign.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { QuietHours } from "../domain/quiet-hours.ts";
import { accountsFor, orderAccounts, type Route } from "../domain/route.ts";
import { checkText } from "../domain/text-check.ts";

export type IntakeRules = {
  readonly routes: readonly Route[];
  readonly quietHours: QuietHours | null;
  /** Of all prices; null: there are none. */
  readonly currency: string | null;
  readonly caps: CampaignCaps;
  /** By name. */
  readonly accounts: ReadonlyMap<string, AccountRules>;
};

export type AccountRules = {
  readonly account: Account;
  /** The longest text that the account's provider takes. */
  readonly segmentsMax: number;
  /** Messages in one of its requests. */
  readonly batchMax: number;
  /** What the provider would do to a text that its writer did not mean; null: nothing. */
  readonly textFault: (text: string) => string | null;
  /** What the provider has against a sender, continuing "the sender"; null: nothing. */
  readonly senderFault: (from: string | null) => string | null;
};

/** Account -> what it has against the sender. */
export type SenderFaults = ReadonlyMap<string, string>;

export type ChosenAccounts =
  | { readonly ok: true; readonly accounts: readonly string[] }
  | { readonly ok: false; readonly field: "to" | "text" | "from" | "account"; readonly reason: string };

/** Asked once for all messages of one sender; null: each account's own. */
export function findSenderFaults(rules: IntakeRules, from: string | null): SenderFaults {
  const faults = new Map<string, string>();
  for (const [name, { account, senderFault }] of rules.accounts) {
    const fault = senderFault(from ?? account.from);
    if (fault !== null) faults.set(name, `The sender ${fault}.`);
  }
  return faults;
}

/** `account` is the one that was asked for by name; null: the routes choose. */
export function chooseAccounts(
  rules: IntakeRules,
  message: {
    readonly id: MessageId;
    readonly to: PhoneNumber;
    readonly class: MessageClass;
    readonly text: string;
    readonly account: string | null;
  },
  senderFaults: SenderFaults,
): ChosenAccounts {
  const candidates =
    message.account === null
      ? orderAccounts(accountsFor(rules.routes, message), message.id)
      : [message.account];
  if (candidates.length === 0) return { ok: false, field: "to", reason: "No route leads to this number." };
  return keepAccounts(rules, candidates, message.text, senderFaults);
}

/** Those of the candidates that take the text and the sender. */
export function keepAccounts(
  rules: IntakeRules,
  candidates: readonly string[],
  text: string,
  senderFaults: SenderFaults,
): ChosenAccounts {
  let refusal: Refusal | null = null;
  const accounts: string[] = [];
  for (const name of candidates) {
    const found = refusalOf(rules.accounts.get(name), text, senderFaults.get(name));
    if (found === null) accounts.push(name);
    // What the first choice says is what helps the writer.
    else refusal ??= found;
  }
  if (accounts.length === 0 && refusal !== null) return refusal;
  // Mostly all of them: then it is the route's own array, and open-chunks.ts sees at a glance that it is the same.
  return { ok: true, accounts: accounts.length === candidates.length ? candidates : accounts };
}

type Refusal = Extract<ChosenAccounts, { ok: false }>;

function refusalOf(
  rules: AccountRules | undefined,
  text: string,
  senderFault: string | undefined,
): Refusal | null {
  const refusal = (field: Refusal["field"], reason: string): Refusal => ({ ok: false, field, reason });
  if (rules === undefined) return refusal("account", "The route's account is not configured.");
  if (senderFault !== undefined) return refusal("from", senderFault);
  const check = checkText(text, rules.segmentsMax);
  if (!check.ok) return refusal("text", check.reason);
  const fault = rules.textFault(text);
  return fault === null ? null : refusal("text", fault);
}
