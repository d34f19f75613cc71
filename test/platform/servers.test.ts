// The servers of the test run itself: what the other tests may rely on.

import { once } from "node:events";
import { connect } from "node:net";
import { Redis } from "ioredis";
import { Client } from "pg";
import { expect, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { redisUrl, startRedis } from "../support/redis.ts";

test("a test database is empty, its own, and gone after drop even with a connection left open", async () => {
  const [one, two] = await Promise.all([createDatabase({ empty: true }), createDatabase({ empty: true })]);
  const client = new Client({ connectionString: one.url });
  client.on("error", () => undefined);
  await client.connect();
  await client.query("create table t as select 1 as n");
  const other = new Client({ connectionString: two.url });
  await other.connect();
  const tables = await other.query("select 1 from pg_tables where schemaname = 'public'");
  expect(tables.rowCount).toBe(0);
  await other.end();
  await Promise.all([one.drop(), two.drop()]);
  const late = new Client({ connectionString: one.url });
  await expect(late.connect()).rejects.toMatchObject({ code: "3D000" });
});

test("the shared Redis never evicts", async () => {
  const redis = new Redis(redisUrl());
  expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  await redis.quit();
});

test("a Redis of one's own takes settings, can be killed, and stop still cleans up", async () => {
  const server = await startRedis(["--maxmemory", "5mb"]);
  const redis = new Redis(server.url);
  expect(await redis.config("GET", "maxmemory")).toEqual(["maxmemory", String(5 * 1024 * 1024)]);
  redis.disconnect();
  process.kill(server.pid, "SIGKILL");
  await server.stop();
  const socket = connect(server.port, "127.0.0.1");
  const [error] = await once(socket, "error").catch((reason: unknown) => [reason]);
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});
