// A campaign's preview over HTTP: what it would be, before it is started.

import { z } from "zod";
import { timeOut } from "./fields.ts";

const cost = z
  .object({
    amount: z
      .string()
      .regex(/^\d+\.\d{2,6}$/)
      .describe("Exact, as a decimal number."),
    unpriced: z.int().describe("Messages that have no price and are left out."),
  })
  .meta({ id: "Cost", description: "In the preview's currency." });

const shareFields = { messages: z.int(), segments: z.int(), cost: cost.nullable() };

export const preview = z
  .object({
    ...shareFields,
    currency: z
      .string()
      .nullable()
      .describe("ISO 4217. Null: no prices are configured, and every cost is null."),
    long: z.int().describe("Messages of more than one segment."),
    ucs2: z
      .object({
        messages: z.int(),
        template: z.array(z.string()).describe("Characters of the template that force it on every message."),
        values: z
          .array(z.object({ character: z.string(), messages: z.int() }))
          .describe("The most frequent ones that recipients' values bring along."),
      })
      .describe("Messages that need UCS-2, where a segment takes 70 characters instead of 160."),
    countries: z.array(
      z.object({ country: z.string().nullable(), callingCode: z.string().nullable(), ...shareFields }),
    ),
    accounts: z.array(z.object({ name: z.string(), ...shareFields })),
    samples: z
      .array(z.object({ text: z.string(), encoding: z.enum(["gsm-7", "ucs-2"]), segments: z.int() }))
      .describe("As people would read them, the longest first."),
    startsAt: timeOut,
    finishesAt: timeOut
      .nullable()
      .describe(
        "By limits, caps and quiet hours, if nothing else were sent. Null: nothing is left, or nobody can say.",
      ),
    warnings: z.array(z.string()).describe("Sentences for people."),
  })
  .meta({ id: "Preview" });
