// Routes: which account sends a message, by class and country prefix. The first route that matches wins;
// its accounts stand in order of preference.

import type { MessageClass } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";

export type Route = {
  /** Null: every class. */
  readonly class: MessageClass | null;
  /** E.164 prefixes such as "+46"; empty: every number. */
  readonly prefixes: readonly string[];
  readonly accounts: readonly string[];
};

/** Account names in order of preference; empty when no route matches. */
export function accountsFor(
  routes: readonly Route[],
  message: { readonly class: MessageClass; readonly to: PhoneNumber },
): readonly string[] {
  const route = routes.find(
    ({ class: only, prefixes }) =>
      (only === null || only === message.class) &&
      (prefixes.length === 0 || prefixes.some((prefix) => message.to.startsWith(prefix))),
  );
  return route?.accounts ?? [];
}
