// Recipients for the demo and for examples/recipients.csv: the awkward ones first, then plain ones, up to any
// count. The same count and seed write the same file.
//
// Numbers come from the ranges kept for fiction where those are large enough, and from any valid range beyond;
// nothing but the simulator is ever called with them. Every second recipient is Australian, and the national
// forms among them mean Australia. With the demo's template no Australian gets more than two segments.

import { once } from "node:events";
import type { Writable } from "node:stream";
import { awkwardCities, awkwardNames, badRows, longName, plainCities, plainNames } from "./demo-names.ts";
import { createRandom } from "./random.ts";

/** What the awkward numbers in national form need as default country. */
export const DEMO_COUNTRY = "AU";
export const DEMO_TEMPLATE = "Hi {{name}}, your parcel for {{city}} is here. Your code is {{code}}.";
export const DEMO_RECIPIENTS_MAX = 1_000_000;

const AWKWARD_ROWS_MAX = 1200;
const BAD_ROW_EVERY = 50;
const DUPLICATE_EVERY = 100;
const BLOCK_ROWS = 500;

/** As known by construction: what intake should find. */
export type DemoCounts = { readonly valid: number; readonly duplicates: number; readonly invalid: number };

/** Writes header and rows; ending the stream is the caller's. */
export async function writeDemoRecipients(
  stream: Writable,
  count: number,
  seed: number,
): Promise<DemoCounts> {
  if (!Number.isInteger(count) || count < 0 || count > DEMO_RECIPIENTS_MAX) {
    throw new RangeError(`The demo has 0 to ${DEMO_RECIPIENTS_MAX} recipients`);
  }
  const random = createRandom(seed);
  let duplicates = 0;
  let invalid = 0;
  let block = "phone,name,city,code\n";
  for (let index = 0; index < count; index += 1) {
    if (index >= AWKWARD_ROWS_MAX) {
      block += plainRow(index, random);
    } else {
      block += awkwardRow(index, index, random);
      if (index % DUPLICATE_EVERY === DUPLICATE_EVERY - 1) {
        // Somebody from some fifty rows above, at home and abroad by turns, written in another way.
        block += awkwardRow(index - 50 - (duplicates % 2), index + 1, random);
        duplicates += 1;
      }
      const bad = index % BAD_ROW_EVERY === BAD_ROW_EVERY - 1 ? badRows[invalid] : undefined;
      if (bad !== undefined) {
        block += `${bad}\n`;
        invalid += 1;
      }
    }
    if (index % BLOCK_ROWS === BLOCK_ROWS - 1 || index === count - 1) {
      if (!stream.write(block)) await once(stream, "drain");
      block = "";
    }
  }
  if (block !== "") stream.write(block);
  return { valid: count, duplicates, invalid };
}

function awkwardRow(person: number, form: number, random: () => number): string {
  const name = awkwardNames[form % awkwardNames.length] ?? "";
  // The longest name leaves no room for a city outside the GSM alphabet.
  const city = name === longName ? "Perth" : (pick(awkwardCities, random) ?? "");
  const written = person % 2 === 0 ? writeAustralian(person, form) : writeForeign(person, form);
  return `${[written, name, city, codeOf(random)].map(quote).join(",")}\n`;
}

function plainRow(person: number, random: () => number): string {
  return `${numberOf(person)},${pick(plainNames, random)},${pick(plainCities, random)},${codeOf(random)}\n`;
}

// --- numbers ----------------------------------------------------------------------------------------------

/** Distinct for every person below DEMO_RECIPIENTS_MAX. */
function numberOf(person: number): string {
  return person % 2 === 0 ? `+61${australian(person)}` : `+${foreign(person).join("")}`;
}

/** From 0491 570 000, around the numbers kept for fiction, on through 0491. */
function australian(person: number): string {
  return `491${digits((570_000 + person / 2) % 1_000_000, 6)}`;
}

// North American area codes; in each, 555-0100 to 555-0199 are kept for fiction.
const AREA_CODES = [
  201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229,
  231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302,
];
const SWEDISH_KEPT = 95;
const BRITISH_KEPT = 1000;

/** Calling code and national number: Sweden, Britain and North America while their kept ranges last, then Sweden. */
function foreign(person: number): readonly [callingCode: string, national: string] {
  const index = (person - 1) / 2;
  const round = Math.floor(index / 3);
  if (index % 3 === 0 && round < SWEDISH_KEPT) return ["46", `70${1_740_605 + round}`];
  if (index % 3 === 1 && round < BRITISH_KEPT) return ["44", `7700900${digits(round, 3)}`];
  if (index % 3 === 2 && round < AREA_CODES.length * 100) {
    return [
      "1",
      `${AREA_CODES[round % AREA_CODES.length]}55501${digits(Math.floor(round / AREA_CODES.length), 2)}`,
    ];
  }
  return ["46", `73${digits(1_000_000 + index, 7)}`];
}

const NBSP = "\u00a0";

function writeAustralian(person: number, form: number): string {
  const national = australian(person);
  const [head, middle, tail] = [national.slice(0, 3), national.slice(3, 6), national.slice(6)];
  const forms = [
    `+61${national}`,
    `+61 ${head} ${middle} ${tail}`,
    `0${head} ${middle} ${tail}`,
    `(0${head}) ${middle}-${tail}`,
    `0${national}`,
    `0061 ${head} ${middle} ${tail}`,
    `+61${NBSP}${head}${NBSP}${middle}${NBSP}${tail}`,
    `tel:+61-${head}-${middle}-${tail}`,
    `61${national}`,
    `+61 (0)${head} ${middle} ${tail}`,
    `\u200e+61 ${head} ${middle} ${tail}\u200e`,
  ];
  return forms[form % forms.length] ?? "";
}

function writeForeign(person: number, form: number): string {
  const [callingCode, national] = foreign(person);
  const parts = `${national.slice(0, 3)} ${national.slice(3, 6)} ${national.slice(6)}`;
  const forms = [
    `+${callingCode}${national}`,
    `+${callingCode} ${parts}`,
    `00${callingCode}${national}`,
    `00 ${callingCode} ${parts}`,
    `+${callingCode}-${parts.replaceAll(" ", "-")}`,
    `+${callingCode}${NBSP}${parts.replaceAll(" ", "\u202f")}`,
    `(+${callingCode}) ${parts.replaceAll(" ", ".")}`,
    `tel:+${callingCode}-${parts.replaceAll(" ", "-")}`,
    `\u202a+${callingCode} ${parts}\u202c`,
    inDigitsFrom(0xff10, `+${callingCode} ${parts}`),
    inDigitsFrom(0x0660, `+${callingCode}${national}`),
  ];
  return forms[form % forms.length] ?? "";
}

function inDigitsFrom(zero: number, text: string): string {
  return text.replaceAll(/\d/g, (digit) => String.fromCharCode(zero + Number(digit)));
}

// --- cells ------------------------------------------------------------------------------------------------

function quote(cell: string): string {
  return /[",\n\r]/.test(cell) || cell.trim() !== cell ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function codeOf(random: () => number): string {
  return digits(Math.floor(random() * 1_000_000), 6);
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

function pick<T>(list: readonly T[], random: () => number): T | undefined {
  return list[Math.floor(random() * list.length)];
}
