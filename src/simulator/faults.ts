// What can go wrong, by name: the table, how users write a fault, and the dice that decide each call.
//
//   drop-before=0.1        that share of the calls that would have been accepted
//   drop-before=3x         the next three of them
//   drop-before            all of them
//   reject-recipient=+46700000001,+46700000002      look-up-lag-ms=2000
//   refuse-some=0.5        that share of the recipients of the calls that are taken (Infobip)
//   no-credit              the account has no money left (Infobip, SMS.CX)
//   duplicate-id           a repeated idempotency id is refused, not answered again (SMS.CX)
//
// Faults hit only calls that would have been accepted, so a share is a share of good calls. Counted faults go
// first, in the order they were set; then one throw of the dice decides among the shares.

import { VolleyError } from "../domain/errors.ts";
import type { FaultStatus } from "./provider.ts";

/** What reaches the client instead of the reply. `answer` faults send the real reply, spoilt on its way. */
export type Spoiling = "drip" | "half-json" | "huge-body" | "gzip-bomb";
export type FaultEffect =
  | { readonly kind: "drop" }
  | { readonly kind: "hang" }
  | { readonly kind: "status"; readonly status: FaultStatus; readonly retryAfter: boolean }
  | { readonly kind: "html" }
  | { readonly kind: "incomplete" }
  | { readonly kind: "spoil"; readonly how: Spoiling };

export type SendFault = { readonly accepts: boolean; readonly effect: FaultEffect };

const drop = { kind: "drop" } as const;
const hang = { kind: "hang" } as const;
const html = { kind: "html" } as const;
const status = (code: FaultStatus, retryAfter = false) =>
  ({ kind: "status", status: code, retryAfter }) as const;
const spoil = (how: Spoiling) => ({ kind: "spoil", how }) as const;
const accepted = (effect: FaultEffect): SendFault => ({ accepts: true, effect });
const refused = (effect: FaultEffect): SendFault => ({ accepts: false, effect });

export const sendFaults = {
  "drop-after-accept": accepted(drop),
  "drop-before": refused(drop),
  hang: refused(hang),
  "hang-accepted": accepted(hang),
  drip: accepted(spoil("drip")),
  "500": refused(status(500)),
  "500-accepted": accepted(status(500)),
  "502": refused(status(502)),
  "502-accepted": accepted(status(502)),
  "503": refused(status(503)),
  "503-accepted": accepted(status(503)),
  "504": refused(status(504)),
  "504-accepted": accepted(status(504)),
  "429": refused(status(429)),
  "429-retry-after": refused(status(429, true)),
  "401": refused(status(401)),
  "403": refused(status(403)),
  "html-200": refused(html),
  "html-200-accepted": accepted(html),
  "half-json": accepted(spoil("half-json")),
  "missing-items": accepted({ kind: "incomplete" }),
  "huge-body": accepted(spoil("huge-body")),
  "gzip-bomb": accepted(spoil("gzip-bomb")),
} as const satisfies Record<string, SendFault>;
export type SendFaultName = keyof typeof sendFaults;

/** Token calls: 503, a reset, no answer. */
const tokenFaults = ["token-down", "token-drop", "token-hang"] as const;
export type TokenFaultName = (typeof tokenFaults)[number];

/** Look-ups: 503. */
const lookUpFaults = ["look-up-down"] as const;
export type LookUpFaultName = (typeof lookUpFaults)[number];

/** Played by the providers whose documents know them; the others never throw these dice. */
const innerFaults = ["refuse-some", "no-credit", "duplicate-id"] as const;
export type InnerFaultName = (typeof innerFaults)[number];

type OftenFaultName = SendFaultName | TokenFaultName | LookUpFaultName | InnerFaultName;
type HowOften =
  | { readonly share: number; readonly count?: never }
  | { readonly count: number; readonly share?: never };
type OftenRule<Name extends string> = {
  readonly name: Name;
  /** The header's value where the fault has one; "1" by default. */
  readonly retryAfter?: string;
} & HowOften;

export type FaultRule =
  | OftenRule<OftenFaultName>
  /** These people are refused, the whole request with them where the provider does so. */
  | { readonly name: "reject-recipient"; readonly numbers: readonly string[] }
  /** How long an accepted batch stays invisible in lists. */
  | { readonly name: "look-up-lag-ms"; readonly ms: number };

export const faultNames: readonly string[] = [
  ...Object.keys(sendFaults),
  ...tokenFaults,
  ...lookUpFaults,
  ...innerFaults,
  "reject-recipient",
  "look-up-lag-ms",
];

export type Faults = {
  readonly nextSend: () => { readonly fault: SendFault; readonly retryAfter: string } | null;
  readonly nextToken: () => TokenFaultName | null;
  readonly nextLookUp: () => LookUpFaultName | null;
  readonly strikes: (name: InnerFaultName) => boolean;
  readonly isRejected: (recipient: string) => boolean;
  readonly lookUpLagMs: number;
};

