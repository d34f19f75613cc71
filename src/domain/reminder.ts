// A reminder: a message under a key that its customer chose, at a time, once or again and again.

import { createHash } from "node:crypto";
import type { MessageClass } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";
import { characterFault } from "./text-check.ts";

export type ReminderKey = string & { readonly brand: "ReminderKey" };

export type ReminderDraft = {
  readonly key: ReminderKey;
  readonly to: PhoneNumber;
  readonly text: string;
  readonly class: MessageClass;
  readonly from: string | null;
  /** Null: the routes choose. */
  readonly account: string | null;
  /** As they were written: the first time, and the zone in which times are read. */
  readonly at: string;
  readonly timeZone: string | null;
  /** Cron's five fields; null: it comes once. */
  readonly repeat: string | null;
  /** Too late from then on, as `at` is written; null: four hours after it. Each later time has as long as the first. */
  readonly expiresAt: string | null;
  /** The customer's own words for it; they mean nothing to us. */
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
};

export type ReminderKeyReading =
  | { readonly ok: true; readonly key: ReminderKey }
  | { readonly ok: false; readonly reason: string };

const KEY_CHARACTERS_MAX = 200;
const CONTROL = /\p{Cc}/u;
/** In a path they mean a folder, however they are escaped. */
const FOLDERS: readonly string[] = [".", ".."];

/** Reasons never hold the key, for it may be a phone number. */
export function parseReminderKey(text: string): ReminderKeyReading {
  const refused = (reason: string) => ({ ok: false, reason }) as const;
  if (text === "" || text.length > KEY_CHARACTERS_MAX) {
    return refused(`A reminder's key has 1 to ${KEY_CHARACTERS_MAX} characters.`);
  }
  if (CONTROL.test(text)) return refused("A reminder's key has no control characters.");
  const fault = characterFault(text);
  if (fault !== null) return refused(`The key ${fault}.`);
  if (FOLDERS.includes(text)) return refused('A reminder\'s key is not "." or "..".');
  return { ok: true, key: text as ReminderKey };
}

/** Of all that was asked for; the order of metadata makes no difference. */
export function fingerprintOf(draft: ReminderDraft): Buffer {
  const { to, text, from, account, at, timeZone, repeat, expiresAt, reference, metadata } = draft;
  const sorted = Object.entries(metadata ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const all = [to, text, draft.class, from, account, at, timeZone, repeat, expiresAt, reference, sorted];
  return createHash("sha256").update(JSON.stringify(all)).digest();
}
