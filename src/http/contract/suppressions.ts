// Suppressions over HTTP: who is not written to, and why.

import { z } from "zod";
import { optOutSources } from "../../domain/opt-out.ts";
import { pageOf, pageQuery, phoneField, timeOut, wordsField } from "./fields.ts";

const REASON_CHARACTERS_MAX = 200;

export const suppression = z
  .object({
    number: z.string().nullable().describe("Null: erased. The suppression holds all the same."),
    reason: z.string(),
    source: z.enum(optOutSources).describe("Who said it."),
    createdAt: timeOut,
  })
  .meta({ id: "Suppression" });

export const suppressionPage = pageOf(suppression);
export const suppressionQuery = z.strictObject(pageQuery);
export const suppressionParams = z.object({ number: phoneField });

/** The whole body may be left out. */
export const newSuppression = z
  .strictObject({
    reason: wordsField(REASON_CHARACTERS_MAX).optional().describe("In a few words, and without the number."),
  })
  .nullable();

export const suppressed = z
  .object({
    number: z.string(),
    added: z.boolean().describe("False: this person was suppressed before."),
    suppressed: z.int().describe("Messages that waited for this person and were taken back."),
  })
  .meta({ id: "Suppressed" });
