// [4] One circuit an account and process: when call after call fails, stop calling for a while.
//
//   closed --5 failures in a row--> open --pause over--> half open --success--> closed
//                                     ^----- failure, twice the pause -----'
//
// The pause itself is the limiter's and holds for the whole fleet. While a circuit is not closed, failures do
// not use up a message's tries: the provider's bad hour is not the message's fault.

import type { Account } from "../domain/account.ts";
import type { Logger } from "../platform/log.ts";

export type Circuits = {
  readonly succeeded: (account: Account) => void;
  /** Counts a failed call; resolves when a pause that it caused is set. */
  readonly failed: (account: Account, reason: string) => Promise<void>;
  readonly isClosed: (account: Account) => boolean;
};

const FAILURES_TO_OPEN = 5;
const PAUSE_FIRST_MS = 1_000;
const PAUSE_LAST_MS = 60_000;

export function createCircuits({
  pause,
  log,
}: {
  readonly pause: (account: Account, pauseMs: number, reason: string) => Promise<void>;
  readonly log: Logger;
}): Circuits {
  /** `opened` counts the pauses since the last success; `until` keeps calls that were in flight from counting twice. */
  const states = new Map<string, { failures: number; opened: number; untilMs: number }>();

  return {
    succeeded(account) {
      const state = states.get(account.name);
      if (state === undefined) return;
      if (state.opened > 0) log.info({ account: account.name }, "account works again");
      states.delete(account.name);
    },

    async failed(account, reason) {
      const state = states.get(account.name) ?? { failures: 0, opened: 0, untilMs: 0 };
      states.set(account.name, state);
      state.failures += 1;
      const nowMs = performance.now();
      const opens = state.opened > 0 || state.failures >= FAILURES_TO_OPEN;
      if (!opens || nowMs < state.untilMs) return;
      const pauseMs = Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** state.opened);
      state.opened += 1;
      state.untilMs = nowMs + pauseMs;
      log.warn({ account: account.name, reason, pauseMs }, "account fails; its messages wait");
      await pause(account, pauseMs, reason);
    },

    isClosed: (account) => (states.get(account.name)?.opened ?? 0) === 0,
  };
}
