// Retries over HTTP: failed messages that a person has sent again.

import { z } from "zod";
import { type MessageState, retryableStates } from "../../domain/message.ts";
import { instantField, wordsField } from "./fields.ts";

const NAME_CHARACTERS_MAX = 200;
const REASONS_MAX = 50;

const states = [...retryableStates, "unknown"] as const satisfies readonly MessageState[];

/** The whole body may be left out. */
export const retryWish = z
  .strictObject({
    states: z.array(z.enum(states)).min(1).max(states.length).optional(),
    reasons: z.array(wordsField(NAME_CHARACTERS_MAX)).min(1).max(REASONS_MAX).optional(),
    account: wordsField(NAME_CHARACTERS_MAX).optional().describe("Where they failed."),
    since: instantField.optional().describe("Failed since then."),
    until: instantField.optional().describe("Failed before then."),
    through: wordsField(NAME_CHARACTERS_MAX)
      .optional()
      .describe("The account to send through; absent: those that had them."),
    includeUnknown: z
      .boolean()
      .optional()
      .describe("Also those that may have arrived. Somebody may get one twice."),
  })
  .nullable();

const retriedFields = z.object({
  accepted: z.int(),
  skipped: z.object({
    alreadyRetried: z.int(),
    suppressed: z.int(),
    mayHaveBeenSent: z.int(),
    refused: z.int().describe("No account takes them as they are, or their content was deleted."),
  }),
  refusals: z
    .array(z.object({ id: z.string(), reason: z.string() }))
    .describe("The first of the refused; the others are only counted."),
});

export const retriedMessages = retriedFields.meta({ id: "RetriedMessages" });
export const retriedCampaign = retriedFields
  .extend({ id: z.string().nullable().describe("The new campaign; null: nothing was left to send again.") })
  .meta({ id: "RetriedCampaign" });
