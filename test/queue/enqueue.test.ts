// Putting chunks into the queue: once each, and never waiting on a queue that is away.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { done } from "../../src/domain/step-end.ts";
import { createRedisEngine } from "../../src/engine/redis.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import { addressOf, silentLog, type TestEngine, testEngines } from "../engine/engines.ts";
import { startRedis } from "../support/redis.ts";
import { notedStep, openAccount } from "./setup.ts";

describe.each(testEngines)("on $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  it("a chunk that is added twice, also at once, is one job", async () => {
    const account = openAccount(bundle.engine);
    expect(await account.add({ id: "1" })).toBe(true);
    expect(await account.add({ id: "1" }, { id: "2" })).toBe(true);
    await Promise.all(Array.from({ length: 10 }, () => account.add({ id: "3" })));
    expect(await account.size()).toBe(3);
    const step = notedStep(() => done);
    account.consume(step.run);
    await step.untilRuns(3);
    await expect.poll(account.size).toBe(0);
    expect(step.runs.map(({ chunk }) => chunk)).toEqual(["1", "2", "3"]);
  });

  it("a window of chunks is added whole", async () => {
    const account = openAccount(bundle.engine);
    await account.add(...Array.from({ length: 500 }, (_, index) => ({ id: String(index) })));
    expect(await account.size()).toBe(500);
    expect(await account.add()).toBe(true);
  });
});

describe("while Redis is away", () => {
  it("adding gives up after its wait and says so: the sweep adds what is missing", async () => {
    const connection = addressOf(`redis://127.0.0.1:${await findFreePort()}`);
    const engine = createRedisEngine({ connection, log: silentLog });
    onTestFinished(() => engine.close());
    const account = openAccount(engine);
    expect(await account.add({ id: "1" })).toBe(false);
  });

  it("a consumer's close does not wait for it", async () => {
    const redis = await startRedis();
    const engine = createRedisEngine({ connection: addressOf(redis.url), log: silentLog });
    onTestFinished(() => engine.close());
    const account = openAccount(engine);
    const step = notedStep(() => done);
    const consumer = account.consume(step.run);
    await account.add({ id: "1" });
    await step.untilRuns(1);
    await redis.stop();
    // The test's own time limit is shorter.
    await consumer.close(600_000);
  });
});
