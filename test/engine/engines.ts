// Both engines for tests, each fresh: a database of its own, or a key prefix of its own.

import assert from "node:assert";
import { randomUUID } from "node:crypto";
import type { Engine, RateCells } from "../../src/engine/engine.ts";
import { createPostgresEngine } from "../../src/engine/postgres.ts";
import { createPostgresRates } from "../../src/engine/postgres-cells.ts";
import { createRedisEngine } from "../../src/engine/redis.ts";
import { createRedisRates } from "../../src/engine/redis-cells.ts";
import { createLog } from "../../src/platform/log.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createRedis } from "../../src/platform/redis.ts";
import { parseRedisUrl, type RedisAddress } from "../../src/platform/redis-url.ts";
import { createDatabase } from "../support/database.ts";
import { redisUrl } from "../support/redis.ts";

export type TestEngine = {
  readonly engine: Engine;
  /** Another process's view of the same engine. */
  readonly openAnother: () => Engine;
  /** Rate cells of the same engine that go by the test's clock, in microseconds. */
  readonly openRates: (clockUs: () => number) => RateCells;
  readonly close: () => Promise<void>;
};

export const silentLog = createLog("silent");

export const testEngines: readonly { readonly name: string; readonly open: () => Promise<TestEngine> }[] = [
  { name: "postgres", open: openPostgres },
  { name: "redis", open: openRedis },
];

export function addressOf(url: string): RedisAddress {
  const reading = parseRedisUrl(url);
  assert(reading.ok);
  return reading.address;
}

async function openPostgres(): Promise<TestEngine> {
  const database = await createDatabase();
  const open = () => createPostgresEngine({ url: database.url, queues: 10, log: silentLog });
  const closers: (() => Promise<void>)[] = [];
  return {
    ...opened(open, closers),
    openRates(clockUs) {
      const pool = createPool({ url: database.url, applicationName: "test", max: 2, log: silentLog });
      closers.push(() => pool.end());
      return createPostgresRates(pool, clockUs);
    },
    async close() {
      await Promise.all(closers.map((close) => close()));
      await database.drop();
    },
  };
}

async function openRedis(): Promise<TestEngine> {
  const connection = addressOf(redisUrl());
  const prefix = `{test-${randomUUID()}}`;
  const open = () => createRedisEngine({ connection, log: silentLog, prefix });
  const closers: (() => Promise<void>)[] = [];
  return {
    ...opened(open, closers),
    openRates(clockUs) {
      const redis = createRedis({ address: connection, name: "test", waits: "bounded", log: silentLog });
      closers.push(async () => redis.disconnect());
      return createRedisRates(redis, prefix, clockUs);
    },
    async close() {
      await Promise.all(closers.map((close) => close()));
    },
  };
}

function opened(open: () => Engine, closers: (() => Promise<void>)[]) {
  const openAnother = () => {
    const engine = open();
    closers.push(engine.close);
    return engine;
  };
  return { engine: openAnother(), openAnother };
}
