// The five-minute schedule: an account's token is renewed while everyone goes on with the old one.

import type { Account } from "../src/domain/account.ts";
import { VolleyError } from "../src/domain/errors.ts";
import { done, type StepEnd, stop } from "../src/domain/step-end.ts";
import type { Logger } from "../src/platform/log.ts";
import type { RefreshToken } from "../src/queue/queues.ts";
import type { SharedTokens } from "../src/tokens/shared-token.ts";

export type RefreshTokenParts = {
  readonly tokens: SharedTokens;
  readonly accounts: ReadonlyMap<string, { readonly account: Account }>;
  readonly log: Logger;
};

export async function refreshToken(
  { tokens, accounts, log }: RefreshTokenParts,
  payload: Pick<RefreshToken, "account">,
): Promise<StepEnd> {
  const at = accounts.get(payload.account);
  if (at === undefined) return stop(`no account ${payload.account} is configured`);
  try {
    await tokens.refreshIfDue(at.account);
  } catch (error) {
    // The old token may live on; a worker that needs one and has none says so and waits.
    if (!(error instanceof VolleyError)) throw error;
    log.error({ account: at.account.name, code: error.code }, error.message);
  }
  return done;
}
