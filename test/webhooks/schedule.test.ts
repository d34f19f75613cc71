// Retries over more than a day, and the end of patience.

import fc from "fast-check";
import { expect, test } from "vitest";
import { isEndpointDead, nextTryInMs } from "../../src/webhooks/schedule.ts";

const least = () => 0;
const most = () => 1 - Number.EPSILON;
const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test.each([
  [1, 5_000],
  [2, 30_000],
  [3, 2 * minuteMs],
  [4, 10 * minuteMs],
  [5, 30 * minuteMs],
  [6, hourMs],
  [7, 2 * hourMs],
  [8, 4 * hourMs],
  [9, 8 * hourMs],
  [10, 10 * hourMs],
])("after try %i the next comes in %i ms, or up to a fifth later", (tries, waitMs) => {
  expect(nextTryInMs(tries, null, least)).toBe(waitMs);
  expect(nextTryInMs(tries, null, most)).toBe(waitMs * 1.2);
});

test("after try 11 the event is given up, whatever the receiver asks for", () => {
  expect(nextTryInMs(11, null)).toBeNull();
  expect(nextTryInMs(11, 1_000)).toBeNull();
  expect(nextTryInMs(5_000, null)).toBeNull();
});

test("the whole schedule lasts longer than a day and shorter than the patience with an endpoint", () => {
  const totalMs = (random: () => number, retryAfterMs: number | null) =>
    Array.from({ length: 10 }, (_, index) => nextTryInMs(index + 1, retryAfterMs, random) ?? 0).reduce(
      (sum, waitMs) => sum + waitMs,
    );
  expect(totalMs(least, null)).toBeGreaterThan(dayMs);
  expect(totalMs(most, null)).toBeLessThan(1.5 * dayMs);
  expect(totalMs(most, Number.MAX_SAFE_INTEGER)).toBe(10 * 10 * hourMs * 1.2);
});

test("Retry-After makes a wait longer, never shorter, and never longer than ten hours", () => {
  expect(nextTryInMs(1, minuteMs, least)).toBe(minuteMs);
  expect(nextTryInMs(6, minuteMs, least)).toBe(hourMs);
  expect(nextTryInMs(1, dayMs, least)).toBe(10 * hourMs);
});

test("receivers that ask many senders for one time do not get them all at once", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (chance) => {
      const waitMs = nextTryInMs(1, hourMs, () => chance) ?? 0;
      expect(waitMs).toBeGreaterThanOrEqual(hourMs);
      expect(waitMs).toBeLessThanOrEqual(1.2 * hourMs);
    }),
  );
  expect(new Set(Array.from({ length: 100 }, () => nextTryInMs(1, hourMs))).size).toBeGreaterThan(90);
});

test.each([0, -1, 1.5, Number.NaN])("a try number %d is a mistake of ours", (tries) => {
  expect(() => nextTryInMs(tries, null)).toThrow();
});

test("an endpoint is dead after five days of nothing but failures", () => {
  expect(isEndpointDead(null, 9 * dayMs)).toBe(false);
  expect(isEndpointDead(0, 5 * dayMs - 1)).toBe(false);
  expect(isEndpointDead(0, 5 * dayMs)).toBe(true);
});
