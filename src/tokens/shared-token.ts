// [3] One OAuth2 token an account, shared by all workers of the fleet.
//
//   fresh     --margin reached-->  ageing   handed out still, while one process refreshes
//   ageing    --life over------->  over     everyone waits for the refresh, or hears why there is none
//   any       --401 with its generation-->  rejected: not handed out again, one refresh for all who say so
//   any       --refreshed------->  fresh    with the next generation
//
// The five-minute job keeps tokens fresh; nothing here trusts it to run. token-refresh.ts does the refresh under
// the fleet's lease, and this file sees to it that a process has one refresh of an account running at most.

import assert from "node:assert";
import { setTimeout as wait } from "node:timers/promises";
import type { Account } from "../domain/account.ts";
import type { VolleyError } from "../domain/errors.ts";
import { KEY_BYTES, type SealKey } from "../domain/seal.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import type { TokenCells } from "../engine/engine.ts";
import type { Logger } from "../platform/log.ts";
import type { TokenReply } from "./oauth-client.ts";
import { CALL_GAP_MS, createTokenRefresher, type LiveToken, type TokenClock } from "./token-refresh.ts";

/** The mandatory margin: 10 % of the life or a minute, but never more than half of the life. */
const MARGIN_SHARE = 0.1;
const MARGIN_MS_MIN = 60_000;
const MARGIN_SHARE_MAX = 0.5;
/** The job's token is due at this part of its life, if its own period is longer. */
const DUE_SHARE = 0.8;
/** How often a process looks whether others have refreshed; until then the old token is as good. */
const CELL_READ_EVERY_MS = 5_000;
/** A 401 may race with a refresh that began before it; the second round is after that. */
const ROUNDS_MAX = 3;

export type Token = { readonly value: Sensitive<string>; readonly generation: number };
export type TokenInfo = {
  readonly generation: number;
  readonly ageMs: number;
  readonly remainingMs: number;
  readonly lifeMs: number;
};

/** `get` and `rejected` answer null for an account that logs in with a fixed key; all may throw VolleyError. */
export type SharedTokens = {
  readonly get: (account: Account) => Promise<Token | null>;
  /** After a 401: a token of another generation than the one that failed. */
  readonly rejected: (account: Account, generation: number) => Promise<Token | null>;
  /** For the five-minute job. */
  readonly refreshIfDue: (account: Account) => Promise<void>;
  /** For an operator: whatever the token's age, and whatever was refused a moment ago. */
  readonly refresh: (account: Account) => Promise<Token | null>;
  readonly show: (account: Account) => Promise<TokenInfo | null>;
};

/** What this process knows of an account's token. */
type Slot = {
  held: LiveToken | null;
  /** When the engine was last asked for a token while one was at hand. */
  lookedAtMs: number;
  readonly rejected: Set<number>;
  running: Promise<LiveToken> | null;
  /** No further token call of this process until then, and why. */
  pause: { readonly untilMs: number; readonly error: VolleyError } | null;
};

