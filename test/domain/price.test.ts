// Prices: exact to the millionth, the longest prefix first.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatMicros, priceOf, toMicros, toPriceList } from "../../src/domain/price.ts";

describe("an amount", () => {
  it.each([
    [0, 0, "0.00"],
    [0.045, 45_000, "0.045"],
    [0.1, 100_000, "0.10"],
    [0.000001, 1, "0.000001"],
    [0.00001, 10, "0.00001"],
    [0.000123, 123, "0.000123"],
    [1234.5, 1_234_500_000, "1234.50"],
    [100_000_000, 100_000_000_000_000, "100000000.00"],
    [0.0000001, null, null],
    [0.1234567, null, null],
    [-1, null, null],
    [Number.NaN, null, null],
    [Number.POSITIVE_INFINITY, null, null],
    [1e21, null, null],
  ])("%d is %s millionths", (amount, micros, text) => {
    expect(toMicros(amount)).toBe(micros);
    if (micros !== null) expect(formatMicros(micros)).toBe(text);
  });

  it("comes back as it was written", () => {
    const micros = fc.integer({ min: 0, max: 10 ** 14 });
    fc.assert(fc.property(micros, (one) => toMicros(Number(formatMicros(one))) === one));
  });
});

describe("a price", () => {
  const prices = toPriceList({ default: 60_000, "+46": 45_000, "+4670": 40_000, "+1": 8_000 });

  it.each([
    ["+46701740605", 40_000],
    ["+46731740605", 45_000],
    ["+12025550123", 8_000],
    ["+4477009001", 60_000],
  ])("of %s is that of its longest prefix", (number, micros) => {
    expect(priceOf(prices, number)).toBe(micros);
  });

  it("is not known where no prefix fits and no default is set", () => {
    expect(priceOf(toPriceList({ "+46": 1 }), "+4477009001")).toBeNull();
    expect(priceOf([], "+46701740605")).toBeNull();
  });

  it("of nothing is a price", () => {
    expect(priceOf(toPriceList({ "+46": 0 }), "+46701740605")).toBe(0);
  });
});
