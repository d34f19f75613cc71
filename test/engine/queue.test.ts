// BullMQ through each engine's queue backend: that the wiring carries what `queue/` needs of it.

import { DelayedError, Queue, Worker } from "bullmq";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { type TestEngine, testEngines } from "./engines.ts";

describe.each(testEngines)("queue on $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  test("a job added twice under one id is processed once, also with two workers", async () => {
    const queue = openQueue(bundle.engine, "once");
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const processor = async (job: { id?: string | undefined }) => {
      seen.push(job.id ?? "");
      if (job.id === "last") resolve();
    };
    const first = openWorker(bundle.engine, "once", processor);
    const second = openWorker(bundle.openAnother(), "once", processor);
    await Promise.all([first.waitUntilReady(), second.waitUntilReady()]);
    await queue.add("chunk", { chunk: 1 }, { jobId: "chunk-1" });
    await queue.add("chunk", { chunk: 1 }, { jobId: "chunk-1" });
    await expect.poll(() => seen.length).toBe(1);
    await queue.add("chunk", {}, { jobId: "last" });
    await promise;
    expect(seen.filter((id) => id === "chunk-1")).toHaveLength(1);
    await Promise.all([first.close(), second.close(), queue.close()]);
  });

  test("a job moved to delayed comes back without having lost a try", async () => {
    const queue = openQueue(bundle.engine, "delayed");
    const { promise, resolve } = Promise.withResolvers<number>();
    let runs = 0;
    const worker = openWorker(bundle.engine, "delayed", async (job, token) => {
      runs += 1;
      if (runs === 1) {
        await job.moveToDelayed(Date.now() + 50, token);
        throw new DelayedError();
      }
      resolve(job.attemptsMade);
    });
    await queue.add("chunk", {}, { jobId: "chunk-1" });
    expect(await promise).toBe(0);
    expect(runs).toBe(2);
    await Promise.all([worker.close(), queue.close()]);
  });

  test("a scheduler that is set up twice runs its job as one", async () => {
    const queue = openQueue(bundle.engine, "schedule");
    let runs = 0;
    const worker = openWorker(bundle.engine, "schedule", async () => {
      runs += 1;
    });
    for (let count = 0; count < 2; count += 1) {
      await queue.upsertJobScheduler("refresh", { every: 100 }, { name: "refresh", data: {} });
    }
    expect(await queue.getJobSchedulersCount()).toBe(1);
    await expect.poll(() => runs).toBeGreaterThanOrEqual(2);
    await queue.removeJobScheduler("refresh");
    expect(await queue.getJobSchedulersCount()).toBe(0);
    await Promise.all([worker.close(), queue.close()]);
  });
});

function openQueue({ queueBackend }: Engine, name: string) {
  const { connection, prefix, factory } = queueBackend;
  if (factory === undefined) throw new Error("Both engines bring a factory.");
  return new Queue(name, { connection, ...(prefix === undefined ? {} : { prefix }) }, factory);
}

type Processor = (
  job: {
    id?: string | undefined;
    attemptsMade: number;
    moveToDelayed: (atMs: number, token?: string) => Promise<void>;
  },
  token?: string,
) => Promise<void>;

function openWorker({ queueBackend }: Engine, name: string, processor: Processor) {
  const { connection, prefix, factory } = queueBackend;
  if (factory === undefined) throw new Error("Both engines bring a factory.");
  const worker = new Worker(
    name,
    processor,
    { connection, ...(prefix === undefined ? {} : { prefix }) },
    factory,
  );
  worker.on("error", () => undefined);
  return worker;
}
