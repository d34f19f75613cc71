// How a step's end becomes the queue's next move, on both engines.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { again, done, stop, turnOver } from "../../src/domain/step-end.ts";
import { createPostgresEngine } from "../../src/engine/postgres.ts";
import { queueCount } from "../../src/queue/queues.ts";
import { silentLog, type TestEngine, testEngines } from "../engine/engines.ts";
import { createDatabase } from "../support/database.ts";
import { notedStep, openAccount } from "./setup.ts";

describe.each(testEngines)("on $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  it("again: runs again after its wait, with the same payload, and only then is done", async () => {
    const account = openAccount(bundle.engine);
    const step = notedStep((_, run) => (run < 3 ? again(50) : done));
    account.consume(step.run);
    await account.add({ id: "1" });
    await step.untilRuns(3);
    expect(step.runs.map(({ chunk }) => chunk)).toEqual(["1", "1", "1"]);
    const [first = 0, second = 0, third = 0] = step.runs.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThanOrEqual(50);
    expect(third - second).toBeGreaterThanOrEqual(50);
    await expect.poll(account.size).toBe(0);
  });

  it("again: adding the chunk while it waits neither doubles it nor shortens its wait", async () => {
    const account = openAccount(bundle.engine);
    const step = notedStep((_, run) => (run === 1 ? again(400) : done));
    account.consume(step.run);
    await account.add({ id: "1" });
    await step.untilRuns(1);
    await account.add({ id: "1" });
    await step.untilRuns(2);
    await expect.poll(account.size).toBe(0);
    const [first = 0, second = 0] = step.runs.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThanOrEqual(400);
    expect(step.runs).toHaveLength(2);
  });

  it("done and stop: the job is gone, and its chunk may be added again", async () => {
    for (const end of [done, stop("nothing left to do")]) {
      const account = openAccount(bundle.engine);
      const step = notedStep(() => end);
      account.consume(step.run);
      await account.add({ id: "1" });
      await step.untilRuns(1);
      await expect.poll(account.size).toBe(0);
      await account.add({ id: "1" });
      await step.untilRuns(2);
      await expect.poll(account.size).toBe(0);
    }
  });

  it("a step that throws runs again, and holds up nobody meanwhile", async () => {
    const account = openAccount(bundle.engine);
    const step = notedStep((_, run) => {
      if (run === 1) throw new Error("The database is away.");
      return done;
    });
    account.consume(step.run);
    await account.add({ id: "1" }, { id: "2" });
    await step.untilRuns(3);
    expect(step.runs.map(({ chunk }) => chunk)).toEqual(["1", "2", "1"]);
    await expect.poll(account.size).toBe(0);
  });

  it("urgent chunks have a line of their own; in the other, chunks of a class keep their order", async () => {
    const account = openAccount(bundle.engine);
    await account.add({ id: "1" }, { id: "2" }, { id: "3", class: "reminder" });
    await account.add(
      { id: "4", class: "reminder" },
      { id: "5", class: "transactional", messages: 1 },
      { id: "6" },
    );
    const urgent = notedStep(() => done);
    account.consume(urgent.run, 1, "urgent");
    await urgent.untilRuns(1);
    expect(urgent.runs.map(({ chunk }) => chunk)).toEqual(["5"]);
    const bulk = notedStep(() => done);
    account.consume(bulk.run);
    await bulk.untilRuns(5);
    expect(bulk.runs.map(({ chunk }) => chunk)).toEqual(["3", "4", "1", "2", "6"]);
  });

  it("campaigns have their turns round by round, whenever their chunks were added", async () => {
    const account = openAccount(bundle.engine);
    await account.add({ id: "1", round: 9 }, { id: "2", round: 18 }, { id: "3", round: 27 });
    await account.add({ id: "4", round: 9 }, { id: "5", round: 18 });
    const step = notedStep(() => done);
    account.consume(step.run);
    await step.untilRuns(5);
    expect(step.runs.map(({ chunk }) => chunk)).toEqual(["1", "4", "2", "5", "3"]);
  });

  it("a chunk whose turn is over stands in line again, behind all who wait", async () => {
    const account = openAccount(bundle.engine);
    await account.add({ id: "1" }, { id: "2" }, { id: "3" });
    const step = notedStep((_, run) => (run <= 6 ? turnOver : done));
    account.consume(step.run);
    await step.untilRuns(9);
    expect(step.runs.map(({ chunk }) => chunk).slice(0, 3)).toEqual(["1", "2", "3"]);
    // Each is run again; how often it was before another, which was longer on its way back, is chance.
    const runs = ["1", "2", "3"].map((id) => step.runs.filter(({ chunk }) => chunk === id).length);
    expect(Math.min(...runs)).toBeGreaterThanOrEqual(2);
    await expect.poll(() => account.size()).toBe(0);
  });

  it("close takes no more jobs, aborts the steps and waits for them", async () => {
    const account = openAccount(bundle.engine);
    const events: string[] = [];
    const started = Promise.withResolvers<void>();
    const consumer = account.consume(async (_, signal) => {
      started.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      events.push("aborted");
      await new Promise((resolve) => setTimeout(resolve, 50));
      events.push("ended");
      return done;
    });
    expect(consumer.isRunning()).toBe(true);
    await account.add({ id: "1" }, { id: "2" });
    await started.promise;
    const closed = consumer.close(20_000).then(() => events.push("closed"));
    expect(consumer.isRunning()).toBe(false);
    await closed;
    expect(events).toEqual(["aborted", "ended", "closed"]);
    expect(await account.size()).toBe(1);
  });

  it("close does not wait past its deadline for a step that hears nothing", async () => {
    const account = openAccount(bundle.engine);
    const started = Promise.withResolvers<void>();
    const ending = Promise.withResolvers<void>();
    const consumer = account.consume(async () => {
      started.resolve();
      await ending.promise;
      return done;
    });
    await account.add({ id: "1" });
    await started.promise;
    await consumer.close(100);
    ending.resolve();
    // What it did is done; only then may the engine be closed.
    await expect.poll(account.size).toBe(0);
  });
});

it("thirty accounts on one Postgres are all worked on: who listens takes nothing from those who work", async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const engine = createPostgresEngine({ url: database.url, queues: queueCount(30), log: silentLog });
  onTestFinished(engine.close);
  await engine.migrate();
  const step = notedStep(() => done);
  const accounts = Array.from({ length: 30 }, () => openAccount(engine));
  for (const account of accounts) {
    account.consume(step.run, 1, "urgent");
    account.consume(step.run, 1, "bulk");
  }
  await Promise.all(accounts.map((account, index) => account.add({ id: `${index}` })));
  await step.untilRuns(30);
  expect(new Set(step.runs.map(({ chunk }) => chunk)).size).toBe(30);
});
