// What `check` says of servers that are away, unfit or fit, and the engine on a Redis Cluster.

import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { createPostgresEngine } from "../../src/engine/postgres.ts";
import { createRedisEngine } from "../../src/engine/redis.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createDatabase } from "../support/database.ts";
import { startRedis } from "../support/redis.ts";
import { addressOf, silentLog } from "./engines.ts";

test("a Redis that may evict keys is unfit, and fit again once it may not", async () => {
  const server = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
  onTestFinished(server.stop);
  const engine = createRedisEngine({ connection: addressOf(server.url), log: silentLog });
  onTestFinished(engine.close);
  const faults = await engine.check();
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain("CONFIG SET maxmemory-policy noeviction");
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  await admin.config("SET", "maxmemory-policy", "noeviction");
  expect(await engine.check()).toEqual([]);
});

test("a Redis that refuses us or is away is one line without the password", async () => {
  const server = await startRedis(["--requirepass", "right"]);
  onTestFinished(server.stop);
  const engine = createRedisEngine({
    connection: addressOf(server.url.replace("redis://", "redis://:hunter2@")),
    log: silentLog,
  });
  onTestFinished(engine.close);
  const faults = await engine.check();
  expect(faults).toHaveLength(1);
  expect(faults[0]).not.toContain("hunter2");

  const port = await findFreePort();
  const away = createRedisEngine({ connection: addressOf(`redis://127.0.0.1:${port}`), log: silentLog });
  onTestFinished(away.close);
  expect(await away.check()).toEqual([expect.stringContaining(`127.0.0.1:${port}`)]);
  await expect(away.migrate()).rejects.toMatchObject({ code: "engine_unreachable" });
  await expect(away.tokens.read("any")).rejects.toMatchObject({ code: "engine_unreachable" });
});

test("a Postgres without the engine's tables names the command that makes them", async () => {
  const database = await createDatabase({ empty: true });
  onTestFinished(database.drop);
  const engine = createPostgresEngine({ url: database.url, queues: 1, log: silentLog });
  onTestFinished(engine.close);
  expect(await engine.check()).toEqual([expect.stringContaining('Run "volley migrate"')]);
  await engine.migrate();
  expect(await engine.check()).toEqual([]);
});

test("a Postgres that is away is one line without the password", async () => {
  const port = await findFreePort();
  const engine = createPostgresEngine({
    url: `postgres://user:hunter2@127.0.0.1:${port}/db`,
    queues: 1,
    log: silentLog,
  });
  onTestFinished(engine.close);
  const faults = await engine.check();
  expect(faults).toHaveLength(1);
  expect(faults[0]).not.toContain("hunter2");
  await expect(engine.migrate()).rejects.toMatchObject({ code: "engine_unreachable" });
  await expect(engine.tokens.read("any")).rejects.toMatchObject({ code: "engine_unreachable" });
});

test("on a Redis Cluster all keys lie under one hash tag, so cells and queue work", async () => {
  const server = await startRedis(["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]);
  onTestFinished(server.stop);
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await expect.poll(() => admin.call("CLUSTER", "INFO")).toContain("cluster_state:ok");
  const connection = addressOf(`redis-cluster://127.0.0.1:${server.port}`);
  const engine = createRedisEngine({ connection, log: silentLog });
  onTestFinished(engine.close);
  expect(await engine.check()).toEqual([]);
  expect(await engine.tokens.lease("acme", { holder: "a", generation: 0, holdMs: 1_000 })).toBe("granted");
  const ask = { requestsPerSecond: 10, segmentsPerSecond: 5, segments: [1], leadMs: 0, horizonMs: 5_000 };
  await engine.rates.take("acme", { ...ask, horizonMs: 0 });
  expect((await engine.rates.take("acme", ask)).slotsMs).toHaveLength(1);

  const { factory, prefix = "" } = engine.queueBackend;
  if (factory === undefined) throw new Error("The Redis engine brings a factory.");
  const options = { connection: engine.queueBackend.connection, prefix };
  const queue = new Queue("cluster", options, factory);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const worker = new Worker("cluster", async (job) => resolve(job.id), options, factory);
  await queue.add("chunk", {}, { jobId: "chunk-1" });
  expect(await promise).toBe("chunk-1");
  await Promise.all([worker.close(), queue.close()]);

  const keys = await admin.keys("*");
  expect(keys.length).toBeGreaterThan(3);
  expect(keys.filter((key) => !key.startsWith("{volley}:"))).toEqual([]);
});
