// E.164 phone numbers: parsed once at the door, a branded type inside.
//
// People write one number in many ways (07..., +44 7..., 0044 (0)7..., with other scripts' digits or a
// direction mark pasted along); all of them must become one PhoneNumber, since duplicates, opt-outs and
// message ids hang on it. Whatever this accepts, it accepts again unchanged. Whether a number stands is
// numbering-plan.ts's to say.

import { parsePhoneNumberFromString } from "libphonenumber-js/core";
import {
  type CountryCode,
  callingCodeOf,
  internationalise,
  isCountry,
  judgeNumber,
  numberingMetadata,
} from "./numbering-plan.ts";

export type { CountryCode };
export type PhoneNumber = string & { readonly brand: "PhoneNumber" };

export type PhoneNumberReading =
  | { readonly ok: true; readonly number: PhoneNumber; readonly country: CountryCode | null }
  /** A sentence for people; it never holds the number. */
  | { readonly ok: false; readonly reason: string };

const INPUT_CHARACTERS_MAX = 64;
/** E.164 allows fifteen, calling code included. */
const DIGITS_MAX = 15;
/** What is dialled before it to reach another country: 0011 in Australia. */
const PREFIX_DIGITS_MAX = 5;
const E164_FORM = /^\+[1-9]\d{4,14}$/;

export function parsePhoneNumber(raw: string, defaultCountry?: CountryCode): PhoneNumberReading {
  // The common case, already in the form we keep, skips the spelling out.
  if (E164_FORM.test(raw)) {
    const asWritten = judgeInternational(raw.slice(1));
    if (asWritten !== null) return asWritten;
  }
  const spelled = spellOut(raw);
  if (!spelled.ok) return spelled;
  const { plus, digits } = spelled;
  if (digits.length > DIGITS_MAX + PREFIX_DIGITS_MAX) return refused(notANumber(digits, "anywhere"));
  if (plus) return readInternational(digits) ?? refused(notANumber(digits, "with its country code"));

  // `00` is how most of the world writes the plus. Where it is not (0011 in Australia), what follows it is no
  // valid number by this reading, and the country's own prefix is tried below.
  const international = digits.startsWith("00") ? readInternational(digits.slice(2)) : null;
  if (international !== null) return international;
  if (defaultCountry === undefined) {
    return refused(
      digits.startsWith("00")
        ? notANumber(digits.slice(2), "with its country code")
        : "The number has no country code: write it with a plus, or name the default country.",
    );
  }
  return (
    readNational(digits, defaultCountry) ?? refused(notANumber(digits, `in ${defaultCountry} or abroad`))
  );
}

export type CountryReading =
  | { readonly ok: true; readonly country: CountryCode }
  | { readonly ok: false; readonly reason: string };

/** ISO 3166 codes of two letters, in either case. */
export function parseCountry(code: string): CountryReading {
  const upper = code.trim().toUpperCase();
  if (isCountry(upper)) return { ok: true, country: upper };
  const hint = upper === "UK" ? "; the United Kingdom is GB" : "";
  return { ok: false, reason: `A country is a code of two letters such as SE, AU or US${hint}.` };
}

// --- reading ----------------------------------------------------------------------------------------------

/** Null where the digits, as they stand, are not a number that a person can have. */
function judgeInternational(digits: string): PhoneNumberReading | null {
  if (digits.length > DIGITS_MAX) return null;
  const callingCode = callingCodeOf(digits);
  if (callingCode === null) return null;
  const { stands, country } = judgeNumber(callingCode, digits.slice(callingCode.length));
  return stands ? { ok: true, number: `+${digits}` as PhoneNumber, country } : null;
}

function readInternational(digits: string): PhoneNumberReading | null {
  return judgeInternational(digits) ?? readWith(`+${digits}`, undefined);
}

function readNational(digits: string, country: CountryCode): PhoneNumberReading | null {
  const international = internationalise(digits, country);
  return (international === null ? null : judgeInternational(international)) ?? readWith(digits, country);
}

/** Trunk prefixes, national forms and a country's own international prefix are the package's business. */
function readWith(text: string, defaultCountry: CountryCode | undefined): PhoneNumberReading | null {
  const parsed = parsePhoneNumberFromString(
    text,
    { extract: false, ...(defaultCountry === undefined ? {} : { defaultCountry }) },
    numberingMetadata,
  );
  return parsed === undefined ? null : judgeInternational(parsed.number.slice(1));
}

function notANumber(digits: string, where: string): string {
  if (digits.length > DIGITS_MAX) return `The number has more than ${DIGITS_MAX} digits.`;
  return `The number is not a valid one ${where}: it may be too short, too long or start wrongly.`;
}

// --- spelling out -----------------------------------------------------------------------------------------

type Spelling = { readonly ok: true; readonly plus: boolean; readonly digits: string };

/** What people put between digits: spaces of all kinds, invisible marks, dashes, brackets, dots, slashes. */
const SEPARATOR = /[\s\p{Zs}\p{Cf}\p{Pd}\u2212()（）[\]［］.．/／]/u;
const DASH = /[\p{Pd}\u2212]/u;
const ROUNDED_BY_A_SPREADSHEET = /^\d(?:[.,]\d+)?e\+?\d+$/i;
const EXTENSION = /\d.*(?:ext|[x#;*]|anknytning|durchwahl)/iu;
/** The zero of each script whose digits people type into number fields; its nine follow it. */
const ZEROS = ["0", "\u0660", "\u06f0", "\u0966", "\u09e6", "\uff10"].map((zero) => zero.charCodeAt(0));

function spellOut(raw: string): Spelling | { readonly ok: false; readonly reason: string } {
  if (raw.length > INPUT_CHARACTERS_MAX) {
    return refused(`The number is longer than ${INPUT_CHARACTERS_MAX} characters.`);
  }
  // Spreadsheets mark a cell as text by a leading apostrophe, and some export it.
  const text = raw.trim().replace(/^'/, "").replace(/^tel:/i, "");
  if (ROUNDED_BY_A_SPREADSHEET.test(text)) {
    return refused("The number was rounded by a spreadsheet: format the column as text and export it again.");
  }
  let plus = false;
  let digits = "";
  for (const character of text) {
    const digit = digitOf(character);
    if (digit !== null) digits += digit;
    else if (character === "+" || character === "＋") {
      if (plus || digits !== "") return refused("The number has a plus that is not at its beginning.");
      plus = true;
    } else if (!SEPARATOR.test(character)) return refused(strangerReason(text, character));
    else if (!plus && digits === "" && DASH.test(character)) {
      return refused("The number starts with a dash.");
    }
  }
  if (digits === "") return refused(text === "" ? "The number is empty." : "The number has no digits.");
  return { ok: true, plus, digits };
}

function digitOf(character: string): number | null {
  const code = character.charCodeAt(0);
  for (const zero of ZEROS) {
    if (code >= zero && code <= zero + 9) return code - zero;
  }
  return null;
}

function strangerReason(text: string, character: string): string {
  if (EXTENSION.test(text)) return "The number has an extension, which no text message can reach.";
  if (character === "=") return "The number is a spreadsheet formula.";
  return /\p{L}/u.test(character)
    ? "The number has letters in it."
    : "The number has signs in it that no number has.";
}

function refused(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}
