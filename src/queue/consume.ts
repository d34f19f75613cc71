// [2] Runs steps for jobs, and turns how they ended into BullMQ's calls.
//
// A job that stalls or runs twice is harmless here: the ledger grants each message once. So a stalled job is
// always run again, and an error is "again, later", never a failed job that nobody looks at.

import { DelayedError, type Job, type JobsOptions, type Queue, Worker } from "bullmq";
import type { StepEnd } from "../domain/step-end.ts";
import type { QueueBackend } from "../engine/engine.ts";
import { inTime } from "../platform/in-time.ts";
import type { Logger } from "../platform/log.ts";
import { openQueue, type Payload } from "./queues.ts";

export type Consumer = {
  readonly isRunning: () => boolean;
  /** Takes no more jobs, aborts the steps' signal and waits for them, at most `deadlineMs`. */
  readonly close: (deadlineMs: number) => Promise<void>;
};

export type ConsumeOptions = {
  readonly queue: string;
  readonly concurrency: number;
  readonly run: (payload: Payload, signal: AbortSignal) => Promise<StepEnd>;
  readonly backend: QueueBackend;
  readonly log: Logger;
};

const LOCK_MS = 30_000;
const ERROR_WAIT_MS = 5_000;
/** BullMQ's own wait after a lost connection is 15 s; work should go on sooner than that. */
const CONNECTION_RETRY_MS = 2_000;
/** For the last words to the queue, once the steps have ended. */
const CLOSE_MS_MAX = 3_000;
/** The queue's clock may be a little behind the ledger's: a chunk that comes back early finds nothing due. */
const AGAIN_MARGIN_MS = 20;

export function consume({ queue, concurrency, run, backend, log }: ConsumeOptions): Consumer {
  const closing = new AbortController();
  /** Jobs that are done for now, and stand in line again when the queue has heard so. */
  const over = new Set<Job<Payload>>();
  let opened: Queue<Payload> | null = null;
  const line = () => {
    opened ??= openQueue(queue, backend, log);
    return opened;
  };
  const steps = new Set<Promise<StepEnd>>();

  async function process(
    job: Job<Payload>,
    token: string | undefined,
    lost: AbortSignal | undefined,
  ): Promise<void> {
    const signal = lost === undefined ? closing.signal : AbortSignal.any([closing.signal, lost]);
    const step = run(job.data, signal).catch((error: unknown): StepEnd => {
      log.error({ queue, job: job.id, err: describe(error) }, "step failed; it will run again");
      return { kind: "again", afterMs: ERROR_WAIT_MS };
    });
    steps.add(step);
    const end = await step.finally(() => steps.delete(step));
    switch (end.kind) {
      case "done":
        return;
      case "stop":
        log.warn({ queue, job: job.id, reason: end.reason }, "step stopped");
        return;
      case "turn-over":
        over.add(job);
        return;
      case "again":
        await job.moveToDelayed(Date.now() + Math.ceil(end.afterMs) + AGAIN_MARGIN_MS, token);
        throw new DelayedError();
      default:
        return end satisfies never;
    }
  }

  const worker = new Worker<Payload>(
    queue,
    // Three named parameters: BullMQ hands out its signal only to a function that declares it.
    (job, token, signal) => process(job, token, signal),
    {
      connection: backend.connection as never,
      ...(backend.prefix === undefined ? {} : { prefix: backend.prefix }),
      concurrency,
      lockDuration: LOCK_MS,
      maxStalledCount: 1_000_000,
      runRetryDelay: CONNECTION_RETRY_MS,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
    backend.factory as never,
  ) as Worker<Payload>;
  worker.on("completed", (job) => {
    // Only now is the job's id free again. A process that dies here leaves a released chunk, which the sweep finds.
    if (over.delete(job))
      line()
        .add(job.name, job.data, nextTurn(job))
        .catch(() => undefined);
  });
  worker.on("error", (error) => log.debug({ queue, err: error.message }, "worker connection"));
  worker.on("lockRenewalFailed", (jobs: string[]) => {
    for (const job of jobs) worker.cancelJob(job, "the job's lock was lost");
  });

  return {
    isRunning: () => worker.isRunning() && !worker.closing,
    async close(deadlineMs) {
      const deadline = performance.now() + deadlineMs;
      closing.abort();
      const closed = worker.close().catch(() => undefined);
      await inTime(Promise.all(steps), deadlineMs, () => undefined);
      // BullMQ's own closing has no limit, and with its server away it never ends.
      const leftMs = Math.max(0, deadline - performance.now());
      await inTime(closed, Math.min(leftMs, CLOSE_MS_MAX), () => undefined);
      await inTime(
        opened?.close().catch(() => undefined) ?? Promise.resolve(),
        CLOSE_MS_MAX,
        () => undefined,
      );
    },
  };
}

function nextTurn({ id, opts: { priority } }: Job<Payload>): JobsOptions {
  return { ...(id === undefined ? {} : { jobId: id }), ...(priority === undefined ? {} : { priority }) };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
