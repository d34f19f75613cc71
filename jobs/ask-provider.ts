// A question to a provider: token, limit, call. Shared by the sweep, which asks what became of a call, and by the
// step that asks for reports that did not come.
//
// Never throws: a question that could not be asked is one without an answer.

import type { Account } from "../src/domain/account.ts";
import type { AccountTrouble } from "../src/domain/outcome.ts";
import type { Sensitive } from "../src/domain/sensitive.ts";
import type { Limiter } from "../src/limits/limiter.ts";
import type { Logger } from "../src/platform/log.ts";
import type { NoAnswer } from "../src/providers/provider.ts";
import type { SharedTokens } from "../src/tokens/shared-token.ts";

export type AskProviderParts = {
  readonly tokens: SharedTokens;
  readonly limiter: Limiter;
  readonly log: Logger;
};

export type Question<Answer> = {
  /** What the question is about, for the log. */
  readonly about: string;
  readonly segments: number;
  /** Runs when the call has its slot; an answer takes the place of the call. */
  readonly beforeCall?: () => Promise<Answer | NoAnswer | null>;
  readonly call: (token: Sensitive<string> | null) => Promise<Answer | NoAnswer>;
};

/** A question waits for the account's limits no longer than this. */
const WAIT_MS_MAX = 10_000;

export async function askProvider<Answer extends { readonly kind: string }>(
  { tokens, limiter, log }: AskProviderParts,
  account: Account,
  { about, segments, beforeCall, call }: Question<Answer>,
): Promise<Answer | NoAnswer> {
  const acquire = () =>
    limiter.acquire(account, segments, { signal: AbortSignal.timeout(WAIT_MS_MAX), urgency: "reminder" });
  try {
    const token = await tokens.get(account);
    const permit = await acquire();
    const instead = (await beforeCall?.()) ?? null;
    if (instead !== null) return instead;
    await permit.ready();
    let answer = await call(token?.value ?? null);
    if (troubleOf(answer)?.kind === "token-rejected" && token !== null) {
      // Nothing was done for a token that is refused: once more with a new one, as part of the same grant.
      const fresh = await tokens.rejected(account, token.generation);
      const again = await acquire();
      await again.ready();
      answer = await call(fresh?.value ?? null);
    }
    const trouble = troubleOf(answer);
    if (trouble !== null) {
      const advice = trouble.kind === "held" ? trouble.advice : "it is asked again later";
      log.warn({ account: account.name, trouble: trouble.kind }, `no answer about ${about}: ${advice}`);
    }
    return answer;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(
      { account: account.name, err: reason },
      `the provider could not be asked about ${about}; trying again`,
    );
    return { kind: "no-answer", reason: "not-asked", trouble: null };
  }
}

function troubleOf(answer: { readonly kind: string } | NoAnswer): AccountTrouble | null {
  return "trouble" in answer ? answer.trouble : null;
}
