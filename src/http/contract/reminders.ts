// Reminders over HTTP: a message under a key of the customer's, once or again and again.

import { z } from "zod";
import { messageClasses, messageStates } from "../../domain/message.ts";
import { parseReminderKey } from "../../domain/reminder.ts";
import { pageOf, pageQuery, phoneField, timeOut, wordsField } from "./fields.ts";
import { classField, metadataField, senderField, textField } from "./messages.ts";

const TEMPLATE_CHARACTERS_MAX = 4_000;
const VALUE_CHARACTERS_MAX = 1_000;
const NAME_CHARACTERS_MAX = 200;
const TIME_CHARACTERS_MAX = 64;
const REPEAT_CHARACTERS_MAX = 100;

const keyField = z
  .string()
  .transform((text, context) => {
    const reading = parseReminderKey(text);
    if (reading.ok) return reading.key;
    context.addIssue({ code: "custom", message: reading.reason });
    return z.NEVER;
  })
  .meta({ description: "Chosen by you: 1 to 200 characters.", example: "appointment-4711" });

export const reminderParams = z.object({ key: keyField });

const wishFields = z.strictObject({
  to: phoneField,
  text: textField.optional().describe("This, or `template` with `fields`."),
  template: z
    .string()
    .min(1)
    .max(TEMPLATE_CHARACTERS_MAX)
    .optional()
    .meta({ example: "Hi {{name}}, see you." }),
  fields: z
    .record(z.string(), z.union([z.string().max(VALUE_CHARACTERS_MAX), z.number().transform(String)]))
    .optional()
    .describe("Of the template; they are filled in at once."),
  at: wordsField(TIME_CHARACTERS_MAX).describe(
    "An instant (2026-12-24T09:00+01:00), or a local time in `timeZone` (2026-12-24T09:00); the first time.",
  ),
  timeZone: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe(
      "Of local times and of `repeat`, and where the person is, for quiet hours: an IANA name, or `recipient` for the number's country.",
    ),
  repeat: wordsField(REPEAT_CHARACTERS_MAX).optional().meta({
    description: "Cron's five fields, read in `timeZone`: minute, hour, day, month, day of the week.",
    example: "0 9 * * MON",
  }),
  expiresAt: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe(
      "Too late from then on, as `at` is written; absent: four hours after each time. With `repeat`, each later time " +
        "has as long as the first.",
    ),
  from: senderField.optional(),
  class: classField.default("reminder"),
  account: wordsField(NAME_CHARACTERS_MAX).optional().describe("Instead of a route's."),
  reference: wordsField(NAME_CHARACTERS_MAX).optional().describe("Your own name for it."),
  metadata: metadataField.optional(),
});

export const reminderWish = wishFields.superRefine(({ text, template, fields }, context) => {
  const fault = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  if (text === undefined && template === undefined)
    fault("text", "It needs a text, or a template with its fields.");
  if (text !== undefined && template !== undefined) fault("template", "It has a text already.");
  if (template === undefined && fields !== undefined) fault("fields", "They belong to a template.");
});

const occurrence = z.object({ id: z.string().describe("A message's."), state: z.enum(messageStates) });

const reminderFields = z.object({
  key: z.string(),
  to: z.string(),
  class: z.enum(messageClasses),
  from: z.string().nullable(),
  account: z.string().nullable(),
  at: z.string().describe("As it was asked for."),
  timeZone: z.string().nullable(),
  repeat: z.string().nullable(),
  expiresAt: z.string().nullable().describe("As it was asked for."),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  nextAt: timeOut.nullable().describe("When it comes next, out of quiet hours; null: it does not."),
  nextLocal: z.string().nullable().describe("The same in `zone`."),
  zone: z.string().nullable().describe("Null: nobody knows it, or the number's country has several."),
  occurrence: occurrence
    .nullable()
    .describe("The message that comes next, or was the last. Null: the time is skipped, see `reason`."),
  previous: occurrence.nullable().describe("The message before."),
  reason: z.string().nullable().describe("A stable word: why it is skipped, or in its state."),
  createdAt: timeOut,
  changedAt: timeOut.describe("When it was asked for as it is now."),
});
export const reminder = reminderFields.meta({ id: "Reminder" });
export const reminderPage = pageOf(reminder);
export const reminderQuery = z.strictObject(pageQuery);

const leftField = z
  .string()
  .nullable()
  .describe("A message that was being sent at that moment, and could not be taken back.");

export const keptReminder = reminderFields
  .extend({ outcome: z.enum(["created", "changed", "unchanged"]), left: leftField })
  .meta({ id: "KeptReminder" });

export const cancelledReminder = z
  .object({
    key: z.string(),
    takenBack: z.boolean().describe("False: nothing waited any more."),
    left: leftField,
  })
  .meta({ id: "CancelledReminder" });
