// How long a campaign would take, reckoned by hand.

import { describe, expect, it } from "vitest";
import { estimateFinish, type Pace, type Work } from "../../src/domain/finish-estimate.ts";
import type { QuietHours } from "../../src/domain/quiet-hours.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";

const at = (time: string) => Date.parse(time);
const NOON = at("2026-06-01T12:00:00Z");
const pace: Pace = { requestsPerSecond: 10, segmentsPerSecond: null, batchMax: 1, messagesPerDay: null };
const quiet: QuietHours = { fromMinute: 21 * 60, toMinute: 8 * 60, classes: ["marketing"] };
const zone = (name: string) => [name as TimeZone];

function work(messages: number, changes: Partial<Work> = {}): Work {
  return { zones: zone("UTC"), messages, segments: messages, firstDueMs: null, lastDueMs: null, ...changes };
}
const finish = (works: readonly Work[], changes: Partial<Pace> = {}, hours: QuietHours | null = null) =>
  estimateFinish(works, { pace: { ...pace, ...changes }, quiet: hours, fromMs: NOON });
const secondsFor = (works: readonly Work[], changes: Partial<Pace> = {}) =>
  ((finish(works, changes) ?? Number.NaN) - NOON) / 1_000;

describe("by its limits", () => {
  it("requests bound what travels alone", () => expect(secondsFor([work(100)])).toBeCloseTo(10));
  it("batches carry more", () => expect(secondsFor([work(1_000)], { batchMax: 100 })).toBeCloseTo(1));
  it("segments bound batches", () =>
    expect(
      secondsFor([work(1_000, { segments: 2_000 })], { batchMax: 1_000, segmentsPerSecond: 100 }),
    ).toBeCloseTo(20));
  it("a request holds no more than a second's segments", () =>
    expect(
      secondsFor([work(1_000, { segments: 2_000 })], {
        batchMax: 1_000,
        requestsPerSecond: 0.1,
        segmentsPerSecond: 100,
      }),
    ).toBeCloseTo(200));
  it("nothing takes no time", () => expect(secondsFor([])).toBe(0));
});

it("messages that are due later are waited for", () => {
  const dueMs = at("2026-06-02T09:00:00Z");
  expect(finish([work(10, { firstDueMs: dueMs, lastDueMs: dueMs })])).toBe(dueMs + 1_000);
  expect(finish([work(10, { lastDueMs: dueMs })])).toBe(dueMs);
});

it("quiet hours interrupt it until the morning", () => {
  // Nine hours are left of the day at ten a second: 324,000.
  expect(finish([work(324_010)], {}, quiet)).toBe(at("2026-06-02T08:00:01Z"));
});

it("people whose evening comes first have their messages first", () => {
  const works = [
    work(100_000, { zones: zone("America/New_York") }),
    work(100_000, { zones: zone("Asia/Kolkata") }),
  ];
  // India is quiet from 15:30 UTC on, three and a half hours away; then New York, open since 12:00 UTC.
  expect(finish(works, {}, quiet)).toBe(NOON + 20_000 * 1_000);
});

it("people of no known zone have no quiet hours", () => {
  expect(finish([work(864_000, { zones: [] })], {}, quiet)).toBe(at("2026-06-02T12:00:00Z"));
});

it("a cap of the day spreads it over days of UTC", () => {
  expect(finish([work(250)], { messagesPerDay: 100 })).toBe(at("2026-06-03T00:00:05Z"));
});

it("nobody can say when it ends that takes years", () => {
  expect(finish([work(1_000_000)], { messagesPerDay: 1 })).toBeNull();
  expect(finish([work(1)], { messagesPerDay: 0 })).toBeNull();
});
