// [5] How an account logs in at SMS.CX, and where: an OAuth2 application gets a token, an API key travels in a header
// of its own. The pages are named in smscx.ts.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import { basic, bearer, revealCredential } from "./credentials.ts";
import type { HttpRequest } from "./provider.ts";
import { SCOPE } from "./smscx-codes.ts";

const HOST = "https://api.sms.cx";

export function hostOf({ baseUrl }: Account): string {
  return baseUrl ?? HOST;
}

export function buildTokenRequest(account: Account): HttpRequest | null {
  if (usesApiKey(account)) return null;
  return {
    method: "POST",
    url: account.tokenUrl ?? `${hostOf(account)}/oauth/token`,
    headers: {
      authorization: basic(account, "applicationId", "applicationSecret"),
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: sensitive(`grant_type=client_credentials${askForScope(account)}`),
  };
}

/**
 * Overdue messages are asked about with the scope `reports`. To ask for it where the application lacks it would be
 * refused, and nothing could be sent; so a token for both has whatever scopes the application was granted.
 */
function askForScope({ reports }: Account): string {
  return reports === null ? `&scope=${SCOPE}` : "";
}

/** Null: an API key needs none. */
export function authorization(account: Account, token: Sensitive<string> | null): Sensitive<string> | null {
  if (usesApiKey(account)) return null;
  assert(token !== null, `Account ${account.name} has no token.`);
  return bearer(token.reveal());
}

export function keyHeaders(account: Account): Readonly<Record<string, Sensitive<string>>> {
  return usesApiKey(account) ? { "x-api-key": sensitive(revealCredential(account, "apiKey")) } : {};
}

function usesApiKey(account: Account): boolean {
  return account.credentials.apiKey !== undefined;
}
