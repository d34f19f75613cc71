// An account's credentials as a request needs them; the only place of this folder that opens them.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";

export function revealCredential(account: Account, name: string): string {
  const value = account.credentials[name];
  assert(
    value !== undefined,
    `Account ${account.name} has no credential ${name}; the configuration was to check that.`,
  );
  return value.reveal();
}

/** RFC 7617. Neither vendor wants the parts form-encoded first, as RFC 6749 (2.3.1) would have it. */
export function basic(account: Account, idName: string, secretName: string): Sensitive<string> {
  const pair = `${revealCredential(account, idName)}:${revealCredential(account, secretName)}`;
  return sensitive(`Basic ${Buffer.from(pair).toString("base64")}`);
}

export function bearer(token: string): Sensitive<string> {
  return sensitive(`Bearer ${token}`);
}
