// May this text be sent at all? Asked once for each finished text, before anything is stored: what Postgres
// cannot hold, what no network can carry, and what would cost more than anybody means to spend.

import { measureText } from "./sms-text.ts";

export const TEXT_SEGMENTS_MAX = 10;

/** Longer cannot fit: no segment holds more characters. Spares measuring a text of megabytes. */
const SEGMENT_CHARACTERS_MAX = 160;

export type TextCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Reasons are for people and never hold the text. */
export function checkText(text: string, segmentsMax = TEXT_SEGMENTS_MAX): TextCheck {
  if (text.trim() === "") return { ok: false, reason: "The text is empty." };
  const fault = characterFault(text);
  if (fault !== null) return { ok: false, reason: `The text ${fault}.` };
  const tooLong = text.length > segmentsMax * SEGMENT_CHARACTERS_MAX;
  if (tooLong || measureText(text).segments > segmentsMax) {
    return {
      ok: false,
      reason: `The text is longer than ${segmentsMax} segment${segmentsMax === 1 ? "" : "s"}.`,
    };
  }
  return { ok: true };
}

/** What is wrong with single characters of a text, a name or a template; null when nothing is. */
export function characterFault(text: string): string | null {
  if (text.includes("\u0000")) return "holds the character U+0000";
  if (!text.isWellFormed()) return "holds half of a surrogate pair";
  return null;
}
