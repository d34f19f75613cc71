// How the limiter learns where the engine's clock stands, and how far ahead its callers need their slots.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { RateCells } from "../../src/engine/engine.ts";
import { createEngineClock } from "../../src/limits/engine-clock.ts";
import { createLead } from "../../src/limits/lead.ts";
import { createWaitingLine } from "../../src/limits/waiting-line.ts";
import { testEngines } from "../engine/engines.ts";

test("a reply that was read late does not move the engine's clock", () => {
  const clock = createEngineClock();
  clock.learn({ sentMs: 100, receivedMs: 102, engineMs: 5_101 });
  clock.learn({ sentMs: 200, receivedMs: 280, engineMs: 5_201 });
  expect(clock.toLocalMs(6_000)).toBe(1_000);
});

test("an engine whose clock was set, or that another server replaced, is believed at once", () => {
  const clock = createEngineClock();
  clock.learn({ sentMs: 100, receivedMs: 102, engineMs: 5_101 });
  clock.learn({ sentMs: 200, receivedMs: 210, engineMs: 3_605 });
  expect(clock.toLocalMs(3_605)).toBe(205);
});

test("a short trip is forgotten after a while, because clocks drift", () => {
  const clock = createEngineClock();
  clock.learn({ sentMs: 100, receivedMs: 102, engineMs: 5_101 });
  clock.learn({ sentMs: 20_000, receivedMs: 20_010, engineMs: 25_003 });
  expect(clock.toLocalMs(25_003)).toBe(20_005);
});

test("the lead grows to what callers need, and one hiccup is one lesson however many it made late", () => {
  const lead = createLead();
  for (let caller = 0; caller < 50; caller += 1) lead.learn({ leadMs: 0 }, 75_000);
  expect(lead.now()).toBe(10);
  for (let round = 0; round < 10; round += 1) {
    const leadMs = lead.now();
    lead.learn({ leadMs }, 90 - leadMs);
  }
  expect(lead.now()).toBeCloseTo(90);
  for (let caller = 0; caller < 500; caller += 1) lead.learn({ leadMs: lead.now() }, -lead.now());
  expect(lead.now()).toBeLessThan(1);
});

test.each(testEngines)(
  "calls through a slow $name are soon granted slots that they can use",
  async ({ open }) => {
    const bundle = await open();
    onTestFinished(bundle.close);
    await bundle.engine.migrate();
    const slow: RateCells = {
      ...bundle.engine.rates,
      async take(...args) {
        const grant = await bundle.engine.rates.take(...args);
        await sleep(60);
        return grant;
      },
    };
    const line = createWaitingLine({ account: "slow", rates: slow, onAnswer: () => undefined });
    const limits = { requestsPerSecond: 100_000, segmentsPerSecond: null, inFlight: 1 };
    await expect
      .poll(async () => {
        const slot = await line.join({ limits, segments: 1, urgency: "marketing", place: "back" }, undefined);
        const lateMs = performance.now() - slot.atMs;
        line.lead.learn(slot, lateMs);
        return lateMs;
      })
      .toBeLessThan(10);
  },
);
