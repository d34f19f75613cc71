// The limiter's promise to the provider, on both real engines: times of `ready()` are recorded and counted.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Account, AccountLimits } from "../../src/domain/account.ts";
import type { RateCells } from "../../src/engine/engine.ts";
import { createRedisEngine } from "../../src/engine/redis.ts";
import { createLimiter, type Limiter } from "../../src/limits/limiter.ts";
import { addressOf, silentLog, type TestEngine, testEngines } from "../engine/engines.ts";
import { startRedis } from "../support/redis.ts";

describe.each(testEngines)("limiter on $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  const openLimiter = () => createLimiter({ rates: bundle.openAnother().rates, log: silentLog });

  test("two workers at 100 a second never make more in any sliding second", async () => {
    const account = buildAccount("shared", { requestsPerSecond: 100 });
    const stop = new AbortController();
    const times: number[] = [];
    const callers = [openLimiter(), openLimiter()].flatMap((limiter) =>
      Array.from({ length: 20 }, () => callUntil(limiter, account, stop.signal, times)),
    );
    // How long that takes on a busy machine is the machine's; the share that slots leave usable is in test/engine.
    await expect.poll(() => times.length, { timeout: 25_000 }).toBeGreaterThan(300);
    stop.abort();
    await Promise.all(callers);
    expect(mostInOneSecond(times)).toBeLessThanOrEqual(100);
  });

  test("segments count, too", async () => {
    const account = buildAccount("segments", { requestsPerSecond: 1_000, segmentsPerSecond: 60 });
    const limiter = openLimiter();
    const times: number[] = [];
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        const permit = await limiter.acquire(account, 2);
        await permit.ready();
        times.push(performance.now());
      }),
    );
    expect(mostInOneSecond(times)).toBeLessThanOrEqual(30);
  });

  test("slots go to calls in the order they came", async () => {
    const account = buildAccount("order", { requestsPerSecond: 200 });
    const limiter = openLimiter();
    const served: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await limiter.acquire(account, 1);
        served.push(index);
      }),
    );
    expect(served).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  test("a thousand calls at no limit to speak of need few asks, one at a time", async () => {
    const { rates } = bundle.engine;
    let asks = 0;
    let open = 0;
    let openMost = 0;
    const counted: RateCells = {
      ...rates,
      async take(...args) {
        asks += 1;
        open += 1;
        openMost = Math.max(openMost, open);
        return rates.take(...args).finally(() => {
          open -= 1;
        });
      },
    };
    const limiter = createLimiter({ rates: counted, log: silentLog });
    const account = buildAccount("unlimited", { requestsPerSecond: 1_000_000 });
    await limiter.acquire(account, 1);
    asks = 0;
    await Promise.all(Array.from({ length: 1_000 }, () => limiter.acquire(account, 1)));
    expect(asks).toBeLessThanOrEqual(2);
    expect(openMost).toBe(1);
  });

  test("a call that is aborted leaves the line, and those behind it move up", async () => {
    const account = buildAccount("abort", { requestsPerSecond: 1 });
    const limiter = openLimiter();
    const first = await limiter.acquire(account, 1);
    await first.ready();
    const stop = new AbortController();
    const given = limiter.acquire(account, 1, { signal: stop.signal });
    const next = limiter.acquire(account, 1);
    stop.abort(new Error("shutting down"));
    await expect(given).rejects.toThrow("shutting down");
    await (await next).ready();
    await expect(limiter.acquire(account, 1, { signal: stop.signal })).rejects.toThrow("shutting down");
  });

  test("who comes late gets a new slot instead of pressing calls together", async () => {
    const account = buildAccount("late", { requestsPerSecond: 10 });
    const limiter = openLimiter();
    const permits = await Promise.all(Array.from({ length: 5 }, () => limiter.acquire(account, 1)));
    // All five slots are past by now: the last one was ready.
    await permits.at(-1)?.ready();
    const lastAt = performance.now();
    await expect.poll(() => performance.now() - lastAt).toBeGreaterThan(20);
    const times: number[] = [];
    await Promise.all(permits.map((permit) => permit.ready().then(() => times.push(performance.now()))));
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(102 - 15);
  });

  test("a pause of one worker holds the others, and ends", async () => {
    const account = buildAccount("paused", { requestsPerSecond: 100 });
    const [one, other] = [openLimiter(), openLimiter()];
    await (await one.acquire(account, 1)).ready();
    await (await other.acquire(account, 1)).ready();
    const pausedAt = performance.now();
    await one.pause(account, 400, "throttled");
    expect(await other.state(account)).toMatchObject({ reason: "throttled" });
    await (await other.acquire(account, 1)).ready();
    expect(performance.now() - pausedAt).toBeGreaterThan(390);
    expect(await other.state(account)).toEqual({ pausedMs: 0, reason: null });
  });

  test("a pause is clamped and jittered", async () => {
    const limiter = openLimiter();
    const account = buildAccount("clamped", { requestsPerSecond: 100 });
    await limiter.pause(account, -5, "nothing");
    await limiter.pause(account, Number.NaN, "nothing");
    expect(await limiter.state(account)).toEqual({ pausedMs: 0, reason: null });
    await limiter.pause(account, 1e12, "far too long");
    const { pausedMs } = await limiter.state(account);
    expect(pausedMs).toBeGreaterThan(14 * 60_000);
    expect(pausedMs).toBeLessThanOrEqual(15 * 60_000 + 5_000);
  });
});

