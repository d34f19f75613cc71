// Segments as networks count them: by hand at the edges, and against sms-segments-calculator on random texts.
//
// That package keeps a grapheme cluster (a flag, a family joined by ZWJ, a letter with combining marks) whole
// inside a segment, which no standard asks for and networks do not do: it may answer one segment more. So the
// random texts hold no clusters, and clusters are counted by hand.

import fc from "fast-check";
import { SegmentedMessage } from "sms-segments-calculator";
import { describe, expect, it } from "vitest";
import { measureText, ucs2Characters } from "../../src/domain/sms-text.ts";

// By hand from the code charts of 3GPP TS 23.038, as ranges of code points.
const gsmBasic = [
  "\n\r",
  " !\"#$%&'()*+,-./0123456789:;<=>?@",
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
  "¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùü",
  "ΓΔΘΛΞΠΣΦΨΩ",
].join("");
const gsmExtension = "\f[\\]^{|}~€";

describe("the alphabet", () => {
  it("has 127 characters of one septet and 10 of two; every other UTF-16 unit forces UCS-2", () => {
    expect(new Set(gsmBasic).size).toBe(127);
    expect(new Set(gsmExtension).size).toBe(10);
    for (let unit = 0; unit <= 0xffff; unit += 1) {
      const character = String.fromCharCode(unit);
      const septets = gsmBasic.includes(character) ? 1 : gsmExtension.includes(character) ? 2 : 0;
      const expected =
        septets === 0
          ? { encoding: "ucs-2", segments: 1, units: 1 }
          : { encoding: "gsm-7", segments: 1, units: septets };
      const measured = measureText(character);
      // One comparison is cheap, 65,536 calls of expect are not.
      if (measured.encoding !== expected.encoding || measured.units !== expected.units) {
        expect(measured, `U+${unit.toString(16)}`).toEqual(expected);
      }
    }
  });

  it.each(["ç", "`", "á", "\u00a0", "\t", "\u001b", "\u2019", "…", "–", "\u2126", "\u2206", "ẞ", "ё"])(
    "%j looks as if it were in it, and is not",
    (character) => {
      expect(measureText(character).encoding).toBe("ucs-2");
    },
  );
});

describe("segments", () => {
  it.each<[name: string, text: string, encoding: string, segments: number, units: number]>([
    ["an empty text", "", "gsm-7", 1, 0],
    ["160 septets", "a".repeat(160), "gsm-7", 1, 160],
    ["161 septets", "a".repeat(161), "gsm-7", 2, 161],
    ["two full joined segments", "a".repeat(306), "gsm-7", 2, 306],
    ["one septet more", "a".repeat(307), "gsm-7", 3, 307],
    ["80 braces fill a single segment", "{".repeat(80), "gsm-7", 1, 160],
    ["81 braces", "{".repeat(81), "gsm-7", 2, 162],
    ["an escape pair at the border moves on whole", `${"a".repeat(152)}€${"a".repeat(152)}`, "gsm-7", 3, 306],
    ["an escape pair just before the border", `${"a".repeat(151)}€${"a".repeat(153)}`, "gsm-7", 2, 306],
    ["joined segments of braces hold 76 each", "{".repeat(153), "gsm-7", 3, 306],
    ["158 letters and a euro sign", `${"a".repeat(158)}€`, "gsm-7", 1, 160],
    ["159 letters and a euro sign", `${"a".repeat(159)}€`, "gsm-7", 2, 161],
    ["a brace costs one unit in UCS-2", `ж${"{".repeat(69)}`, "ucs-2", 1, 70],
    ["70 units", "ж".repeat(70), "ucs-2", 1, 70],
    ["71 units", "ж".repeat(71), "ucs-2", 2, 71],
    ["134 units", "ж".repeat(134), "ucs-2", 2, 134],
    ["135 units", "ж".repeat(135), "ucs-2", 3, 135],
    ["one smart quote in 71 letters", `${"a".repeat(70)}\u2019`, "ucs-2", 2, 71],
    ["35 emoji", "😀".repeat(35), "ucs-2", 1, 70],
    ["a pair at the border moves on whole", `${"ж".repeat(66)}😀${"ж".repeat(66)}`, "ucs-2", 3, 134],
    ["a pair just before the border", `${"ж".repeat(65)}😀${"ж".repeat(67)}`, "ucs-2", 2, 134],
    ["emoji alone fill 66 of 67 units", "😀".repeat(67), "ucs-2", 3, 134],
    [
      "a lone high surrogate at the border is no pair",
      `${"ж".repeat(66)}\ud83d${"ж".repeat(67)}`,
      "ucs-2",
      2,
      134,
    ],
    ["a family is eleven units, cut where the border falls", `${"ж".repeat(60)}👨‍👩‍👧‍👦`, "ucs-2", 2, 71],
    ["a flag is four units", `${"ж".repeat(66)}🇸🇪${"ж".repeat(64)}`, "ucs-2", 3, 134],
    ["a letter with a combining mark is two units", "e\u0301".repeat(35), "ucs-2", 1, 70],
    ["CR LF is two septets", "\r\n".repeat(80), "gsm-7", 1, 160],
  ])("%s", (_name, text, encoding, segments, units) => {
    expect(measureText(text)).toEqual({ encoding, segments, units });
  });

  const gsmCharacters = fc.constantFrom(...gsmBasic, ...gsmExtension, ...gsmExtension);
  const wideCharacters = fc.constantFrom(..."жщЯ漢字あ’…ç", "😀", "🎉", "𝒳", ..."ab{€ ");

  it.each<[name: string, texts: fc.Arbitrary<string>]>([
    ["GSM-7", fc.string({ unit: gsmCharacters, maxLength: 500, size: "max" })],
    ["UCS-2", fc.string({ unit: wideCharacters, maxLength: 250, size: "max" })],
    [
      "GSM-7 with one stranger",
      fc
        .tuple(fc.string({ unit: gsmCharacters, maxLength: 300, size: "max" }), wideCharacters)
        .map(([text, one]) => text + one),
    ],
  ])(
    "random %s texts are counted as sms-segments-calculator counts them",
    (_name, texts) => {
      fc.assert(
        fc.property(texts, (text) => {
          const theirs = new SegmentedMessage(text);
          const ours = measureText(text);
          expect(ours.encoding).toBe(theirs.getEncodingName().toLowerCase());
          expect(ours.segments).toBe(theirs.segmentsCount);
          expect(ours.units).toBe(theirs.messageSize / (ours.encoding === "gsm-7" ? 7 : 16));
        }),
        { numRuns: 1200 },
      );
    },
    120_000,
  );
});

describe("the characters that force UCS-2", () => {
  it("are named once each, in order, pairs whole", () => {
    expect(ucs2Characters("It’s 5€ for Zoë’s ç😀 and 😀")).toEqual(["’", "ë", "ç", "😀"]);
  });

  it("are none in a GSM-7 text", () => {
    expect(ucs2Characters(gsmBasic + gsmExtension)).toEqual([]);
  });

  it("stop at 20", () => {
    const many = Array.from({ length: 1000 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join("");
    expect(ucs2Characters(many)).toHaveLength(20);
  });
});
