// What a segment costs, by number prefix. Money is whole millionths of the currency from the configuration on, so
// that sums over any number of messages are exact: 2^53 of them are nine billion.

/** The longest prefix first; "" is every other number. */
export type PriceList = readonly { readonly prefix: string; readonly micros: number }[];

const MICROS = 1_000_000;
const DECIMALS_MAX = 6;
/** What people expect of money, however round it is. */
const DECIMALS_MIN = 2;
/** How volley.yaml calls the price of numbers that no prefix fits. */
export const OTHER_NUMBERS = "default";

/** From the digits as they are written, for a product of floats drifts. Null: finer than a millionth, or no amount. */
export function toMicros(amount: number): number | null {
  const [, whole = "", decimals = ""] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(String(amount)) ?? [];
  return whole === "" ? null : Number(whole) * MICROS + Number(decimals.padEnd(DECIMALS_MAX, "0"));
}

/** A plain decimal number: "45.00", "0.045". */
export function formatMicros(micros: number): string {
  const digits = String(micros).padStart(DECIMALS_MAX + 1, "0");
  const decimals = digits.slice(-DECIMALS_MAX).replace(/0+$/, "").padEnd(DECIMALS_MIN, "0");
  return `${digits.slice(0, -DECIMALS_MAX)}.${decimals}`;
}

export function toPriceList(microsByPrefix: Readonly<Record<string, number>>): PriceList {
  return Object.entries(microsByPrefix)
    .map(([prefix, micros]) => ({ prefix: prefix === OTHER_NUMBERS ? "" : prefix, micros }))
    .toSorted((one, other) => other.prefix.length - one.prefix.length);
}

/** Of one segment to a number, or to any number that starts so; null: nobody said. */
export function priceOf(prices: PriceList, number: string): number | null {
  return prices.find(({ prefix }) => number.startsWith(prefix))?.micros ?? null;
}
