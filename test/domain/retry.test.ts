// Exponential backoff with full jitter.

import fc from "fast-check";
import { expect, it } from "vitest";
import { retryWaitMs } from "../../src/domain/retry.ts";

const usual = { retries: 3, baseMs: 1000, capMs: 60_000 };
const nearlyOne = () => 1 - Number.EPSILON;

it.each([
  [1, 1000],
  [2, 2000],
  [3, 4000],
  [7, 60_000],
  [60, 60_000],
  [5000, 60_000],
])("after try %i the wait is anything up to %i ms", (tries, expected) => {
  expect(retryWaitMs(usual, tries, () => 0)).toBe(0);
  expect(retryWaitMs(usual, tries, () => 0.5)).toBe(expected / 2);
  expect(retryWaitMs(usual, tries, nearlyOne)).toBeCloseTo(expected, 5);
});

it("the wait is never negative, infinite or above the cap", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3_600_000 }),
      fc.integer({ min: 1, max: 3_600_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      (baseMs, capMs, tries) => {
        const wait = retryWaitMs({ retries: 3, baseMs, capMs }, tries);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(capMs);
        expect(wait).toBeLessThanOrEqual(baseMs * 2 ** (tries - 1));
      },
    ),
  );
});

it("the waits of many spread over the whole range", () => {
  const waits = Array.from({ length: 10_000 }, () => retryWaitMs(usual, 3));
  const quarters = [0, 1, 2, 3].map(
    (quarter) => waits.filter((wait) => Math.floor(wait / 1000) === quarter).length,
  );
  for (const count of quarters) expect(count).toBeGreaterThan(2000);
});