test("while Redis is away nothing is granted, and when it returns the line moves on", async () => {
  const first = await startRedis();
  onTestFinished(first.stop);
  const lines: string[] = [];
  const log = Object.assign(Object.create(silentLog), {
    warn: (_: unknown, text: string) => lines.push(text),
    info: (text: unknown) => lines.push(String(text)),
  });
  const engine = createRedisEngine({ connection: addressOf(first.url), log: silentLog });
  onTestFinished(engine.close);
  const limiter = createLimiter({ rates: engine.rates, log });
  const account = buildAccount("outage", { requestsPerSecond: 50 });
  await (await limiter.acquire(account, 1)).ready();
  await first.stop();

  let granted = 0;
  const waiting = Array.from({ length: 3 }, async () => {
    const permit = await limiter.acquire(account, 1);
    await permit.ready();
    granted += 1;
  });
  await expect.poll(() => lines).toEqual(["No rate slots can be had; all calls wait."]);
  expect(granted).toBe(0);
  const second = await startRedis(["--port", String(first.port)]);
  onTestFinished(second.stop);
  await Promise.all(waiting);
  expect(granted).toBe(3);
  expect(lines).toEqual(["No rate slots can be had; all calls wait.", "Rate slots can be had again."]);
});

/** One caller that makes call after call until told to stop; records when each one left. */
async function callUntil(
  limiter: Limiter,
  account: Account,
  signal: AbortSignal,
  times: number[],
): Promise<void> {
  while (!signal.aborted) {
    try {
      const permit = await limiter.acquire(account, 1, { signal });
      await permit.ready();
      times.push(performance.now());
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** In any half-open second that begins at a call. */
function mostInOneSecond(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(
    ...sorted.map((start, index) => sorted.slice(index).filter((time) => time < start + 1_000).length),
  );
}

function buildAccount(name: string, limits: Partial<AccountLimits>): Account {
  return {
    name,
    provider: "sinch",
    credentials: {},
    credentialSources: {},
    region: null,
    baseUrl: null,
    tokenUrl: null,
    from: null,
    reports: null,
    prices: [],
    dayCap: null,
    limits: { requestsPerSecond: 100, segmentsPerSecond: null, inFlight: 50, ...limits },
    unknown: { lookUpAfterSeconds: [], resendTransactionalAfterSeconds: 300 },
  };
}
