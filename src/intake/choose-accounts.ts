// [1] Which accounts may send one message, the first choice first: those of its route (or the one that was asked
// for) whose provider takes the text and the sender as they stand. The others of the route come into play when the first one
// cannot send.

import type { Account } from "../domain/account.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { QuietHours } from "../domain/quiet-hours.ts";
import { accountsFor, orderAccounts, type Route } from "../domain/route.ts";
import { checkText, type TextCheck } from "../domain/text-check.ts";

export type IntakeRules = {
  readonly routes: readonly Route[];
  readonly quietHours: QuietHours | null;
  /** By name. */
  readonly accounts: ReadonlyMap<string, AccountRules>;
};

export type AccountRules = {
  readonly account: Account;
  /** The longest text that the account's provider takes. */
  readonly segmentsMax: number;
  /** What the provider would do to a text that its writer did not mean; null: nothing. */
  readonly textFault: (text: string) => string | null;
  /** What the provider has against a sender, continuing "the sender"; null: nothing. */
  readonly senderFault: (from: string | null) => string | null;
};

/** Account -> what it has against the sender. */
export type SenderFaults = ReadonlyMap<string, string>;

export type ChosenAccounts =
  | { readonly ok: true; readonly accounts: readonly string[] }
  | { readonly ok: false; readonly reason: string };

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
  if (candidates.length === 0) return { ok: false, reason: "No route leads to this number." };
  return keepAccounts(rules, candidates, message.text, senderFaults);
}

/** Those of the candidates that take the text and the sender. */
export function keepAccounts(
  rules: IntakeRules,
  candidates: readonly string[],
  text: string,
  senderFaults: SenderFaults,
): ChosenAccounts {
  let refusal: TextCheck = { ok: true };
  const accounts = candidates.filter((name) => {
    const check = checkFor(rules.accounts.get(name), text, senderFaults.get(name));
    if (!check.ok && refusal.ok) refusal = check;
    return check.ok;
  });
  // What the first choice says is what helps the writer.
  return accounts.length === 0 && !refusal.ok ? refusal : { ok: true, accounts };
}

function checkFor(rules: AccountRules | undefined, text: string, senderFault: string | undefined): TextCheck {
  if (rules === undefined) return { ok: false, reason: "The route's account is not configured." };
  if (senderFault !== undefined) return { ok: false, reason: senderFault };
  const check = checkText(text, rules.segmentsMax);
  if (!check.ok) return check;
  const fault = rules.textFault(text);
  return fault === null ? check : { ok: false, reason: fault };
}
