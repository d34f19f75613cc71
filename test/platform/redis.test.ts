// Redis URLs, and a connection that comes and goes.

import { describe, expect, onTestFinished, test } from "vitest";
import { createRedis, createScript } from "../../src/platform/redis.ts";
import { parseRedisUrl } from "../../src/platform/redis-url.ts";
import { addressOf, silentLog } from "../engine/engines.ts";
import { startRedis } from "../support/redis.ts";

const plain = { tls: false, username: null, password: null, db: 0, masterName: null, sentinelPassword: null };

describe("a Redis URL", () => {
  test.each([
    ["redis://localhost", { kind: "single", hosts: [{ host: "localhost", port: 6379 }] }],
    ["redis://10.0.0.1:6380/3", { kind: "single", hosts: [{ host: "10.0.0.1", port: 6380 }], db: 3 }],
    ["redis://[::1]:6379/", { kind: "single", hosts: [{ host: "::1", port: 6379 }] }],
    [
      "rediss://worker:p%40ss%3Aword@cache.example:6380",
      {
        kind: "single",
        tls: true,
        username: "worker",
        password: "p@ss:word",
        hosts: [{ host: "cache.example", port: 6380 }],
      },
    ],
    [
      "redis://:only@localhost:1",
      { kind: "single", password: "only", hosts: [{ host: "localhost", port: 1 }] },
    ],
    [
      "redis-sentinel://:secret@a.example:26379,b.example/mymaster?db=2&sentinelPassword=other",
      {
        kind: "sentinel",
        hosts: [
          { host: "a.example", port: 26379 },
          { host: "b.example", port: 26379 },
        ],
        password: "secret",
        masterName: "mymaster",
        db: 2,
        sentinelPassword: "other",
      },
    ],
    [
      "rediss-cluster://user:secret@a.example:7000,b.example:7001",
      {
        kind: "cluster",
        tls: true,
        username: "user",
        password: "secret",
        hosts: [
          { host: "a.example", port: 7000 },
          { host: "b.example", port: 7001 },
        ],
      },
    ],
  ])("%s is understood", (url, expected) => {
    const reading = parseRedisUrl(url);
    expect(reading).toMatchObject({ ok: true, address: { ...plain, ...expected } });
    if (reading.ok) expect(reading.address.label).not.toMatch(/secret|word|only|other/);
  });

  test.each([
    "",
    "localhost:6379",
    "http://localhost",
    "redis://",
    "redis://hunter2@",
    "redis://:hunter2@host:0",
    "redis://:hunter2@host:99999",
    "redis://:hunter2@host:port",
    "redis://:hunter2@host/zero",
    "redis://:hunter2@a,b",
    "redis://:hunter2%zz@host",
    "redis-sentinel://:hunter2@host:26379",
    "redis-cluster://:hunter2@host:7000/1",
    "redis-cluster://:hunter2@host:7000?db=1",
    "redis-other://:hunter2@host",
  ])("%s is refused with a reason that repeats none of it", (url) => {
    const reading = parseRedisUrl(url);
    expect(reading.ok).toBe(false);
    if (!reading.ok) expect(reading.reason).not.toContain("hunter2");
  });
});

test("an outage is one line when it begins and one when it ends, without the password", async () => {
  const first = await startRedis(["--requirepass", "hunter2"]);
  onTestFinished(first.stop);
  const lines: string[] = [];
  const note = (fields: unknown, text?: string) => lines.push(`${text} ${JSON.stringify(fields)}`);
  const log = Object.assign(Object.create(silentLog), { warn: note, info: note });
  const url = first.url.replace("redis://", "redis://:hunter2@");
  const redis = createRedis({ address: addressOf(url), name: "test", waits: "bounded", log });
  onTestFinished(() => redis.disconnect());
  expect(await redis.ping()).toBe("PONG");
  await first.stop();
  await expect.poll(() => lines).toHaveLength(1);
  await expect(redis.ping()).rejects.toThrow();
  const second = await startRedis(["--requirepass", "hunter2", "--port", String(first.port)]);
  onTestFinished(second.stop);
  await expect.poll(() => lines).toHaveLength(2);
  expect(await redis.ping()).toBe("PONG");
  expect(lines.join()).not.toContain("hunter2");
});

test("a command to a server that is frozen fails within its bound", async () => {
  const server = await startRedis();
  onTestFinished(server.stop);
  const redis = createRedis({
    address: addressOf(server.url),
    name: "test",
    waits: "bounded",
    log: silentLog,
  });
  onTestFinished(() => redis.disconnect());
  await redis.ping();
  process.kill(server.pid, "SIGSTOP");
  await expect(redis.ping()).rejects.toThrow("Command timed out");
});

test("a script runs on a server that has forgotten it", async () => {
  const server = await startRedis();
  onTestFinished(server.stop);
  const redis = createRedis({
    address: addressOf(server.url),
    name: "test",
    waits: "bounded",
    log: silentLog,
  });
  onTestFinished(() => redis.disconnect());
  const echo = createScript(redis, "return { KEYS[1], ARGV[1] }");
  expect(await echo(["key"], ["value"])).toEqual(["key", "value"]);
  await redis.script("FLUSH");
  expect(await echo(["key"], ["value"])).toEqual(["key", "value"]);
});