export function createSharedTokens(options: {
  readonly cells: TokenCells;
  readonly fetchToken: (account: Account) => Promise<TokenReply>;
  /** False: the account logs in with a fixed key. */
  readonly usesToken: (account: Account) => boolean;
  /** 32 bytes; null: tokens lie in the engine in plain. */
  readonly encryptionKey: SealKey;
  readonly refreshEveryMs: number;
  readonly log: Logger;
  readonly clock?: TokenClock;
}): SharedTokens {
  const { cells, usesToken, encryptionKey, refreshEveryMs, log } = options;
  const clock = options.clock ?? { nowMs: () => performance.now(), wait: (ms) => wait(ms) };
  assert(
    encryptionKey === null || encryptionKey.reveal().length === KEY_BYTES,
    "The encryption key has 32 bytes.",
  );
  const refresher = createTokenRefresher({ ...options, clock });
  const slots = new Map<string, Slot>();

  function slotOf(account: Account): Slot {
    const known = slots.get(account.name);
    if (known !== undefined) return known;
    const slot: Slot = { held: null, lookedAtMs: 0, rejected: new Set(), running: null, pause: null };
    slots.set(account.name, slot);
    return slot;
  }

  const remainingMs = (token: LiveToken) => token.bornAtMs + token.lifeMs - clock.nowMs();
  const ageMs = (token: LiveToken) => clock.nowMs() - token.bornAtMs;
  // A token too young to be replaced counts as fresh however short its life, or tiny lives would be a hot loop.
  const isFresh = (token: LiveToken) =>
    ageMs(token) < CALL_GAP_MS || remainingMs(token) > marginMs(token.lifeMs);
  const isDue = (token: LiveToken) =>
    ageMs(token) >= Math.max(CALL_GAP_MS, Math.min(refreshEveryMs, token.lifeMs * DUE_SHARE));
  const accepts = (slot: Slot) => (token: LiveToken) =>
    isFresh(token) && !slot.rejected.has(token.generation);

  function adopt(slot: Slot, token: LiveToken): LiveToken {
    if (slot.rejected.has(token.generation)) return token;
    slot.held = token;
    slot.lookedAtMs = clock.nowMs();
    slot.rejected.clear();
    return token;
  }

  /** `seen`: the generation to replace; without it the engine's token will do when it is fresh. */
  function renew(account: Account, slot: Slot, seen?: number): Promise<LiveToken> {
    slot.running ??= bringToken(account, slot, seen)
      .then((token) => adopt(slot, token))
      .finally(() => {
        slot.running = null;
      });
    return slot.running;
  }

  async function bringToken(account: Account, slot: Slot, seen?: number): Promise<LiveToken> {
    const cell = seen === undefined ? await refresher.read(account) : { generation: seen, token: null };
    if (cell.token !== null && isBetter(slot, cell.token)) return cell.token;
    if (isPaused(slot)) throw slot.pause?.error;
    const end = await refresher.refresh(account, cell.generation, accepts(slot));
    slot.pause = end.kind === "failed" ? { untilMs: clock.nowMs() + end.pauseMs, error: end.error } : null;
    if (end.kind === "failed") throw end.error;
    return end.token;
  }

  /** One that this process has not had yet will do while it lives: if it ages, the next sender sees to that. */
  function isBetter(slot: Slot, token: LiveToken): boolean {
    const isNew = token.generation !== slot.held?.generation && !slot.rejected.has(token.generation);
    return accepts(slot)(token) || (isNew && remainingMs(token) > 0);
  }

  function isPaused(slot: Slot): boolean {
    return slot.pause !== null && clock.nowMs() < slot.pause.untilMs;
  }

  function inBackground(account: Account, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      const err = error instanceof Error ? error.message : String(error);
      log.warn({ account: account.name, err }, "the token could not be looked after; the old one goes on");
    });
  }

  /** Others may have refreshed; their token is younger. Never delays a sender. */
  function lookForNewer(account: Account, slot: Slot): void {
    const { held } = slot;
    if (!isTime(slot, CELL_READ_EVERY_MS)) return;
    const looking = refresher.read(account).then(({ token }) => {
      // What was adopted while this reading was under way is newer than the reading.
      if (token !== null && slot.held === held && isBetter(slot, token)) adopt(slot, token);
    });
    inBackground(account, looking);
  }

  function isTime(slot: Slot, everyMs: number): boolean {
    if (clock.nowMs() - slot.lookedAtMs < everyMs) return false;
    slot.lookedAtMs = clock.nowMs();
    return true;
  }

  return {
    async get(account) {
      if (!usesToken(account)) return null;
      const slot = slotOf(account);
      const { held } = slot;
      if (held !== null && isFresh(held)) {
        lookForNewer(account, slot);
        return toToken(held);
      }
      if (held !== null && remainingMs(held) > 0) {
        const isIdle = slot.running === null && !isPaused(slot);
        if (isIdle && isTime(slot, CALL_GAP_MS)) inBackground(account, renew(account, slot));
        return toToken(held);
      }
      return toToken(await renew(account, slot));
    },

    async rejected(account, generation) {
      if (!usesToken(account)) return null;
      const slot = slotOf(account);
      if (slot.held !== null && slot.held.generation !== generation && isFresh(slot.held))
        return toToken(slot.held);
      slot.held = null;
      slot.rejected.add(generation);
      let token = await renew(account, slot);
      for (let round = 2; token.generation === generation && round <= ROUNDS_MAX; round += 1) {
        token = await renew(account, slot);
      }
      return toToken(token);
    },

    async refreshIfDue(account) {
      if (!usesToken(account)) return;
      const slot = slotOf(account);
      const { generation, token } = await refresher.read(account);
      if (token !== null && !isDue(token)) return;
      await renew(account, slot, generation);
    },

    async refresh(account) {
      if (!usesToken(account)) return null;
      const slot = slotOf(account);
      await slot.running?.catch(() => undefined);
      slot.pause = null;
      const { generation } = await refresher.read(account);
      return toToken(await renew(account, slot, generation));
    },

    async show(account) {
      const cell = await cells.read(account.name);
      if (cell === null) return null;
      const { generation, lifeMs } = cell;
      return { generation, ageMs: cell.ageMs, remainingMs: cell.remainingMs, lifeMs };
    },
  };
}

function marginMs(lifeMs: number): number {
  return Math.min(Math.max(lifeMs * MARGIN_SHARE, MARGIN_MS_MIN), lifeMs * MARGIN_SHARE_MAX);
}

function toToken({ value, generation }: LiveToken): Token {
  return { value, generation };
}
