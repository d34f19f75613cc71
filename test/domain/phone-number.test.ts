// Every way of writing a number leads to one PhoneNumber; the short cuts agree with the package they spare.

import fc from "fast-check";
import {
  getCountries,
  getExampleNumber,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";
import { describe, expect, it } from "vitest";
import { type CountryCode, parseCountry, parsePhoneNumber } from "../../src/domain/phone-number.ts";

const UK = "+447700900123";
const SE = "+46701740605";
const AU = "+61491570156";

describe("one person, one number", () => {
  it.each<[written: string, country: CountryCode | undefined, number: string]>([
    ["+447700900123", undefined, UK],
    ["07700900123", "GB", UK],
    ["00447700900123", undefined, UK],
    ["00447700900123", "AU", UK],
    ["00447700900123", "KR", UK],
    ["0011 44 7700 900123", "AU", UK],
    ["011 44 7700 900123", "US", UK],
    ["447700900123", "GB", UK],
    ["7700900123", "GB", UK],
    ["+44 (0)7700 900 123", undefined, UK],
    ["(+44) 7700-900.123", undefined, UK],
    ["+44\u00a07700\u202f900\u2009123", undefined, UK],
    ["\u200e+44 7700 900123\u202c", undefined, UK],
    ["\u202a07700\u200b900\u00ad123\u2069", "GB", UK],
    ["\ufeff+447700900123\r\n", undefined, UK],
    ["+44\u20117700\u2013900\u2212123", undefined, UK],
    ["＋４４７７００９００１２３", undefined, UK],
    ["٠٧٧٠٠٩٠٠١٢٣", "GB", UK],
    ["+۴۴۷۷۰۰۹۰۰۱۲۳", undefined, UK],
    ["tel:+44-7700-900123", undefined, UK],
    ["TEL:+447700900123", undefined, UK],
    ["'+447700900123", undefined, UK],
    ["070-174 06 05", "SE", SE],
    ["070/1740605", "SE", SE],
    ["46701740605", "SE", SE],
    ["+46 (0)70-174 06 05", "GB", SE],
    ["0491 570 156", "AU", AU],
    ["(0491) 570-156", "AU", AU],
    ["1 (201) 555-0123", "US", "+12015550123"],
    ["201.555.0123", "US", "+12015550123"],
    ["8 912 345-67-89", "RU", "+79123456789"],
  ])("%j with default country %s is %s", (written, country, number) => {
    expect(parsePhoneNumber(written, country)).toMatchObject({ ok: true, number });
  });
});

describe("numbers that are refused, and what people read", () => {
  it.each<[written: string, country: CountryCode | undefined, reason: RegExp]>([
    ["", "GB", /is empty/],
    [" \u00a0\u200e", "GB", /no digits|is empty/],
    ["+", "GB", /no digits/],
    ["-", "GB", /dash/],
    ["-0", "GB", /dash/],
    ["-447700900123", "GB", /dash/],
    ["1e3", "GB", /rounded by a spreadsheet/],
    ["4.47700900123E+11", "GB", /rounded by a spreadsheet/],
    ["4,477E+11", "SE", /rounded by a spreadsheet/],
    ["=447700900123", "GB", /formula/],
    ['="+447700900123"', "GB", /signs|formula/],
    ["@447700900123", "GB", /signs/],
    ["07700 900123 ext 5", "GB", /extension/],
    ["07700 900123 x5", "GB", /extension/],
    ["07700 900123#5", "GB", /extension/],
    ["tel:+447700900123;ext=5", undefined, /extension/],
    ["07700 9OO123", "GB", /letters/],
    ["1-800-FLOWERS", "US", /letters/],
    ["call me", "GB", /letters/],
    ["٠٧٧٠٠ب٩٠٠١٢٣", "GB", /letters/],
    ["07700\u0000900123", "GB", /signs/],
    ["07700900123,07700900124", "GB", /signs/],
    ["07700900123/07700900124", "GB", /more than 15 digits/],
    ["++447700900123", undefined, /plus/],
    ["44+7700900123", undefined, /plus/],
    ["0770090", "GB", /not a valid one/],
    ["+4477009001", undefined, /not a valid one/],
    ["+44770090012345", undefined, /not a valid one/],
    ["+610000000000", undefined, /not a valid one/],
    ["+999123456789", undefined, /not a valid one/],
    ["00", undefined, /not a valid one/],
    ["0".repeat(12), "GB", /not a valid one/],
    ["123456789012345678901234567890", "GB", /more than 15 digits/],
    ["+123456789012345678901234567890", undefined, /more than 15 digits/],
    ["1".repeat(65), "GB", /longer than 64 characters/],
    ["07700900123", undefined, /no country code/],
    ["5", "GB", /not a valid one/],
  ])("%j with default country %s", (written, country, reason) => {
    const reading = parsePhoneNumber(written, country);
    expect(reading).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  it("a cell of a million spaces is refused by its length", () => {
    expect(parsePhoneNumber(" ".repeat(1_000_000), "GB")).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/longer than 64 characters/),
    });
  });

  it("reasons never hold the number, whatever was written", () => {
    const digits = fc.stringMatching(/^[+0-9 x.-]{6,40}$/);
    fc.assert(
      fc.property(fc.oneof(digits, fc.string()), (written) => {
        const reading = parsePhoneNumber(written, "GB");
        if (!reading.ok) expect(reading.reason).not.toMatch(/\d{3}/);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("countries", () => {
  it("a number names its country where its range does, and none where countries share the code unclaimed", () => {
    expect(parsePhoneNumber(AU)).toMatchObject({ country: "AU" });
    expect(parsePhoneNumber("+447400123456")).toMatchObject({ country: "GB" });
    expect(parsePhoneNumber("+447781123456")).toMatchObject({ country: "GG" });
    expect(parsePhoneNumber("+12042345678")).toMatchObject({ country: "CA" });
    expect(parsePhoneNumber("+77012345678")).toMatchObject({ country: "KZ" });
    expect(parsePhoneNumber(UK)).toMatchObject({ ok: true, country: null });
    expect(parsePhoneNumber("+883510000000093")).toMatchObject({ ok: true, country: null });
  });

  it.each([
    ["SE", "SE"],
    [" au ", "AU"],
    ["gb", "GB"],
  ])("parseCountry reads %j", (code, country) => {
    expect(parseCountry(code)).toEqual({ ok: true, country });
  });

  it.each(["UK", "SWE", "", "46", "+46", "__proto__", "constructor", "001", "S\u0000"])(
    "parseCountry refuses %j",
    (code) => {
      expect(parseCountry(code)).toMatchObject({ ok: false, reason: expect.stringMatching(/two letters/) });
    },
  );

  it("the United Kingdom's common name is answered with its code", () => {
    expect(parseCountry("uk")).toMatchObject({ reason: expect.stringContaining("GB") });
  });
});

describe("short cuts", () => {
  const countries = getCountries();
  const country = fc.constantFrom(...countries);

  /** Real ranges: an example number with its last digits changed, which is valid more often than not. */
  const near = fc.tuple(country, fc.array(fc.nat(9), { minLength: 0, maxLength: 7 })).map(([code, tail]) => {
    const example = getExampleNumber(code, examples);
    if (example === undefined) return null;
    return { code, national: example.nationalNumber.slice(0, -tail.length || undefined) + tail.join("") };
  });

  it("a number that the package calls valid is accepted as the package reads it, in its country", () => {
    let checked = 0;
    fc.assert(
      fc.property(near, (one) => {
        if (one === null) return;
        const code = getExampleNumber(one.code, examples)?.countryCallingCode;
        const parsed = parsePhoneNumberFromString(`+${code}${one.national}`, { extract: false });
        if (!parsed?.isValid()) return;
        checked += 1;
        const expected = { ok: true, number: parsed.number, country: parsed.country ?? null };
        expect(parsePhoneNumber(`+${code}${one.national}`)).toEqual(expected);
        expect(parsePhoneNumber(parsed.formatInternational())).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(checked).toBeGreaterThan(8000);
  });

  it("a number dialled at home is the one the package reads, in every country", () => {
    let checked = 0;
    fc.assert(
      fc.property(near, (one) => {
        if (one === null) return;
        const valid = parsePhoneNumberFromString(one.national, { defaultCountry: one.code, extract: false });
        if (!valid?.isValid()) return;
        const written = valid.formatNational();
        const parsed = parsePhoneNumberFromString(written, { defaultCountry: one.code, extract: false });
        if (!parsed?.isValid()) return;
        checked += 1;
        expect(parsePhoneNumber(written, one.code)).toMatchObject({ ok: true, number: parsed.number });
      }),
      { numRuns: 10_000 },
    );
    expect(checked).toBeGreaterThan(4000);
  });

  it("digits of any kind are read as the package reads them whenever it calls them valid", () => {
    const digits = fc.tuple(
      country,
      fc.constantFrom("", "0", "8", "1", "06"),
      fc.stringMatching(/^\d{6,11}$/),
    );
    fc.assert(
      fc.property(digits, ([code, trunk, rest]) => {
        const written = trunk + rest;
        if (written.startsWith("00")) return;
        const parsed = parsePhoneNumberFromString(written, { defaultCountry: code, extract: false });
        if (!parsed?.isValid()) return;
        expect(parsePhoneNumber(written, code)).toMatchObject({ ok: true, number: parsed.number });
      }),
      { numRuns: 20_000 },
    );
  });

  it("what was accepted once is accepted again unchanged, with any default country", () => {
    const written = fc.tuple(
      fc.constantFrom("+", "00", "", "0"),
      fc.stringMatching(/^\d{6,14}$/),
      country,
      country,
    );
    fc.assert(
      fc.property(written, ([head, digits, first, second]) => {
        const once = parsePhoneNumber(head + digits, first);
        if (!once.ok) return;
        expect(once.number).toMatch(/^\+[1-9]\d{4,14}$/);
        expect(parsePhoneNumber(once.number)).toEqual(once);
        expect(parsePhoneNumber(once.number, second)).toEqual(once);
      }),
      { numRuns: 10_000 },
    );
  });

  it("every country that the package knows has a plan that compiles", () => {
    for (const code of countries) {
      expect(isSupportedCountry(code)).toBe(true);
      expect(parsePhoneNumber("0", code).ok).toBe(false);
    }
  });
});
