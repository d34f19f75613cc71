// Which accounts may send a message whose sender not every provider takes.

import { describe, expect, it } from "vitest";
import { createMessageId } from "../../src/domain/ids.ts";
import { parsePhoneNumber } from "../../src/domain/phone-number.ts";
import { chooseAccounts, findSenderFaults, type IntakeRules } from "../../src/intake/choose-accounts.ts";
import { type ProviderName, providers } from "../../src/providers/index.ts";
import { accountOf } from "../providers/support.ts";

function rulesOf(accounts: Readonly<Partial<Record<ProviderName, string | null>>>): IntakeRules {
  const names = Object.keys(accounts) as ProviderName[];
  return {
    quietHours: null,
    currency: null,
    caps: { messages: null, costMicros: null },
    routes: [{ class: null, prefixes: [], accounts: names.map((name) => ({ name, weight: null })) }],
    accounts: new Map(
      names.map((name) => {
        const { facts, textFault, senderFault } = providers[name];
        const account = accountOf(name, { name, from: accounts[name] ?? null });
        return [
          name,
          { account, segmentsMax: facts.segmentsMax, batchMax: facts.batchMax, textFault, senderFault },
        ];
      }),
    ),
  };
}

function choose(rules: IntakeRules, from: string | null, account: string | null = null) {
  const to = parsePhoneNumber("+46701740605");
  if (!to.ok) throw new Error(to.reason);
  const id = createMessageId(Date.now());
  const message = { id, to: to.number, class: "marketing", text: "Hello", account } as const;
  return chooseAccounts(rules, message, findSenderFaults(rules, from));
}

const all = { sinch: null, smscx: "Acme", "mobile-digital": null } as const;

describe("an account that does not take the sender", () => {
  it.each<[from: string | null, accounts: readonly string[]]>([
    [null, ["sinch", "smscx", "mobile-digital"]],
    ["Acme", ["sinch", "smscx"]],
    ["Fifteen letters", ["smscx"]],
    ["AB", ["sinch"]],
  ])("is left out: %j leaves %j", (from, accounts) => {
    expect(choose(rulesOf(all), from)).toEqual({ ok: true, accounts });
  });

  it("is left out as well when it has no sender of its own and needs one", () => {
    const rules = rulesOf({ ...all, smscx: null });
    expect(choose(rules, null)).toEqual({ ok: true, accounts: ["sinch", "mobile-digital"] });
  });

  it("says why when no other is left, or when it was asked for by name", () => {
    const rules = rulesOf(all);
    expect(choose(rules, "Sixteen letters!")).toEqual({
      ok: false,
      field: "from",
      reason: "The sender must have up to 11 characters of the SMS alphabet, or up to 15 digits.",
    });
    expect(choose(rules, "Acme", "mobile-digital")).toEqual({
      ok: false,
      field: "from",
      reason: "The sender cannot be chosen at mobile.digital; leave it out.",
    });
  });
});
