// Entry: the process that runs the steps. One consumer an account and one for the schedules; plain timers
// beside the schedules, because a queue's scheduler has been seen to stop.

import { setInterval } from "node:timers";
import type { StepEnd } from "../src/domain/step-end.ts";
import type { Parts } from "../src/parts.ts";
import { type Consumer, consume } from "../src/queue/consume.ts";
import {
  accountQueue,
  type Lane,
  lanes,
  type Payload,
  SCHEDULE_QUEUE,
  WEBHOOK_QUEUE,
} from "../src/queue/queues.ts";
import { applyReports } from "./apply-reports.ts";
import { askOverdue } from "./ask-overdue.ts";
import { deliverDue, deliverWebhooks } from "./deliver-webhook.ts";
import { reconcile } from "./reconcile.ts";
import { refreshToken } from "./refresh-token.ts";
import { releaseDue } from "./release-due.ts";
import { retain } from "./retain.ts";
import { sendChunk } from "./send-chunk.ts";

export type Worker = {
  readonly isUp: () => boolean;
  /** Starts no more calls, lets those in flight end and be recorded, at most `deadlineMs`. */
  readonly close: (deadlineMs: number) => Promise<void>;
};

/**
 * Chunks of one account that a process works on side by side: of campaigns enough to hide the claim of the next one, of
 * urgent messages, each of which is mostly a chunk of its own, enough to hide the whole way of one.
 */
const CHUNKS_AT_ONCE: Readonly<Record<Lane, number>> = { urgent: 20, bulk: 4 };
const SWEEP_EVERY_MS = 5_000;
const RELEASE_DUE_EVERY_MS = 1_000;
const ASK_OVERDUE_EVERY_MS = 60_000;
const APPLY_EVERY_MS = 1_000;
const DELIVER_EVERY_MS = 1_000;
const RETAIN_EVERY_MS = 3_600_000;
/** Not below the ledger's ENDPOINTS_MAX, so that no endpoint waits for another. A job mostly waits for its receiver. */
const ENDPOINTS_AT_ONCE = 100;
/** The timers are slower than the schedules they stand in for, so that they find nothing to do. */
const TIMER_SLOWER = 1.5;
const JITTER = 0.1;

export async function startWorker(parts: Parts): Promise<Worker> {
  const { engine, enqueue, log, config } = parts;
  const run = async (payload: Payload, signal: AbortSignal): Promise<StepEnd> => {
    switch (payload.step) {
      case "send-chunk":
        return sendChunk(parts, payload, signal);
      case "refresh-token":
        return refreshToken(parts, payload);
      case "reconcile":
        return reconcile(parts);
      case "release-due":
        return releaseDue(parts);
      case "ask-overdue":
        return askOverdue(parts);
      case "retain":
        return retain(parts);
      case "apply-reports":
        return applyReports(parts);
      case "deliver-due":
        return deliverDue(parts);
      case "deliver-webhooks":
        return deliverWebhooks(parts, payload, signal);
      default:
        return payload satisfies never;
    }
  };
  const names = [...parts.accounts.keys()];
  const consumers: Consumer[] = [
    ...names.flatMap((name) =>
      lanes.map((lane) => ({ queue: accountQueue(name, lane), concurrency: CHUNKS_AT_ONCE[lane] })),
    ),
    { queue: WEBHOOK_QUEUE, concurrency: ENDPOINTS_AT_ONCE },
    { queue: SCHEDULE_QUEUE, concurrency: 2 },
  ].map((one) => consume({ ...one, run, backend: engine.queueBackend, log }));

  const refreshEveryMs = config.token.refreshEverySeconds * 1000;
  const oauth = names.filter((name) => hasToken(parts, name));
  const timers = [
    every(SWEEP_EVERY_MS * TIMER_SLOWER, () => reconcile(parts)),
    every(RELEASE_DUE_EVERY_MS * TIMER_SLOWER, () => releaseDue(parts)),
    every(ASK_OVERDUE_EVERY_MS * TIMER_SLOWER, () => askOverdue(parts)),
    every(RETAIN_EVERY_MS * TIMER_SLOWER, () => retain(parts)),
    every(APPLY_EVERY_MS * TIMER_SLOWER, () => applyReports(parts)),
    every(DELIVER_EVERY_MS * TIMER_SLOWER, () => deliverDue(parts)),
    ...oauth.map((account) => every(refreshEveryMs * TIMER_SLOWER, () => refreshToken(parts, { account }))),
  ];
  // Neither blocks the start: with the queue away, the timers do the schedules' work.
  const schedules = [
    enqueue.schedule("reconcile", { step: "reconcile" }, SWEEP_EVERY_MS),
    enqueue.schedule("release-due", { step: "release-due" }, RELEASE_DUE_EVERY_MS),
    enqueue.schedule("ask-overdue", { step: "ask-overdue" }, ASK_OVERDUE_EVERY_MS),
    enqueue.schedule("retain", { step: "retain" }, RETAIN_EVERY_MS),
    enqueue.schedule("apply-reports", { step: "apply-reports" }, APPLY_EVERY_MS),
    enqueue.schedule("deliver-due", { step: "deliver-due" }, DELIVER_EVERY_MS),
    ...oauth.map((account) =>
      enqueue.schedule(
        `refresh-token-${account}`,
        { step: "refresh-token", account },
        jittered(refreshEveryMs),
      ),
    ),
  ];
  Promise.all(schedules).catch((error: unknown) =>
    log.warn({ err: String(error) }, "schedules could not be set; timers do their work"),
  );

  function every(everyMs: number, work: () => Promise<unknown>): NodeJS.Timeout {
    return setInterval(() => {
      work().catch((error: unknown) =>
        log.warn({ err: String(error) }, "scheduled work failed; it will run again"),
      );
    }, jittered(everyMs));
  }

  return {
    isUp: () => consumers.every((consumer) => consumer.isRunning()),
    async close(deadlineMs) {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(consumers.map((consumer) => consumer.close(deadlineMs)));
    },
  };
}

function hasToken(parts: Parts, name: string): boolean {
  const at = parts.accounts.get(name);
  return at !== undefined && at.provider.buildTokenRequest(at.account) !== null;
}

/** A little less than asked for, so that a fleet's schedules do not fall together. */
function jittered(ms: number): number {
  return Math.round(ms * (1 - Math.random() * JITTER));
}
