import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeywordKind, readKeyword } from "../../src/domain/opt-out.ts";

describe("an opt-out is a message that is nothing but the word,", () => {
  it.each([
    ...["STOP", "stop", "Stop.", " stop\n", "STOP!", "«stop»", '"STOP"', "'stop'", "“Stop”", "`stop`"],
    ...[
      "\u00a0STOP\u00a0",
      "ST\u200bOP",
      "\ufeffSTOP",
      "\u202eSTOP\u202c",
      "STOP 🛑",
      "🙏stop🙏",
      "STOP ✋🏽",
    ],
    ...["ＳＴＯＰ", "𝗦𝗧𝗢𝗣", "ⓢⓣⓞⓟ", "S T O P", "S.T.O.P.", "s-t-o-p", "stop stop STOP", "Stop, unsubscribe"],
    ...[
      "STOPALL",
      "stop all",
      "UNSUBSCRIBE",
      "CANCEL",
      "END",
      "QUIT",
      "OPTOUT",
      "opt-out",
      "Opt out",
      "REVOKE",
    ],
    ...[
      "ARRET",
      "arrêt",
      "ARRE\u0302T",
      "Arrêter",
      "désabonner",
      "STOPP",
      "stoppa",
      "AVSLUTA",
      "Avregistrera",
    ],
    ...["AVMELD", "afmeld", "lopeta", "peruuta", "abmelden", "BAJA", "darme de baja", "parar", "sair"],
    ...["annulla", "disiscrivi", "afmelden", "uitschrijven", "wypisz", "rezygnuję", "odhlásit", "zrušit"],
    ...["İPTAL", "iptal", "IPTAL", "RET", "стоп", "СТОП!", "στοπ", "הסר", "退订"],
    ...["STOP 12345", "STOP12345", "stop 123 456", "STOP Volley", "Stop: Volley.", "STOP please"],
  ])("such as %j", (text) => {
    expect(readKeyword(text)).toEqual({ kind: "stop" });
  });
});

describe("a text that", () => {
  it.each<[kind: KeywordKind, what: string, text: string]>([
    ["maybe-stop", "asks for it in a sentence", "please stop"],
    ["maybe-stop", "asks for the opposite", "don't stop"],
    [
      "maybe-stop",
      "asks politely at length",
      "Hello, could you please unsubscribe me from this list? Thanks",
    ],
    ["maybe-stop", "writes the word in two", "I would like to opt out of this"],
    ["maybe-stop", "is about something else", "Cancel my appointment on Monday"],
    ["maybe-stop", "follows an everyday word by one more", "cancel tomorrow"],
    ["maybe-stop", "goes on after the word", "Stop by at five o'clock"],
    ["maybe-stop", "asks for both", "stop start"],
    ["maybe-stop", "is a quoted reply", "Re: STOP"],
    ["maybe-stop", "is another language's sentence", "Arrêtez. Désabonner-moi s'il vous plaît"],
    ["none", "holds the letters in longer words", "The nonstop bus stopped at the weekend"],
    ["none", "agrees", "YES"],
    ["none", "agrees in Swedish", "Fin!"],
    ["none", "is empty", ""],
    ["none", "is blank", " \n\u00a0\u200b"],
    ["none", "is an emoji", "🛑"],
    ["none", "is a number", "12345"],
    ["none", "is no text at all", "\u0000\ud800"],
    ["start", "is the word", "START"],
    ["start", "is the word, with a full stop", " Start.\n"],
    ["start", "undoes a stop", "UNSTOP"],
    ["start", "undoes it, spread out", "un-stop"],
    ["start", "resumes", "Resume 😀"],
    ["start", "opts in", "opt in"],
    ["none", "only speaks of starting", "When do we start?"],
    ["none", "starts something in particular", "START 12345"],
  ])("%s: %s", (kind, _what, text) => {
    expect(readKeyword(text)).toEqual({ kind });
  });
});

it("noise around and inside the word makes no difference", () => {
  const word = fc.constantFrom("stop", "unsubscribe", "arrêt", "avsluta", "quit", "iptal", "стоп");
  const noise = fc.array(
    fc.constantFrom(" ", "\u00a0", "\n", ".", "!", '"', "’", "\u200d", "🙏", "-", "\ufe0f"),
  );
  fc.assert(
    fc.property(noise, word, fc.boolean(), noise, (before, one, upper, after) => {
      const text = `${before.join("")}${upper ? one.toUpperCase() : one}${after.join("")}`;
      expect(readKeyword(text)).toEqual({ kind: "stop" });
    }),
  );
});

it("a word before it never lets it act by itself", () => {
  fc.assert(
    fc.property(fc.constantFrom("please", "never", "do not", "ne", "och", "7"), (before) => {
      expect(readKeyword(`${before} stop`)).toEqual({ kind: "maybe-stop" });
    }),
  );
});

it("any text has one of the four readings", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
      expect(["stop", "start", "maybe-stop", "none"]).toContain(readKeyword(text).kind);
    }),
  );
});

it.each([
  ["one word", "stop".repeat(250_000), "none"],
  ["many words", "stop ".repeat(200_000), "stop"],
  ["a million marks", `a${"\u0301".repeat(1_000_000)}`, "none"],
  ["a million signs that unfold to eighteen letters", "\ufdfa".repeat(1_000_000), "none"],
  ["a million blanks and a word", `${" ".repeat(1_000_000)}stop`, "none"],
])("a megabyte of %s is read by its beginning", (_what, text, kind) => {
  expect(readKeyword(text)).toEqual({ kind });
});
