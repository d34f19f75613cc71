// Retry-After as servers send it, right and wrong.

import { expect, test } from "vitest";
import { readRetryAfterMs } from "../../src/platform/retry-after.ts";

const date = "Sun, 22 Nov 2026 12:00:00 GMT";

test.each([
  ["5", 5_000],
  [" 5 ", 5_000],
  ["0", 1_000],
  ["120", 120_000],
  ["86400", 900_000],
  ["999999999999999", 900_000],
  ["-1", null],
  ["1e9", null],
  ["1.5", null],
  ["abc", null],
  ["", null],
  ["1".repeat(400), null],
  ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
  ["Sunday, 22-Nov-26 12:00:30 GMT", 30_000],
  ["Sun, 22 Nov 2026 11:00:00 GMT", 1_000],
  ["Fri, 31 Dec 9999 23:59:59 GMT", 900_000],
  ["Sun, 99 Nov 2026 12:00:30 GMT", null],
  ["2026-11-22", null],
])("Retry-After %j waits %j ms", (value, expected) => {
  expect(readRetryAfterMs({ "retry-after": value, date })).toBe(expected);
});

test("no header is no hint", () => {
  expect(readRetryAfterMs({})).toBeNull();
});

test("a date without the server's own clock is measured against ours", () => {
  const value = new Date(Date.now() + 60_000).toUTCString();
  const waitMs = readRetryAfterMs({ "retry-after": value }) ?? 0;
  expect(waitMs).toBeGreaterThan(50_000);
  expect(waitMs).toBeLessThanOrEqual(60_000);
});

test("who can wait longer says so, and is still not made to wait for ever", () => {
  const hourMs = 3_600_000;
  expect(readRetryAfterMs({ "retry-after": "3600" }, 10 * hourMs)).toBe(hourMs);
  expect(readRetryAfterMs({ "retry-after": "999999999999999" }, 10 * hourMs)).toBe(10 * hourMs);
});
