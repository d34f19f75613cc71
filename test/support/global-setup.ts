// Starts one real Postgres and one real Redis for the whole test run, and stops them after it.
//
// The test files get their URLs by `inject`; database.ts and redis.ts are the doors they use.

import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres-server.ts";
import { startRedis } from "./redis-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    readonly postgresUrl: string;
    readonly redisUrl: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await Promise.allSettled([startPostgres(), startRedis()]);
  const [postgres, redis] = started;
  const stop = async () => {
    await Promise.all(started.map((one) => (one.status === "fulfilled" ? one.value.stop() : undefined)));
  };
  if (postgres.status === "rejected" || redis.status === "rejected") {
    await stop();
    throw postgres.status === "rejected" ? postgres.reason : redis.status === "rejected" && redis.reason;
  }
  project.provide("postgresUrl", postgres.value.url);
  project.provide("redisUrl", redis.value.url);
  return stop;
}
