// [4] When a call may leave: never more calls or segments in any second than the account's limits, over all
// workers together.
//
// A permit is a slot in time that the engine reserved for one call. The order for callers is: acquire,
// commit the attempt, `ready()`, send in the same tick. A call that left later than its slot would press the
// calls of two seconds into one at the provider's door; so who comes late silently gets a new slot.
//
// Nothing is granted without the engine: while it is away, calls wait.

import { setTimeout as sleep } from "node:timers/promises";
import type { Account } from "../domain/account.ts";
import type { Urgency } from "../domain/urgency.ts";
import type { RateCells } from "../engine/engine.ts";
import type { Logger } from "../platform/log.ts";
import type { Lead } from "./lead.ts";
import { createWaitingLine, type Slot, type WaitingLine } from "./waiting-line.ts";

/** The engine spaces slots for 20 ms of lateness; the rest is for the way to the provider and for what two workers think of the clock. */
const LATE_MS_MAX = 5;
/** For pauses that others ask for: a hint that is absurd must not stop an account for a day. */
const PAUSE_MS_MAX = 15 * 60_000;
/** Added to each pause, up to a tenth of it, so that those whom one fault stopped do not return as one. */
const PAUSE_JITTER_MS_MAX = 5_000;
/** An attempt is open meanwhile; whoever waits longer for a new slot has to put it off. */
const READY_MS_MAX = 8_000;

export type Limiter = {
  /** Resolves with a slot up to a moment ahead. Rejects only with the signal's reason. */
  readonly acquire: (account: Account, segments: number, call?: CallToPermit) => Promise<Permit>;
  /** For the whole fleet. Never throws: this process keeps the pause also when the engine cannot be told. */
  readonly pause: (account: Account, pauseMs: number, reason: string, pauseMsMax?: number) => Promise<void>;
  readonly state: (
    account: Account,
  ) => Promise<{ readonly pausedMs: number; readonly reason: string | null }>;
};

export type CallToPermit = {
  readonly signal?: AbortSignal | undefined;
  /** More urgent ones come first. Default: urgent. */
  readonly urgency?: Urgency;
};

export type Permit = {
  /**
   * Resolves at the slot's moment: send in the same tick. Rejects when the slot was missed and no other came
   * within READY_MS_MAX (the account was paused, the engine is away) or the signal fired: do not send then.
   */
  readonly ready: (signal?: AbortSignal) => Promise<void>;
};

export function createLimiter({ rates, log }: { readonly rates: RateCells; readonly log: Logger }): Limiter {
  const lines = new Map<string, WaitingLine>();
  let away = false;

  function onAnswer(error: unknown): void {
    if (error !== null && !away)
      log.warn({ reason: messageOf(error) }, "No rate slots can be had; all calls wait.");
    if (error === null && away) log.info("Rate slots can be had again.");
    away = error !== null;
  }

  function lineOf({ name }: Account): WaitingLine {
    const line = lines.get(name) ?? createWaitingLine({ account: name, rates, onAnswer });
    lines.set(name, line);
    return line;
  }

  return {
    async acquire(account, segments, { signal, urgency = "urgent" } = {}) {
      const line = lineOf(account);
      const { limits } = account;
      const call = { limits, segments, urgency };
      const slot = await line.join({ ...call, place: "back" }, signal);
      return {
        ready: (stop) =>
          waitFor(slot, line.lead, (deadline) => {
            const signals = stop === undefined ? [deadline] : [deadline, stop];
            return line.join({ ...call, place: "front" }, AbortSignal.any(signals));
          }),
      };
    },
    async pause(account, pauseMs, reason, pauseMsMax = PAUSE_MS_MAX) {
      const clampedMs = Math.min(Math.max(0, Number.isNaN(pauseMs) ? 0 : pauseMs), pauseMsMax);
      const jitteredMs = clampedMs + Math.random() * Math.min(clampedMs / 10, PAUSE_JITTER_MS_MAX);
      lineOf(account).hold(jitteredMs);
      try {
        await rates.pause(account.name, { pauseMs: jitteredMs, reason });
      } catch (error) {
        log.warn(
          { account: account.name, reason: messageOf(error) },
          "Other workers could not be told of a pause.",
        );
      }
    },
    state: (account) => rates.read(account.name),
  };
}

/** Until a slot's moment is now: of the first slot, or of a later one when it was missed. */
async function waitFor(
  first: Slot,
  lead: Lead,
  again: (deadline: AbortSignal) => Promise<Slot>,
): Promise<void> {
  const deadline = AbortSignal.timeout(READY_MS_MAX);
  for (let slot = first; ; slot = await again(deadline)) {
    lead.learn(slot, performance.now() - slot.atMs);
    await sleepUntil(slot.atMs);
    if (performance.now() - slot.atMs <= LATE_MS_MAX) return;
  }
}

/** Timers count from the start of the loop's turn, so they may fire early by what it has taken so far. */
async function sleepUntil(atMs: number): Promise<void> {
  for (let leftMs = atMs - performance.now(); leftMs > 0; leftMs = atMs - performance.now()) {
    await sleep(Math.ceil(leftMs));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
