// [3] One refresh of an account's token, by one process of the fleet at a time.
//
//   lease -> granted -> token call -> ok: write, done      temporary: wait, lease again (three tries at most)
//         -> taken: wait a moment, lease again             refused: done, a person has to act
//         -> moved: somebody else was quicker; take theirs
//
// The lease is for one call and outlives it. A process that dies with it blocks the others until it lapses. After
// a failed call it is kept for a second more, and after a good one the token's age is looked at, so that the
// fleet makes at most one token call an account and second, whatever lives the server hands out.

import { randomUUID } from "node:crypto";
import type { Account } from "../domain/account.ts";
import { VolleyError } from "../domain/errors.ts";
import { openSealed, type SealKey, seal } from "../domain/seal.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import type { TokenCell, TokenCells } from "../engine/engine.ts";
import type { Logger } from "../platform/log.ts";
import type { TokenReply } from "./oauth-client.ts";

/** Longer than a token call with its deadline and the gap before it. */
const LEASE_MS = 15_000;
/** Between two token calls of one account, fleet-wide. */
export const CALL_GAP_MS = 1_000;
const TRIES_MAX = 3;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MS_MAX = 4_000;
/** A dead holder's lease and one call of our own. */
const REFRESH_MS_MAX = 30_000;
const POLL_MS_MAX = 100;
/** How long nobody in this process asks again, so that waiting senders do not become a hot loop. */
const FAILED_PAUSE_MS = 5_000;
const REFUSED_PAUSE_MS = 60_000;

/** Durations of this process only; the engine's clock measures what the fleet shares. */
export type TokenClock = {
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
};

export type LiveToken = {
  readonly value: Sensitive<string>;
  readonly generation: number;
  readonly lifeMs: number;
  /** By this process' clock. */
  readonly bornAtMs: number;
};

export type RefreshEnd =
  | { readonly kind: "refreshed"; readonly token: LiveToken }
  | { readonly kind: "failed"; readonly error: VolleyError; readonly pauseMs: number };

type CallEnd =
  | { readonly kind: "refreshed"; readonly token: LiveToken }
  | { readonly kind: "lease-lost" }
  | Exclude<TokenReply, { readonly kind: "ok" }>;

export type TokenRefresher = {
  /** Generation 0: there is no token. A null token with a generation is one that cannot be opened here. */
  readonly read: (
    account: Account,
  ) => Promise<{ readonly generation: number; readonly token: LiveToken | null }>;
  /** `seen` is the generation that is to be replaced; `accepts` judges what another process made of it meanwhile. */
  readonly refresh: (
    account: Account,
    seen: number,
    accepts: (token: LiveToken) => boolean,
  ) => Promise<RefreshEnd>;
};

export function createTokenRefresher(options: {
  readonly cells: TokenCells;
  readonly fetchToken: (account: Account) => Promise<TokenReply>;
  readonly encryptionKey: SealKey;
  readonly clock: TokenClock;
  readonly log: Logger;
}): TokenRefresher {
  const { cells, fetchToken, encryptionKey, clock, log } = options;

  async function read(account: Account) {
    // Taken before the reading, so that its delay shortens the token's life and never lengthens it.
    const nowMs = clock.nowMs();
    const cell = await cells.read(account.name);
    return { generation: cell?.generation ?? 0, token: cell === null ? null : open(account, cell, nowMs) };
  }

  function open(account: Account, cell: TokenCell, nowMs: number): LiveToken | null {
    const value = openSealed(cell.sealed, account.name, encryptionKey);
    if (value === null) {
      const generation = cell.generation;
      log.warn({ account: account.name, generation }, "a token of another encryption key is fetched anew");
      return null;
    }
    return { value, generation: cell.generation, lifeMs: cell.lifeMs, bornAtMs: nowMs - cell.ageMs };
  }

  /** One call under a lease that was just granted for `seen`. */
  async function callProvider(account: Account, holder: string, seen: number): Promise<CallEnd> {
    const cell = await cells.read(account.name);
    if (cell !== null && cell.ageMs < CALL_GAP_MS) await clock.wait(CALL_GAP_MS - cell.ageMs);
    const bornAtMs = clock.nowMs();
    const reply = await fetchToken(account);
    if (reply.kind !== "ok") {
      // The holder asks again for less: nobody calls in the next second, and nobody waits out the whole lease.
      await cells.lease(account.name, { holder, generation: seen, holdMs: CALL_GAP_MS });
      return reply;
    }
    const { token, lifeMs } = reply;
    const sealed = seal(token, account.name, encryptionKey);
    if (!(await cells.write(account.name, { holder, sealed, lifeMs }))) {
      log.warn({ account: account.name }, "the token call took longer than its lease; its token is dropped");
      return { kind: "lease-lost" };
    }
    return { kind: "refreshed", token: { value: token, generation: seen + 1, lifeMs, bornAtMs } };
  }

  return {
    read,
    async refresh(account, seenAtFirst, accepts) {
      const giveUpAtMs = clock.nowMs() + REFRESH_MS_MAX;
      let seen = seenAtFirst;
      let tries = 0;
      let what = "another process is at it and does not finish";
      while (clock.nowMs() < giveUpAtMs) {
        const holder = randomUUID();
        const answer = await cells.lease(account.name, { holder, generation: seen, holdMs: LEASE_MS });
        if (answer === "taken") {
          await clock.wait(POLL_MS_MAX * (0.5 + Math.random() / 2));
          continue;
        }
        if (answer === "moved") {
          const { generation, token } = await read(account);
          if (token !== null && accepts(token)) return { kind: "refreshed", token };
          seen = generation;
          continue;
        }
        tries += 1;
        const end = await callProvider(account, holder, seen);
        if (end.kind === "refreshed") return end;
        if (end.kind === "refused") return { kind: "failed", error: end.error, pauseMs: REFUSED_PAUSE_MS };
        if (end.kind === "lease-lost") continue;
        what = end.what;
        const hintMs = end.retryAfterMs ?? 0;
        if (tries === TRIES_MAX || hintMs > BACKOFF_MS_MAX) {
          return failed(account, what, Math.max(hintMs, FAILED_PAUSE_MS));
        }
        const backoffMs = Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_BASE_MS * 2 ** (tries - 1));
        await clock.wait(Math.max(hintMs, backoffMs));
      }
      return failed(account, what, FAILED_PAUSE_MS);
    },
  };
}

function failed(account: Account, what: string, pauseMs: number): RefreshEnd {
  const error = new VolleyError(
    "token_unavailable",
    `Cannot get a token for account ${account.name}: ${what}. It is tried again by itself; check the network and the provider's status page.`,
    { details: { account: account.name } },
  );
  return { kind: "failed", error, pauseMs };
}
