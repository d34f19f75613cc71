// [1] Reminders as they are asked for, by the command line and over HTTP: a message under a key, kept, moved and
// called off by it.

import type { ReleasedChunk } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import type { MessageId } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { parseReminderKey, type ReminderDraft, type ReminderKey } from "../domain/reminder.ts";
import { parseTemplate, renderTemplate } from "../domain/template.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Reminder } from "../ledger/list-reminders.ts";
import type { ReminderCancelled, ReminderPut } from "../ledger/reminders.ts";
import type { IntakeRules } from "./choose-accounts.ts";
import { planOccurrence, reminderFault } from "./plan-reminder.ts";

/** As a customer says it, nothing of it checked. */
export type ReminderWish = Omit<ReminderDraft, "key" | "to" | "text" | "reference" | "metadata"> & {
  readonly key: string;
  readonly to: string;
  readonly text: ReminderText;
  readonly reference?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
};

/** Fields are filled in at once. */
export type ReminderText =
  | string
  | { readonly template: string; readonly fields: Readonly<Record<string, string>> };

export type KeptReminder = {
  readonly outcome: ReminderPut["outcome"];
  readonly reminder: Reminder;
  /** An occurrence that is being sent as it was. */
  readonly left: MessageId | null;
  /** For the queue; null: it waits for its time. */
  readonly chunk: ReleasedChunk | null;
};

type Parts = { readonly ledger: Pick<Ledger, "reminders"> };

/** The same wish again changes nothing; another one under the key takes its place. */
export async function putReminder(
  { ledger }: Parts,
  wish: ReminderWish,
  rules: IntakeRules,
): Promise<KeptReminder> {
  const draft = toDraft(wish);
  const put = await ledger.reminders.put(draft, (one, nowMs) => planOccurrence(one, rules, nowMs));
  return { ...put, reminder: await findReminder({ ledger }, draft.key) };
}

/** To another time; the first one, if it recurs. */
export async function moveReminder(
  { ledger }: Parts,
  {
    key,
    at,
    timeZone,
    expiresAt,
  }: {
    readonly key: string;
    readonly at: string;
    /** Absent: as they are. */
    readonly timeZone?: string | undefined;
    readonly expiresAt?: string | undefined;
  },
  rules: IntakeRules,
): Promise<KeptReminder> {
  const known = keyOf(key);
  const put = await ledger.reminders.edit(
    known,
    (draft) => ({
      ...draft,
      at,
      timeZone: timeZone ?? draft.timeZone,
      expiresAt: expiresAt ?? draft.expiresAt,
    }),
    (draft, nowMs) => planOccurrence(draft, rules, nowMs),
  );
  if (put === null) throw notFound();
  return { ...put, reminder: await findReminder({ ledger }, known) };
}

export async function findReminder({ ledger }: Parts, key: string): Promise<Reminder> {
  const reminder = await ledger.reminders.find(keyOf(key));
  if (reminder === null) throw notFound();
  return reminder;
}

/** Its key is free again. */
export async function cancelReminder({ ledger }: Parts, key: string): Promise<ReminderCancelled> {
  const cancelled = await ledger.reminders.cancel(keyOf(key));
  if (cancelled === null) throw notFound();
  return cancelled;
}

function toDraft({ key, to, text, reference, metadata, ...rest }: ReminderWish): ReminderDraft {
  const number = parsePhoneNumber(to);
  if (!number.ok) throw reminderFault("to", number.reason);
  return {
    ...rest,
    key: keyOf(key),
    to: number.number,
    text: typeof text === "string" ? text : fillIn(text),
    reference: reference ?? null,
    metadata: metadata ?? null,
  };
}

function keyOf(text: string): ReminderKey {
  const reading = parseReminderKey(text);
  if (!reading.ok) throw reminderFault("key", reading.reason);
  return reading.key;
}

function fillIn({ template: source, fields }: Exclude<ReminderText, string>): string {
  const fault = (path: string, reason: string) =>
    new VolleyError("template_invalid", `Cannot keep the reminder: ${reason}`, {
      details: { faults: [{ path, message: reason }] },
    });
  const parsed = parseTemplate(source);
  if (!parsed.ok) throw fault("template", parsed.reason);
  const { template } = parsed;
  // Own fields only: a template's {{constructor}} finds nothing that nobody wrote.
  const missing = template.fields.find((field) => !Object.hasOwn(fields, field));
  if (missing !== undefined) throw fault("fields", `There is no field for {{${missing}}}.`);
  return renderTemplate(
    template,
    template.fields.map((field) => fields[field] ?? ""),
  );
}

function notFound(): VolleyError {
  return new VolleyError("not_found", "There is no such reminder.");
}
