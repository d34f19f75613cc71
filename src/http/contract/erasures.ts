// Erasures over HTTP: what went, in figures only.

import { z } from "zod";
import { phoneField } from "./fields.ts";

export const newErasure = z.strictObject({ number: phoneField });

export const erasure = z
  .object({
    messages: z.int().describe("Ended messages that no longer name the person."),
    cancelled: z.int().describe("Of these: those that waited, and were taken back for it."),
    drafted: z.int().describe("Taken out of drafts."),
    posts: z.int().describe("Requests of providers whose bodies held the number."),
  })
  .meta({ id: "Erasure" });
