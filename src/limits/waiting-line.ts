// The line of calls that wait at one account in this process, in the order of urgency-line.ts.
//
// One pump a line asks the engine for all that wait at once, and leases slots up to LEASE_MS ahead: so the
// engine is asked some thirty times a second, however many calls leave, and never twice at a time.
//
//   join -> asked -> slot       the caller is told his slot up to LEASE_MS before it
//      '-> aborted              at any time before that

import { setTimeout as sleep } from "node:timers/promises";
import type { AccountLimits } from "../domain/account.ts";
import type { Urgency } from "../domain/urgency.ts";
import type { RateCells, RateGrant } from "../engine/engine.ts";
import { createEngineClock } from "./engine-clock.ts";
import { createLead, type Lead } from "./lead.ts";
import { createUrgencyLine } from "./urgency-line.ts";

/** How far ahead of the callers' lead slots are leased. */
const LEASE_MS = 60;
/**
 * Urgent calls may lease further ahead than any others: so there is always a slot left for them, however many
 * processes ask for the others.
 */
const URGENT_LEASE_MS = 100;
/** More than a busy account grants within a lease; bounds what one ask carries. */
const ASK_MAX = 1_000;
/** Also the longest that a line with nobody left in it lives on. */
const WAIT_MS_MAX = 1_000;
/** So that processes that wait for the same slots take turns in being first. */
const WAIT_JITTER_MS = 20;
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 2_000;

export type Slot = {
  /** On our monotonic clock. */
  readonly atMs: number;
  /** The lead it was asked with. */
  readonly leadMs: number;
};

export type WaitingLine = {
  readonly join: (
    call: {
      readonly limits: AccountLimits;
      readonly segments: number;
      readonly urgency: Urgency;
      readonly place: "front" | "back";
    },
    signal: AbortSignal | undefined,
  ) => Promise<Slot>;
  /** No ask before then, also when the engine could not be told of the pause. */
  readonly hold: (pauseMs: number) => void;
  readonly lead: Lead;
};

export type LineOptions = {
  readonly account: string;
  readonly rates: RateCells;
  /** Told of the end of each ask: the error, or null when the engine answered. */
  readonly onAnswer: (error: unknown) => void;
};

type Waiter = {
  readonly segments: number;
  readonly grant: (slot: Slot) => void;
  settled: boolean;
};

export function createWaitingLine({ account, rates, onAnswer }: LineOptions): WaitingLine {
  const clock = createEngineClock();
  const lead = createLead();
  const waiting = createUrgencyLine<Waiter>();
  let limits: AccountLimits = { requestsPerSecond: 1, segmentsPerSecond: null, inFlight: 1 };
  let pumping = false;
  let heldUntilMs = 0;
  /** Cut short when an urgent call comes, for there may be a slot for it already. */
  let rest: AbortController | null = null;

  async function pump(): Promise<void> {
    // Calls of the same tick share the first ask.
    await Promise.resolve();
    for (let failures = 0; !waiting.isEmpty(); waiting.keep(isUnsettled)) {
      const heldMs = heldUntilMs - performance.now();
      if (heldMs > 0) {
        await sleep(Math.min(heldMs, WAIT_MS_MAX));
        continue;
      }
      try {
        const waitMs = await askOnce();
        failures = 0;
        onAnswer(null);
        if (waitMs > 0) await sleep(waitMs, undefined, { signal: rest?.signal }).catch(() => undefined);
      } catch (error) {
        onAnswer(error);
        await sleep(backoffMs(failures));
        failures += 1;
      }
    }
    pumping = false;
  }

  /** Answers after how long it makes sense to ask again. */
  async function askOnce(): Promise<number> {
    const leadMs = lead.now();
    // Beyond what one lease can grant there is no use in asking.
    const countMax = Math.min(ASK_MAX, Math.ceil((limits.requestsPerSecond * LEASE_MS) / 1_000) + 1);
    const head = waiting.head(countMax);
    const urgents = head.findLastIndex(({ urgency }) => urgency === "urgent") + 1;
    // The others among them have the first right to their turns.
    const asked = urgents > 0 ? head.slice(0, urgents) : head;
    // Once is enough: those who come while an urgent one waits already wait with it.
    rest = urgents > 0 ? null : new AbortController();
    const sentMs = performance.now();
    const grant: RateGrant = await rates.take(account, {
      requestsPerSecond: limits.requestsPerSecond,
      segmentsPerSecond: limits.segmentsPerSecond,
      segments: asked.map(({ item }) => item.segments),
      leadMs,
      horizonMs: leadMs + (urgents > 0 ? URGENT_LEASE_MS : LEASE_MS),
    });
    clock.learn({ sentMs, receivedMs: performance.now(), engineMs: grant.nowMs });
    for (const [index, slotMs] of grant.slotsMs.entries()) {
      // The slot of a call that gave up meanwhile is lost: it was cut for that call's segments.
      asked[index]?.item.grant({ atMs: clock.toLocalMs(grant.nowMs + slotMs), leadMs });
    }
    waiting.served(grant.slotsMs.length);
    if (grant.slotsMs.length === asked.length) return 0;
    return Math.min(WAIT_MS_MAX, Math.max(1, grant.waitMs - Math.random() * WAIT_JITTER_MS));
  }

  return {
    lead,
    hold(pauseMs) {
      heldUntilMs = Math.max(heldUntilMs, performance.now() + pauseMs);
    },
    join(call, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<Slot>();
      if (signal?.aborted) return Promise.reject(signal.reason);
      limits = call.limits;
      const abort = () => {
        waiter.settled = true;
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        segments: call.segments,
        settled: false,
        grant(slot) {
          if (waiter.settled) return;
          waiter.settled = true;
          signal?.removeEventListener("abort", abort);
          resolve(slot);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      waiting.add(waiter, call.urgency, call.place);
      if (call.urgency === "urgent") rest?.abort();
      if (!pumping) {
        pumping = true;
        void pump();
      }
      return promise;
    },
  };
}

function isUnsettled(waiter: Waiter): boolean {
  return !waiter.settled;
}

function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MS_MIN * 2 ** failures, BACKOFF_MS_MAX) * (0.5 + Math.random() / 2);
}
