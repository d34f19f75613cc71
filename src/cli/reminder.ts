// `volley reminder ...`: messages under a key, kept for their time.

import { VolleyError } from "../domain/errors.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import {
  cancelReminder as cancel,
  type KeptReminder,
  moveReminder as move,
  putReminder,
} from "../intake/put-reminder.ts";
import type { Reminder } from "../ledger/list-reminders.ts";
import type { Parts } from "../parts.ts";
import { print, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger, withParts } from "./run.ts";

export type CreateOptions = GlobalOptions & {
  readonly key: string;
  readonly to: string;
  readonly text: string;
  readonly at: string;
  readonly timeZone?: string;
  readonly repeat?: string;
  readonly expiresAt?: string;
  readonly from?: string;
  readonly class: MessageClass;
  readonly account?: string;
  readonly json?: boolean;
};

type JsonOptions = GlobalOptions & { readonly json?: boolean };

const MARK = /^\d{1,16}$/;

export async function createReminder(options: CreateOptions): Promise<void> {
  const { key, to, text, at, timeZone, repeat, expiresAt, from, account } = options;
  await withParts(options, async (parts) => {
    const wish = {
      ...{ key, to, text, at, class: options.class },
      timeZone: timeZone ?? null,
      repeat: repeat ?? null,
      expiresAt: expiresAt ?? null,
      from: from ?? null,
      account: account ?? null,
    };
    await show(parts, await putReminder(parts, wish, parts.rules), options);
  });
}

export async function moveReminder(
  key: string,
  options: JsonOptions & { readonly at: string; readonly timeZone?: string; readonly expiresAt?: string },
): Promise<void> {
  const { at, timeZone, expiresAt } = options;
  await withParts(options, async (parts) => {
    await show(parts, await move(parts, { key, at, timeZone, expiresAt }, parts.rules), options);
  });
}

export async function cancelReminder(key: string, options: JsonOptions): Promise<void> {
  await withLedger(options, async (parts) => {
    const cancelled = await cancel(parts, key);
    if (options.json) return printJson({ key, ...cancelled });
    say(
      cancelled.takenBack ? "Cancelled: it will not be sent." : "Cancelled: nothing of it waited any more.",
    );
    sayLeft(cancelled.left);
  });
}

export async function listReminders(
  options: JsonOptions & { readonly limit: number; readonly before?: string },
): Promise<void> {
  const { before, limit } = options;
  if (before !== undefined && !MARK.test(before)) {
    throw new VolleyError("usage", "--before must be the `next` of the page before.");
  }
  await withLedger(options, async ({ ledger }) => {
    const page = await ledger.reminders.list({ before, limit });
    if (options.json) return printJson(page);
    printTable(
      ["KEY", "TO", "NEXT", "NEXT (UTC)", "ZONE", "REPEAT", "STATE", "PREVIOUS", "REASON"],
      page.reminders.map((one) => [
        one.key,
        one.to,
        one.nextLocal,
        one.nextAt?.toISOString() ?? null,
        one.zone,
        one.repeat,
        stateOf(one),
        one.previous?.state ?? null,
        one.reason,
      ]),
    );
    if (page.next !== null) say(`Older ones: volley reminder list --limit ${limit} --before ${page.next}`);
  });
}

/** The id goes to stdout, as that of a message that is sent does; a time that is skipped has none. */
async function show(parts: Parts, kept: KeptReminder, { json }: JsonOptions): Promise<void> {
  const { outcome, reminder, left, chunk } = kept;
  if (chunk !== null) await parts.enqueue.chunks([chunk]);
  if (json) return printJson({ ...reminder, outcome, left });
  if (reminder.occurrence !== null) print(reminder.occurrence.id);
  say(`${capitalized(outcome)}. ${whenOf(reminder)}`);
  sayLeft(left);
}

function whenOf(reminder: Reminder): string {
  const { nextAt, nextLocal, zone, reason } = reminder;
  const state = stateOf(reminder);
  if (nextAt === null) return `It is ${state}.`;
  const local = nextLocal === null ? "" : `${nextLocal} in ${zone}, `;
  return `It is ${state}${state === "skipped" ? ` (${reason})` : ""}: ${local}${nextAt.toISOString()}.`;
}

function stateOf({ occurrence }: Reminder): string {
  return occurrence?.state ?? "skipped";
}

function sayLeft(left: MessageId | null): void {
  if (left !== null) say(`One is being sent and was left alone. See: volley message show ${left}`);
}

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
