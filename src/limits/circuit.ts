// [4] One circuit an account and process: when calls keep failing or crawl, stop calling for a while.
//
//   closed --5 bad calls in a row, or half of the last 20--> open --pause over--> half open --good call--> closed
//                                                             ^----- bad call, twice the pause -----'
//
// The pause itself is the limiter's and holds for the whole fleet. After two bad calls in a row, from the third on,
// what could not be sent does not use up a message's tries: the provider's bad hour is not the message's fault.

import type { Account } from "../domain/account.ts";
import type { Logger } from "../platform/log.ts";

export type Circuits = {
  /** A call that was answered soundly; one that took very long counts as bad, too. */
  readonly succeeded: (account: Account, tookMs: number) => Promise<Verdict>;
  /** Counts a failed call; resolves when a pause that it caused is set. */
  readonly failed: (account: Account, reason: string) => Promise<Verdict>;
  /** The account was paused by its provider's word (a missing scope, no credit): the next good call ends that, too. */
  readonly held: (account: Account) => void;
  /** Milliseconds since this process had a good call, with none bad after it; null: it had none. */
  readonly goodAgoMs: (account: Account) => number | null;
  /** True: a failure now is the account's, not the message's. */
  readonly isSuspect: (account: Account) => boolean;
};

/** opened: the account is paused for this call. closed: it works again. */
export type Verdict = "opened" | "closed" | "as-before";

const BAD_IN_A_ROW_TO_OPEN = 5;
const BAD_IN_A_ROW_TO_SUSPECT = 2;
const RECENT_CALLS = 20;
const BAD_OF_RECENT_TO_OPEN = 10;
/** An answer that comes later than this is worth no more than none: the lanes are full of such calls. */
const SLOW_MS = 10_000;
const PAUSE_FIRST_MS = 1_000;
const PAUSE_LAST_MS = 60_000;

/** `opened` counts the pauses since the last good call; `untilMs` keeps calls that were in flight from counting twice. */
type State = {
  recent: boolean[];
  badInARow: number;
  opened: number;
  untilMs: number;
  goodAtMs: number | null;
};

export function createCircuits({
  pause,
  log,
}: {
  readonly pause: (account: Account, pauseMs: number, reason: string) => Promise<void>;
  readonly log: Logger;
}): Circuits {
  const states = new Map<string, State>();

  function stateOf(account: Account): State {
    const state = states.get(account.name) ?? {
      recent: [],
      badInARow: 0,
      opened: 0,
      untilMs: 0,
      goodAtMs: null,
    };
    states.set(account.name, state);
    return state;
  }

  async function bad(account: Account, reason: string): Promise<Verdict> {
    const state = stateOf(account);
    remember(state, true);
    state.badInARow += 1;
    const nowMs = performance.now();
    if (!isTimeToOpen(state) || nowMs < state.untilMs) return "as-before";
    const pauseMs = Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** state.opened);
    state.opened += 1;
    state.untilMs = nowMs + pauseMs;
    log.warn({ account: account.name, reason, pauseMs }, "account fails; its messages wait or go elsewhere");
    await pause(account, pauseMs, reason);
    return "opened";
  }

  return {
    failed: bad,

    held(account) {
      const state = stateOf(account);
      state.opened = Math.max(1, state.opened);
    },

    async succeeded(account, tookMs) {
      if (tookMs >= SLOW_MS) return bad(account, "slow");
      const state = stateOf(account);
      const verdict = state.opened > 0 ? "closed" : "as-before";
      if (verdict === "closed") {
        log.info({ account: account.name }, "account works again");
        // What failed before the pause is not held against it twice.
        state.recent = [];
      }
      remember(state, false);
      state.badInARow = 0;
      state.opened = 0;
      state.goodAtMs = performance.now();
      return verdict;
    },

    goodAgoMs: (account) => {
      const state = states.get(account.name);
      if (state === undefined || state.goodAtMs === null || state.badInARow > 0) return null;
      return performance.now() - state.goodAtMs;
    },

    isSuspect: (account) => {
      const state = states.get(account.name);
      return state !== undefined && (state.opened > 0 || state.badInARow >= BAD_IN_A_ROW_TO_SUSPECT);
    },
  };
}

function remember(state: State, isBad: boolean): void {
  state.recent.push(isBad);
  if (state.recent.length > RECENT_CALLS) state.recent.shift();
}

function isTimeToOpen({ recent, badInARow, opened }: State): boolean {
  const bad = recent.filter(Boolean).length;
  return (
    opened > 0 ||
    badInARow >= BAD_IN_A_ROW_TO_OPEN ||
    (recent.length === RECENT_CALLS && bad >= BAD_OF_RECENT_TO_OPEN)
  );
}
