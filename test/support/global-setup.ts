// Starts one real Postgres and one real Redis for the whole test run, and stops them after it.
//
// The test files get their URLs by `inject`; database.ts and redis.ts are the doors they use.

import type { TestProject } from "vitest/node";
import { createPostgresEngine } from "../../src/engine/postgres.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { createLog } from "../../src/platform/log.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { startPostgres } from "./postgres-server.ts";
import { startRedis } from "./redis-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    readonly postgresUrl: string;
    /** Its name, on that server. */
    readonly templateDatabase: string;
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
  project.provide(
    "templateDatabase",
    await createTemplate(postgres.value.url).catch(async (error) => {
      await stop();
      throw error;
    }),
  );
  project.provide("redisUrl", redis.value.url);
  return stop;
}

/** Ledger, engine and queue, as they are on both engines. */
async function createTemplate(serverUrl: string): Promise<string> {
  const name = "volley_template";
  const log = createLog("error");
  const server = createPool({ url: serverUrl, applicationName: "volley-test", max: 1, log });
  await server.query(`create database ${name} template template0`);
  await server.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = createPool({ url: url.href, applicationName: "volley-test", max: 2, log });
  const engine = createPostgresEngine({ url: url.href, queues: 1, log });
  await createLedger({ pool }).migrate();
  await engine.migrate();
  await Promise.all([pool.end(), engine.close()]);
  return name;
}
