// `volley.reminders`: messages under a key of yours, kept for their time, moved and called off by it.

import type { MessageClass, MessageId } from "../domain/message.ts";
import {
  cancelReminder,
  findReminder,
  type KeptReminder,
  moveReminder,
  putReminder,
  type ReminderText,
} from "../intake/put-reminder.ts";
import type { Reminder, ReminderPage } from "../ledger/list-reminders.ts";
import type { ReminderCancelled } from "../ledger/reminders.ts";
import type { Parts } from "../parts.ts";
import { inBackground } from "./background.ts";
import { written } from "./schedule.ts";

export type ReminderTime = {
  /** An instant ("2026-12-24T09:00+01:00", or a Date), or a local time in `timeZone` ("2026-12-24T09:00"). */
  readonly at: string | Date;
  /** An IANA name, or "recipient": that of the number's country. */
  readonly timeZone?: string;
  /** Too late from then on, as `at` is written; absent: four hours after each of its times. */
  readonly expiresAt?: string | Date;
};

export type PutReminder = ReminderTime & {
  /** In international form: +46701740605. */
  readonly to: string;
  /** Or a template with its fields, which are filled in at once. */
  readonly text: ReminderText;
  /** Cron's five fields, read in `timeZone`: "0 9 * * MON". Absent: it comes once. */
  readonly repeat?: string;
  /** A sender number or name; absent: the account's own. */
  readonly from?: string;
  /** Default: reminder. */
  readonly class?: MessageClass;
  /** Absent: the routes choose, anew for each time. */
  readonly account?: string;
  /** Your own words for it; they come back in answers. */
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type PutAnswer = {
  readonly outcome: KeptReminder["outcome"];
  readonly reminder: Reminder;
  /** A message that was being sent at that moment, and could not be taken back. */
  readonly left: MessageId | null;
};

export type Reminders = {
  /** The same again under the key changes nothing, also when it was sent; anything else takes its place. */
  readonly put: (key: string, reminder: PutReminder) => Promise<PutAnswer>;
  /** To another time; what is not named stays as it is. Throws `not_found`. */
  readonly move: (key: string, time: ReminderTime) => Promise<PutAnswer>;
  /** Takes back what waits, and frees the key. Throws `not_found`. */
  readonly cancel: (key: string) => Promise<ReminderCancelled>;
  /** Throws `not_found`. */
  readonly get: (key: string) => Promise<Reminder>;
  /** Newest first; `before` is the `next` of the page before, which is null at the end. */
  readonly list: (page?: { readonly before?: string; readonly limit?: number }) => Promise<ReminderPage>;
};

const PAGE_ROWS = 50;

export function createReminders(parts: Parts): Reminders {
  const { rules } = parts;
  function answer({ chunk, ...kept }: KeptReminder): PutAnswer {
    if (chunk !== null) inBackground(parts.enqueue.chunks([chunk]));
    return kept;
  }
  return {
    async put(
      key,
      { to, text, at, timeZone, repeat, expiresAt, from, account, reference, metadata, ...rest },
    ) {
      const wish = {
        ...{ key, to, text, reference, metadata },
        class: rest.class ?? "reminder",
        from: from ?? null,
        account: account ?? null,
        at: written(at),
        timeZone: timeZone ?? null,
        repeat: repeat ?? null,
        expiresAt: written(expiresAt) ?? null,
      };
      return answer(await putReminder(parts, wish, rules));
    },
    async move(key, { at, timeZone, expiresAt }) {
      const time = { at: written(at), timeZone, expiresAt: written(expiresAt) };
      return answer(await moveReminder(parts, { key, ...time }, rules));
    },
    cancel: (key) => cancelReminder(parts, key),
    get: (key) => findReminder(parts, key),
    list: ({ before, limit = PAGE_ROWS } = {}) => parts.ledger.reminders.list({ before, limit }),
  };
}
