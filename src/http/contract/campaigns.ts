// Campaigns over HTTP: one template to many people, from draft to its end.

import { z } from "zod";
import { campaignStates } from "../../domain/campaign.ts";
import { type CampaignId, messageStates } from "../../domain/message.ts";
import { parseCountry } from "../../domain/phone-number.ts";
import { idField, pageOf, pageQuery, timeOut, wordsField } from "./fields.ts";
import { classField, senderField } from "./messages.ts";

const NAME_CHARACTERS_MAX = 200;
const TEMPLATE_CHARACTERS_MAX = 4_000;
const TIME_CHARACTERS_MAX = 64;
/** More come as an upload, which is not held in memory. */
const RECIPIENTS_INLINE_MAX = 10_000;

const draftFields = {
  name: wordsField(NAME_CHARACTERS_MAX).describe("What people call it."),
  template: z
    .string()
    .min(1)
    .max(TEMPLATE_CHARACTERS_MAX)
    .meta({ description: "The text, with fields of the recipients.", example: "Hi {{name}}, we are open." }),
  class: classField.default("marketing"),
  from: senderField.optional(),
  account: wordsField(NAME_CHARACTERS_MAX).optional().describe("Instead of the routes'."),
  sendAt: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe("An instant (2026-12-24T09:00+01:00), or a local time in `timeZone` (2026-12-24T09:00)."),
  timeZone: wordsField(TIME_CHARACTERS_MAX)
    .optional()
    .describe("Of local times: an IANA name, or `recipient` for that of each number's country."),
};

export const newCampaign = z.strictObject({
  ...draftFields,
  recipients: z
    .array(z.looseObject({ to: z.string() }))
    .max(RECIPIENTS_INLINE_MAX)
    .optional()
    .describe("Each with `to` and the template's fields; `sendAt` and `timeZone` of its own if it has them."),
});

/** Nulls take a wish back. */
export const draftChange = z
  .strictObject({
    name: draftFields.name.optional(),
    template: draftFields.template.optional(),
    class: classField.optional(),
    from: senderField.nullable().optional(),
    account: draftFields.account.unwrap().nullable().optional(),
    sendAt: draftFields.sendAt.unwrap().nullable().optional(),
    timeZone: draftFields.timeZone.unwrap().nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: "Name what is to change." });

export const upload = z
  .object({
    accepted: z.int(),
    duplicates: z.int().describe("People who are in the campaign already."),
    suppressed: z.int().describe("People who opted out."),
    invalid: z.int(),
    errors: z
      .array(z.object({ row: z.int(), reason: z.string() }))
      .describe("The first hundred rows that were not taken, and why."),
  })
  .meta({ id: "Upload" });

const campaignFields = z.object({
  id: z.string(),
  name: z.string(),
  class: classField,
  from: z.string().nullable(),
  template: z.string(),
  account: z.string().nullable(),
  state: z.enum(campaignStates),
  reason: z.string().nullable().describe("Why it is paused, when nobody paused it."),
  sendAt: z.string().nullable(),
  timeZone: z.string().nullable(),
  retryOf: z
    .string()
    .nullable()
    .describe("The first campaign of its line, when it sends again what failed there."),
  total: z.int().describe("Messages; of a draft: none are counted yet."),
  duplicates: z.int(),
  suppressed: z.int(),
  invalid: z.int(),
  createdAt: timeOut,
  startAt: timeOut.nullable(),
  startedAt: timeOut.nullable(),
  finishedAt: timeOut.nullable(),
});
export const campaign = campaignFields.meta({ id: "Campaign" });

export const campaignProgress = campaignFields
  .extend({
    counts: z.partialRecord(z.enum(messageStates), z.int()).describe("Messages by state; none of a draft."),
    overdue: z.int().describe("Accepted, without a final report in their account's time."),
    rate: z.number().nullable().describe("Messages that left per second, over the last seconds."),
    secondsLeft: z.int().nullable().describe("At that rate; null while nobody can say."),
  })
  .meta({ id: "CampaignProgress" });

export const createdCampaign = campaignFields
  .extend({ upload: upload.nullable().describe("Null: no recipients were sent along.") })
  .meta({ id: "CreatedCampaign" });

export const campaignPage = pageOf(campaign);
export const campaignQuery = z.strictObject(pageQuery);
export const campaignParams = z.object({ id: idField<CampaignId>() });
export const movedCampaign = z
  .object({ id: z.string(), state: z.enum(campaignStates) })
  .meta({ id: "MovedCampaign" });

export const deletedCampaign = z
  .object({
    id: z.string(),
    deleted: z
      .boolean()
      .describe("False: it is large, and goes on being deleted. It shows as cancelled until then."),
  })
  .meta({ id: "DeletedCampaign" });

export const exportQuery = z.strictObject({ state: z.enum(messageStates).optional() });

export const uploadQuery = z.strictObject({
  column: wordsField(NAME_CHARACTERS_MAX)
    .optional()
    .describe("CSV: the column of the numbers, where its name does not say so."),
  sendAtColumn: wordsField(NAME_CHARACTERS_MAX).optional().describe("CSV: of each recipient's own time."),
  timeZoneColumn: wordsField(NAME_CHARACTERS_MAX).optional().describe("CSV: of each recipient's own zone."),
  country: z
    .string()
    .transform((text, context) => {
      const reading = parseCountry(text);
      if (reading.ok) return reading.country;
      context.addIssue({ code: "custom", message: reading.reason });
      return z.NEVER;
    })
    .optional()
    .meta({ description: "Of numbers without a country code.", example: "SE" }),
});
