// The placeholders of SMS.CX: what stands between two curly braces in a text gives way to something else.
//
//   smscx/smscx-api-php-library, docs/Model/SendSmsMessageRequest.md, docs/Api/SmsApi.md (read 2026-11-22)
//
// `numbers`, `letters` and `alphanumeric` are 4 random characters, or 1 to 20 as asked; `today` is a date such
// as "7 Aug 2022"; `optoutLink` a link; whatever is not known becomes nothing. This account has no short links
// and no attachments.

import { randomInt } from "node:crypto";
import { invalidParam, type SmscxError } from "./smscx-errors.ts";

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;
const LENGTH_DEFAULT = 4;
const LENGTH_MAX = 20;
const OPTOUT_CHARACTERS = 6;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ALPHABETS: Readonly<Record<string, string>> = {
  numbers: "0123456789",
  letters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  alphanumeric: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
};

export function checkPlaceholders(text: string): SmscxError | null {
  for (const [, inside = ""] of text.matchAll(PLACEHOLDER)) {
    const { name, argument } = split(inside);
    if (name === "shortlink" || name === "attachment") {
      return invalidParam(1112, "The shortlink/attachment ID provided for tracking is invalid or not found");
    }
    if (!Object.hasOwn(ALPHABETS, name) || argument === null) continue;
    if (!/^\d{1,9}$/.test(argument)) {
      return invalidParam(1136, `Invalid number of characters for the placeholder {{${name}}}`);
    }
    if (Number(argument) < 1 || Number(argument) > LENGTH_MAX) {
      return invalidParam(1137, "Number of characters for placeholders can be between 1 and 20");
    }
  }
  return null;
}

/** What one recipient reads: the random parts differ from one to the next. */
export function fillPlaceholders(text: string, wallMs: number): string {
  if (!text.includes("{{")) return text;
  return text.replace(PLACEHOLDER, (_whole, inside: string) => {
    const { name, argument } = split(inside);
    const alphabet = Object.hasOwn(ALPHABETS, name) ? ALPHABETS[name] : undefined;
    if (alphabet !== undefined) return drawCharacters(alphabet, Number(argument ?? LENGTH_DEFAULT));
    if (name === "today") return sayDay(new Date(wallMs));
    if (name !== "optoutLink") return "";
    return `https://en.ax/${drawCharacters(ALPHABETS.alphanumeric ?? "", OPTOUT_CHARACTERS)}`;
  });
}

function split(inside: string): { readonly name: string; readonly argument: string | null } {
  const colon = inside.indexOf(":");
  if (colon < 0) return { name: inside, argument: null };
  return { name: inside.slice(0, colon), argument: inside.slice(colon + 1) };
}

function drawCharacters(alphabet: string, count: number): string {
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join("");
}

function sayDay(day: Date): string {
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]} ${day.getUTCFullYear()}`;
}