export function createFaults(rules: readonly FaultRule[], random: () => number): Faults {
  const often = rules.filter((rule) => rule.name !== "reject-recipient" && rule.name !== "look-up-lag-ms");
  const nextSend = createDice(often.filter(isSendRule), random);
  const nextToken = createDice(
    often.filter((rule): rule is OftenRule<TokenFaultName> => isOneOf(tokenFaults, rule.name)),
    random,
  );
  const nextLookUp = createDice(
    often.filter((rule): rule is OftenRule<LookUpFaultName> => isOneOf(lookUpFaults, rule.name)),
    random,
  );
  const inner = new Map<string, () => OftenRule<OftenFaultName> | null>(
    innerFaults.map((name) => [
      name,
      createDice(
        often.filter((rule) => rule.name === name),
        random,
      ),
    ]),
  );
  const rejected = new Set(
    rules.flatMap((rule) => (rule.name === "reject-recipient" ? rule.numbers.map(digitsOf) : [])),
  );
  const lags = rules.flatMap((rule) => (rule.name === "look-up-lag-ms" ? [rule.ms] : []));
  return {
    nextSend: () => {
      const rule = nextSend();
      return rule === null ? null : { fault: sendFaults[rule.name], retryAfter: rule.retryAfter ?? "1" };
    },
    nextToken: () => nextToken()?.name ?? null,
    nextLookUp: () => nextLookUp()?.name ?? null,
    strikes: (name) => (inner.get(name)?.() ?? null) !== null,
    isRejected: (recipient) => rejected.size > 0 && rejected.has(recipient),
    lookUpLagMs: Math.max(0, ...lags),
  };
}

/** Throws a `usage` error that lists the names, because people type these on the command line. */
export function parseFault(text: string): FaultRule {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? "1" : text.slice(equals + 1);
  if (name === "reject-recipient") {
    const numbers = value.split(",").map((number) => number.trim());
    if (equals < 0 || !numbers.every((number) => /^\+?\d{5,15}$/.test(number))) {
      throw faultError(text, "it takes phone numbers with commas between them");
    }
    return { name, numbers };
  }
  if (name === "look-up-lag-ms") {
    if (equals < 0 || !/^\d{1,9}$/.test(value)) throw faultError(text, "it takes whole milliseconds");
    return { name, ms: Number(value) };
  }
  if (!isOftenName(name)) throw faultError(text, `known faults are ${faultNames.join(", ")}`);
  if (/^\d{1,9}x$/.test(value)) return { name, count: Number.parseInt(value, 10) };
  const share = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(share >= 0 && share <= 1)) {
    throw faultError(text, 'it takes a share from 0 to 1, or a count of calls such as "3x"');
  }
  return { name, share };
}

/** Rules reach this as objects, too: from a test, or through the library. */
export function checkFaults(rules: readonly FaultRule[]): void {
  let shares = 0;
  for (const rule of rules) {
    if (rule.name === "reject-recipient" || rule.name === "look-up-lag-ms") continue;
    const fits =
      rule.count === undefined
        ? rule.share >= 0 && rule.share <= 1
        : Number.isInteger(rule.count) && rule.count >= 0;
    if (!fits) throw faultError(rule.name, "a share lies between 0 and 1, a count is a whole number");
    if (isSendRule(rule)) shares += rule.share ?? 0;
  }
  // One part in a billion for the rounding of sums such as 0.1 + 0.2 + 0.7.
  if (shares > 1 + 1e-9) {
    throw new VolleyError("usage", `The shares of the faults add up to ${shares}: they may not exceed 1.`);
  }
}

export function digitsOf(number: string): string {
  return number.replace(/^(?:\+|00)/, "");
}

function createDice<Name extends string>(
  rules: readonly OftenRule<Name>[],
  random: () => number,
): () => OftenRule<Name> | null {
  const counted = rules.flatMap((rule) =>
    rule.count === undefined ? [] : Array.from([{ rule, left: rule.count }]),
  );
  const shared = rules.flatMap((rule) => (rule.share === undefined ? [] : [{ rule, share: rule.share }]));
  return () => {
    for (const entry of counted) {
      if (entry.left === 0) continue;
      entry.left -= 1;
      return entry.rule;
    }
    if (shared.length === 0) return null;
    let rest = random();
    for (const { rule, share } of shared) {
      if (rest < share) return rule;
      rest -= share;
    }
    return null;
  };
}

function isSendRule(rule: FaultRule): rule is OftenRule<SendFaultName> {
  return Object.hasOwn(sendFaults, rule.name);
}

function isOftenName(name: string): name is OftenFaultName {
  return (
    Object.hasOwn(sendFaults, name) ||
    isOneOf(tokenFaults, name) ||
    isOneOf(lookUpFaults, name) ||
    isOneOf(innerFaults, name)
  );
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return names.some((known) => known === name);
}

function faultError(text: string, reason: string): VolleyError {
  return new VolleyError("usage", `Cannot use the fault ${JSON.stringify(text)}: ${reason}.`);
}
