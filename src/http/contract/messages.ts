// Messages over HTTP: one text to one person, and what became of it.

import { z } from "zod";
import { type CampaignId, type MessageId, messageClasses, messageStates } from "../../domain/message.ts";
import { networkSenderFault } from "../../domain/sender.ts";
import { checkText } from "../../domain/text-check.ts";
import { idField, instantField, pageOf, pageQuery, phoneField, timeOut, wordsField } from "./fields.ts";

const TIME_CHARACTERS_MAX = 64;
const NAME_CHARACTERS_MAX = 200;
const METADATA_FIELDS_MAX = 50;
const METADATA_NAME_CHARACTERS_MAX = 64;
const METADATA_VALUE_CHARACTERS_MAX = 500;

export const classField = z
  .enum(messageClasses)
  .describe(
    "What may be done when nobody knows whether it was sent: only a transactional one is sent again.",
  );

export const senderField = z
  .string()
  .superRefine((text, context) => {
    const fault = networkSenderFault(text);
    if (fault !== null) context.addIssue({ code: "custom", message: `It ${fault}.` });
  })
  .meta({ description: "The sender: a name of up to 11 characters, or a number.", example: "Acme" });

/** What is to be sent: not empty, no half characters, not longer than anybody means. */
export const textField = z
  .string()
  .superRefine((text, context) => {
    const check = checkText(text);
    if (!check.ok) context.addIssue({ code: "custom", message: check.reason });
  })
  .meta({ example: "Your parcel is here." });

export const metadataField = z
  .record(wordsField(METADATA_NAME_CHARACTERS_MAX), wordsField(METADATA_VALUE_CHARACTERS_MAX))
  .refine((fields) => Object.keys(fields).length <= METADATA_FIELDS_MAX, {
    error: `It may have up to ${METADATA_FIELDS_MAX} fields.`,
  })
  .describe("Your own; it comes back in answers.");

export const newMessage = z.strictObject({
  to: phoneField,
  text: textField,
  from: senderField.optional(),
  class: classField.default("transactional"),
  account: wordsField(NAME_CHARACTERS_MAX).optional().describe("Instead of a route's."),
  sendAt: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe("An instant (2026-12-24T09:00+01:00), or a local time in `timeZone` (2026-12-24T09:00)."),
  timeZone: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe(
      "Of local times, and where the person is, for quiet hours: an IANA name, or `recipient` for the number's country.",
    ),
  expiresAt: wordsField(TIME_CHARACTERS_MAX).optional().describe("Not sent from then on; as `sendAt`."),
  reference: wordsField(NAME_CHARACTERS_MAX).optional().describe("Your own name for it."),
  metadata: metadataField.optional(),
});

export const acceptedMessage = z
  .object({ id: z.string(), state: z.enum(["queued", "scheduled"]), segments: z.int() })
  .meta({
    id: "AcceptedMessage",
    description: "Committed: it ends in a final state, or visibly as unknown.",
  });

export const cancelledMessage = z
  .object({ id: z.string(), state: z.literal("cancelled") })
  .meta({ id: "CancelledMessage" });

const messageFields = z.object({
  id: z.string(),
  campaign: z.string().nullable(),
  to: z.string(),
  state: z.enum(messageStates),
  reason: z.string().nullable().describe("A stable word for why it is in this state."),
  class: z.enum(messageClasses),
  account: z.string().describe("The account that has it, or sent it."),
  providerMessageId: z.string().nullable(),
  segments: z.int(),
  attempts: z.int().describe("Tries that counted; four at most."),
  dueAt: timeOut.nullable().describe("Not before: its schedule, or its next try."),
  expiresAt: timeOut.nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  retryOf: z.string().nullable().describe("The first message of its line, when a person had it sent again."),
  createdAt: timeOut.describe("In a campaign: the campaign's time."),
  changedAt: timeOut,
});
export const message = messageFields.meta({ id: "Message" });

const moment = z.discriminatedUnion("what", [
  z.object({ what: z.literal("created"), at: timeOut }),
  z.object({
    what: z.literal("attempt"),
    at: timeOut,
    endedAt: timeOut.nullable(),
    number: z.int(),
    account: z.string(),
    outcome: z
      .enum(["accepted", "rejected", "later", "unknown"])
      .nullable()
      .describe("Null: it is under way. later: it was not sent, for now."),
    reason: z.string().nullable(),
    late: z.boolean().describe("The outcome came after the attempt had been given up."),
    settledAs: z.string().nullable().describe("What an unknown turned out to be."),
  }),
  z.object({
    what: z.literal("report"),
    at: timeOut,
    happenedAt: timeOut.nullable().describe("By the provider's clock."),
    account: z.string(),
    state: z.string(),
    reason: z.string(),
    code: z.string().nullable().describe("The provider's own."),
  }),
  z.object({
    what: z.literal("state"),
    at: timeOut,
    state: z.enum(messageStates),
    reason: z.string().nullable(),
  }),
]);
export type Moment = z.output<typeof moment>;

export const messageWithTimeline = messageFields
  .extend({ timeline: z.array(moment).describe("What is known of its life, oldest first.") })
  .meta({ id: "MessageWithTimeline" });

export const messagePage = pageOf(message);

export const messageParams = z.object({ id: idField<MessageId>() });

export const messageQuery = z.strictObject({
  campaign: idField<CampaignId>().optional(),
  state: z.enum(messageStates).optional(),
  // In a query a plus that nobody escaped is a space.
  to: z
    .string()
    .transform((text) => text.replace(/^ /, "+"))
    .pipe(phoneField)
    .optional(),
  since: instantField.optional().describe("Changed since then."),
  ...pageQuery,
});
