// Queues on one of the engines, with consumers that end with the test.

import { randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import type { MessageClass } from "../../src/domain/message.ts";
import type { StepEnd } from "../../src/domain/step-end.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { type Consumer, consume } from "../../src/queue/consume.ts";
import { createEnqueue } from "../../src/queue/enqueue.ts";
import { accountQueue, type Lane, openQueue, type Payload } from "../../src/queue/queues.ts";
import { silentLog } from "../engine/engines.ts";

const usual = { class: "marketing", messages: 1_000, round: 0 } as const;

export type Run = (payload: Payload, signal: AbortSignal) => Promise<StepEnd>;

/** An account nobody else has, so that tests share an engine and run side by side. */
export function openAccount({ queueBackend: backend }: Pick<Engine, "queueBackend">) {
  const account = `main-${randomUUID().slice(0, 8)}`;
  const log = silentLog;
  const enqueue = createEnqueue({ backend, log });
  const queue = openQueue(accountQueue(account, "bulk"), backend, log);
  onTestFinished(async () => {
    await Promise.all([enqueue.close(), queue.close()]);
  });
  return {
    /** Chunks of a campaign, unless they say otherwise. */
    add: (...chunks: { id: string; class?: MessageClass; messages?: number; round?: number }[]) =>
      enqueue.chunks(chunks.map((chunk) => ({ ...usual, account, ...chunk, id: chunk.id as ChunkId }))),
    /** Jobs in any state, finished ones too. */
    async size(): Promise<number> {
      const counts = await queue.getJobCounts();
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    consume(run: Run, concurrency = 1, lane: Lane = "bulk"): Consumer {
      const consumer = consume({ queue: accountQueue(account, lane), concurrency, run, backend, log });
      onTestFinished(() => consumer.close(5_000));
      return consumer;
    },
  };
}

/** A step that notes what it was run for, and a wait for the n-th run. */
export function notedStep(end: (payload: Payload, run: number) => StepEnd | Promise<StepEnd>) {
  const runs: { readonly chunk: string; readonly atMs: number }[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const run: Run = async (payload) => {
    runs.push({
      chunk: payload.step === "send-chunk" ? payload.chunkId : payload.step,
      atMs: performance.now(),
    });
    for (const { count, resolve } of waiting) if (runs.length >= count) resolve();
    return end(payload, runs.length);
  };
  const untilRuns = (count: number) =>
    new Promise<void>((resolve) => {
      if (runs.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { run, runs, untilRuns };
}
