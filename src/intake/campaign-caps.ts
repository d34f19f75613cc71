// [1] What a campaign costs, and the caps beyond which none is started. Counted by the account that is to send each
// message: one that goes on through another account costs what that one asks.

import { VolleyError } from "../domain/errors.ts";
import { formatMicros, priceOf } from "../domain/price.ts";
import type { MessageGroup } from "../ledger/preview.ts";
import type { StartGuard } from "../ledger/start-guard.ts";
import type { IntakeRules } from "./choose-accounts.ts";

/** Asked for what it needs to know only. */
export function startGuard(rules: IntakeRules): StartGuard | undefined {
  const { messages: messagesMax, costMicros: costMicrosMax } = rules.caps;
  if (messagesMax === null && costMicrosMax === null) return undefined;
  return {
    checkCount(messages) {
      if (messagesMax === null || messages <= messagesMax) return;
      throw refused(`${messages} messages`, `caps.campaignMessages is ${messagesMax}`);
    },
    cost:
      costMicrosMax === null
        ? null
        : {
            headCharacters: longestPrefix(rules),
            check(groups) {
              const { micros } = costOf(groups, rules);
              if (micros <= costMicrosMax) return;
              const amount = (of: number) => `${formatMicros(of)} ${rules.currency ?? ""}`.trim();
              throw refused(`a cost of ${amount(micros)}`, `caps.campaignCost is ${amount(costMicrosMax)}`);
            },
          },
  };
}

export type Cost = {
  readonly micros: number /** Messages whose price nobody said. */;
  readonly unpriced: number;
};

export function costOf(groups: readonly MessageGroup[], { accounts }: Pick<IntakeRules, "accounts">): Cost {
  let micros = 0;
  let unpriced = 0;
  for (const { account, head, messages, segments } of groups) {
    const price = priceOf(accounts.get(account)?.account.prices ?? [], head);
    if (price === null) unpriced += messages;
    else micros += price * segments;
  }
  return { micros, unpriced };
}

/** In characters, the plus included. */
export function longestPrefix({ accounts }: Pick<IntakeRules, "accounts">): number {
  const prefixes = [...accounts.values()].flatMap(({ account }) =>
    account.prices.map(({ prefix }) => prefix),
  );
  return Math.max(0, ...prefixes.map(({ length }) => length));
}

function refused(what: string, cap: string): VolleyError {
  return new VolleyError("state_conflict", `Cannot start the campaign: it has ${what}, and ${cap}.`);
}
