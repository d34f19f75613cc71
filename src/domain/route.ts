// Routes: which accounts may send a message, by class and country prefix, and which of them does.
//
// The first route that matches wins. Its accounts stand in order of preference; those with a weight share the
// messages in that ratio, and all others stand by. A message that an account provably did not send may go to
// the next one; one that it may have sent never does, for that is how duplicates are made.

import type { MessageClass, MessageId } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";

export type Route = {
  /** Null: every class. */
  readonly class: MessageClass | null;
  /** E.164 prefixes such as "+46"; empty: every number. */
  readonly prefixes: readonly string[];
  readonly accounts: readonly RouteAccount[];
};

export type RouteAccount = { readonly name: string; readonly weight: number | null };

/** The accounts of the first route that matches; empty when none does. */
export function accountsFor(
  routes: readonly Route[],
  message: { readonly class: MessageClass; readonly to: PhoneNumber },
): readonly RouteAccount[] {
  const route = routes.find(
    ({ class: only, prefixes }) =>
      (only === null || only === message.class) &&
      (prefixes.length === 0 || prefixes.some((prefix) => message.to.startsWith(prefix))),
  );
  return route?.accounts ?? [];
}

/**
 * Account names for one message, the one that is to send it first. Weights are drawn by the message's id, so
 * that the same message draws the same account however often it is asked.
 */
export function orderAccounts(accounts: readonly RouteAccount[], id: MessageId): readonly string[] {
  const names = namesOf(accounts);
  const total = accounts.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
  if (total === 0 || names.length === 1) return names;
  let rest = shareOf(id) * total;
  const drawn = accounts.find(({ weight }) => {
    rest -= weight ?? 0;
    return weight !== null && rest < 0;
  });
  return drawn === undefined ? names : [drawn.name, ...names.filter((name) => name !== drawn.name)];
}

const known = new WeakMap<readonly RouteAccount[], readonly string[]>();

/** One array for each route, not for each message. */
function namesOf(accounts: readonly RouteAccount[]): readonly string[] {
  const names = known.get(accounts) ?? accounts.map(({ name }) => name);
  known.set(accounts, names);
  return names;
}

/** The last 32 bits of an id are a hash or chance: a number in [0, 1). */
function shareOf(id: MessageId): number {
  return Number.parseInt(id.slice(-8), 16) / 2 ** 32;
}

export type AccountPause = {
  readonly name: string;
  readonly pausedMs: number;
  /** Why; null when it is not paused. */
  readonly reason: string | null;
};

/** The reason of a pause that a provider asked for because we were too fast (429). */
export const THROTTLED = "throttled";
/** Too fast is no failure: the account that was preferred is soon free again. */
const THROTTLED_PATIENCE_MS = 30_000;
const PATIENCE_MS = 500;

/** An account that works, or will before it makes sense to give its messages to another one. */
export function isFree({ pausedMs, reason }: Omit<AccountPause, "name">): boolean {
  return pausedMs <= (reason === THROTTLED ? THROTTLED_PATIENCE_MS : PATIENCE_MS);
}

/**
 * The account that should send now: the one that has the messages while it is free, else the first by
 * preference that is; when none is, the one that has them keeps them.
 */
export function chooseAccount(current: string, accounts: readonly AccountPause[]): string {
  const own = accounts.find(({ name }) => name === current);
  if (own === undefined || isFree(own)) return current;
  return accounts.find(isFree)?.name ?? current;
}

/** After a try that failed at `current`: the next free account by preference, around the end; null: there is none. */
export function nextAccount(current: string, accounts: readonly AccountPause[]): string | null {
  const at = accounts.findIndex(({ name }) => name === current);
  const others = [...accounts.slice(at + 1), ...accounts.slice(0, Math.max(0, at))];
  return others.find((account) => account.name !== current && isFree(account))?.name ?? null;
}
