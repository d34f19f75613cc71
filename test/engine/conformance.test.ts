// One suite for both engines: what the rest of the program relies on, whichever of them it runs on.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestEngine, testEngines } from "./engines.ts";

describe.each(testEngines)("engine $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  test("migrating twice and at once does no harm", async () => {
    const another = bundle.openAnother();
    await Promise.all([
      bundle.engine.migrate(),
      another.migrate(),
      bundle.engine.migrate(),
      another.migrate(),
    ]);
    expect(await another.check()).toEqual([]);
  });

  describe("token cell", () => {
    test("an account without a token reads as null and can be leased at generation 0", async () => {
      const { tokens } = bundle.engine;
      expect(await tokens.read("none")).toBeNull();
      expect(await tokens.lease("none", { holder: "a", generation: 0, holdMs: 60_000 })).toBe("granted");
      expect(await tokens.read("none")).toBeNull();
    });

    test("of many processes that lease at once, one is granted", async () => {
      const { tokens } = bundle.engine;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          tokens.lease("race", { holder: `holder-${index}`, generation: 0, holdMs: 60_000 }),
        ),
      );
      expect(answers.filter((answer) => answer === "granted")).toHaveLength(1);
      expect(answers.filter((answer) => answer === "taken")).toHaveLength(19);
    });

    test("the holder who asks again is granted again", async () => {
      const { tokens } = bundle.engine;
      await tokens.lease("again", { holder: "a", generation: 0, holdMs: 60_000 });
      expect(await tokens.lease("again", { holder: "a", generation: 0, holdMs: 60_000 })).toBe("granted");
    });

    test("each write is the next generation, ends the lease and is seen by other processes", async () => {
      const { tokens } = bundle.engine;
      const other = bundle.openAnother().tokens;
      for (const generation of [1, 2, 3]) {
        const holder = `holder-${generation}`;
        expect(await tokens.lease("grow", { holder, generation: generation - 1, holdMs: 60_000 })).toBe(
          "granted",
        );
        expect(
          await tokens.write("grow", { holder, sealed: `sealed ${generation} ü`, lifeMs: 3_600_000 }),
        ).toBe(true);
        const cell = await other.read("grow");
        expect(cell).toMatchObject({ generation, sealed: `sealed ${generation} ü`, lifeMs: 3_600_000 });
        expect(cell?.ageMs).toBeGreaterThanOrEqual(0);
        expect(cell?.ageMs).toBeLessThan(60_000);
        expect((cell?.ageMs ?? 0) + (cell?.remainingMs ?? 0)).toBeCloseTo(3_600_000);
      }
    });

    test("a lease for a generation that is past is answered with moved", async () => {
      const { tokens } = bundle.engine;
      await tokens.lease("moved", { holder: "a", generation: 0, holdMs: 60_000 });
      await tokens.write("moved", { holder: "a", sealed: "x", lifeMs: 1_000 });
      expect(await tokens.lease("moved", { holder: "b", generation: 0, holdMs: 60_000 })).toBe("moved");
      expect(await tokens.lease("moved", { holder: "b", generation: 1, holdMs: 60_000 })).toBe("granted");
    });

    test("a write without the lease, or after another took it over, changes nothing", async () => {
      const { tokens } = bundle.engine;
      expect(await tokens.write("lost", { holder: "a", sealed: "never", lifeMs: 1_000 })).toBe(false);
      await tokens.lease("lost", { holder: "a", generation: 0, holdMs: 1 });
      await expect
        .poll(() => tokens.lease("lost", { holder: "b", generation: 0, holdMs: 60_000 }))
        .toBe("granted");
      expect(await tokens.write("lost", { holder: "a", sealed: "late", lifeMs: 1_000 })).toBe(false);
      expect(await tokens.read("lost")).toBeNull();
      expect(await tokens.write("lost", { holder: "b", sealed: "right", lifeMs: 1_000 })).toBe(true);
    });

    test("a released lease can be taken by another, and only its holder releases it", async () => {
      const { tokens } = bundle.engine;
      await tokens.lease("released", { holder: "a", generation: 0, holdMs: 60_000 });
      await tokens.release("released", "b");
      expect(await tokens.lease("released", { holder: "b", generation: 0, holdMs: 60_000 })).toBe("taken");
      await tokens.release("released", "a");
      expect(await tokens.lease("released", { holder: "b", generation: 0, holdMs: 60_000 })).toBe("granted");
    });

    test("a token whose life is over has a negative rest", async () => {
      const { tokens } = bundle.engine;
      await tokens.lease("over", { holder: "a", generation: 0, holdMs: 60_000 });
      await tokens.write("over", { holder: "a", sealed: "x", lifeMs: 0 });
      await expect.poll(async () => (await tokens.read("over"))?.remainingMs ?? 0).toBeLessThan(0);
    });
  });

  describe("rate cell", () => {
    const limits = { requestsPerSecond: 10, segmentsPerSecond: null, leadMs: 0, horizonMs: 60_000 };

    test("a cell that may just have been lost starts with silence instead of a slot", async () => {
      const grant = await bundle.engine.rates.take("fresh", { ...limits, segments: [1], horizonMs: 100 });
      expect(grant.slotsMs).toEqual([]);
      expect(grant.waitMs).toBeGreaterThan(0);
      expect(grant.waitMs).toBeLessThan(1_000);
    });

    test("slots ascend by the window's share and end at the horizon", async () => {
      let nowUs = 1_000_000_000_000_000;
      const rates = bundle.openRates(() => nowUs);
      await rates.take("ascend", { ...limits, segments: [1], horizonMs: 0 });
      nowUs += 10_000_000;
      const { slotsMs, waitMs, nowMs } = await rates.take("ascend", {
        ...limits,
        segments: Array(20).fill(1),
        horizonMs: 1_000,
      });
      expect(nowMs).toBe(nowUs / 1_000);
      expect(slotsMs).toHaveLength(10);
      for (const [index, slot] of slotsMs.entries()) expect(slot).toBeCloseTo(index * 102, 2);
      // The eleventh lies at 1,020 ms; asking again makes sense half a horizon before.
      expect(waitMs).toBeCloseTo(520, 1);
    });

    test("no slot lies before the lead", async () => {
      let nowUs = 1_000_000_000_000_000;
      const rates = bundle.openRates(() => nowUs);
      await rates.take("lead", { ...limits, segments: [1], horizonMs: 0 });
      nowUs += 10_000_000;
      const { slotsMs } = await rates.take("lead", {
        ...limits,
        segments: [1, 1],
        leadMs: 40,
        horizonMs: 500,
      });
      expect(slotsMs[0]).toBeCloseTo(40);
      expect(slotsMs[1]).toBeCloseTo(142);
    });

    test("a pause is shared, says its reason, and a shorter one does not cut it", async () => {
      const { rates } = bundle.engine;
      const other = bundle.openAnother().rates;
      expect(await rates.read("paused")).toEqual({ pausedMs: 0, reason: null });
      await rates.pause("paused", { pauseMs: 30_000, reason: "throttled" });
      await other.pause("paused", { pauseMs: 1_000, reason: "held" });
      const { pausedMs, reason } = await other.read("paused");
      expect(reason).toBe("throttled");
      expect(pausedMs).toBeGreaterThan(20_000);
      expect(pausedMs).toBeLessThanOrEqual(30_000);
      const grant = await other.take("paused", { ...limits, segments: [1], horizonMs: 10_000 });
      expect(grant.slotsMs).toEqual([]);
      expect(grant.pausedMs).toBeGreaterThan(20_000);
      expect(grant.waitMs).toBeGreaterThan(10_000);
    });

    test("a clock that steps back makes the cell wait no longer than before the step", async () => {
      let nowUs = 1_000_000_000_000_000;
      const rates = bundle.openRates(() => nowUs);
      await rates.take("step", { ...limits, segments: [1], horizonMs: 0 });
      nowUs += 10_000_000;
      await rates.take("step", { ...limits, segments: [1, 1] });
      nowUs -= 3_600_000_000;
      const { slotsMs } = await rates.take("step", { ...limits, segments: [1] });
      expect(slotsMs[0]).toBeCloseTo(204, 2);
    });

    test("one ask is granted a thousand slots at most", async () => {
      let nowUs = 1_000_000_000_000_000;
      const rates = bundle.openRates(() => nowUs);
      const fast = { ...limits, requestsPerSecond: 1_000_000, segments: Array<number>(1_500).fill(1) };
      await rates.take("many", { ...fast, segments: [1], horizonMs: 0 });
      nowUs += 10_000_000;
      expect((await rates.take("many", fast)).slotsMs).toHaveLength(1_000);
    });
  });
});
