// Texts that may not be sent, and the sentence that says why.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such texts are what is tested here.

import { describe, expect, it } from "vitest";
import { checkText, TEXT_SEGMENTS_MAX } from "../../src/domain/text-check.ts";

describe("checkText", () => {
  it.each<[name: string, text: string, reason: RegExp]>([
    ["nothing", "", /empty/],
    ["only blanks", " \n\u00a0\t", /empty/],
    ["U+0000", "Hello\u0000", /U\+0000/],
    ["a lone high surrogate", "Hello \ud83d", /half of a surrogate pair/],
    ["a lone low surrogate", "\ude00 hello", /half of a surrogate pair/],
    ["a pair the wrong way round", "\ude00\ud83d", /half of a surrogate pair/],
    ["11 segments", "a".repeat(1531), /longer than 10 segments/],
    ["11 segments of Cyrillic", "ж".repeat(671), /longer than 10 segments/],
    ["100 kB", "a".repeat(100_000), /longer than 10 segments/],
  ])("refuses %s", (_name, text, reason) => {
    expect(checkText(text)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  it.each<[name: string, text: string]>([
    ["one letter", "a"],
    ["exactly ten segments", "a".repeat(1530)],
    ["exactly ten segments of Cyrillic", "ж".repeat(670)],
    ["emoji joined by ZWJ", "👨‍👩‍👧‍👦"],
    ["right-to-left text with direction marks", "\u202bשלום\u202c"],
    ["braces and markup, which mean nothing here", "<script>{{x}} ${y}</script>"],
  ])("accepts %s", (_name, text) => {
    expect(checkText(text)).toEqual({ ok: true });
  });

  it("takes a provider's own bound", () => {
    expect(checkText("a".repeat(306), 2)).toEqual({ ok: true });
    expect(checkText("a".repeat(307), 2)).toEqual({
      ok: false,
      reason: "The text is longer than 2 segments.",
    });
    expect(checkText("a".repeat(160), 1)).toEqual({ ok: true });
    expect(checkText("a".repeat(161), 1)).toMatchObject({
      ok: false,
      reason: "The text is longer than 1 segment.",
    });
    expect(TEXT_SEGMENTS_MAX).toBe(10);
  });
});
