// Fields that several resources share: how they are written, checked and read.
//
// What comes in is turned into the domain's own types here, once; what goes out is plain JSON, so that an answer
// that was stored under an idempotency key is the same as the first one. No message repeats what was sent.

import { z } from "zod";
import { parsePhoneNumber } from "../../domain/phone-number.ts";
import { characterFault } from "../../domain/text-check.ts";

const PAGE_ROWS_DEFAULT = 50;
export const PAGE_ROWS_MAX = 500;
const CURSOR_CHARACTERS_MAX = 200;
const PHONE_CHARACTERS_MAX = 64;

/** An id of ours, in lower case. */
export function idField<Id extends string>() {
  return z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "It must be an id such as the API gives them.")
    .transform((text) => text.toLowerCase() as Id)
    .meta({ format: "uuid" });
}

/** Spaces, dashes and 00 for the plus are understood; without a country code it is no number. */
export const phoneField = z
  .string()
  .max(PHONE_CHARACTERS_MAX)
  .transform((text, context) => {
    const reading = parsePhoneNumber(text);
    if (reading.ok) return reading.number;
    context.addIssue({ code: "custom", message: reading.reason });
    return z.NEVER;
  })
  .meta({ description: "A phone number in international form.", example: "+46701740605" });

/** Something that people wrote: no control over its words, but it can be stored. */
export function wordsField(charactersMax: number) {
  return z
    .string()
    .min(1)
    .max(charactersMax)
    .superRefine((text, context) => {
      const fault = characterFault(text);
      if (fault !== null) context.addIssue({ code: "custom", message: `It ${fault}.` });
    });
}

/** An instant, with its offset or Z. */
export const instantField = z.iso
  .datetime({ offset: true, message: "It must be a time with its offset, such as 2026-12-24T09:00:00Z." })
  .transform((text) => new Date(text));

/** Going out. */
export const timeOut = z.iso.datetime();

/** A body that is written piece by piece; its form is not looked at. */
export const streamOut = z.unknown().meta({ type: "string" });

/** A whole number in a query, where everything is text. */
const limitField = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, `It must be a whole number from 1 to ${PAGE_ROWS_MAX}.`)
  .transform(Number)
  .refine((rows) => rows <= PAGE_ROWS_MAX, `It must be a whole number from 1 to ${PAGE_ROWS_MAX}.`)
  .default(PAGE_ROWS_DEFAULT)
  .meta({ description: `Rows a page, 1 to ${PAGE_ROWS_MAX}.` });

/** To be spread into the query of a list. */
export const pageQuery = {
  limit: limitField,
  cursor: z
    .string()
    .max(CURSOR_CHARACTERS_MAX)
    .optional()
    .describe("The `next` of the page before; it holds no meaning of its own."),
};

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    data: z.array(item),
    next: z.string().nullable().describe("The cursor of the next page; null on the last one."),
  });
}

/** Headers of a POST that creates something. */
export const onceHeaders = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "It must have 1 to 255 printable ASCII characters, without spaces.")
    .optional()
    .describe(
      "Chosen by you. For a day, the same key with the same request creates nothing new and gets the first answer.",
    ),
});
