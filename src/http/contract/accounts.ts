// Accounts over HTTP: how each stands, never its credentials.

import { z } from "zod";
import { wordsField } from "./fields.ts";

const NAME_CHARACTERS_MAX = 100;

export const token = z
  .object({
    generation: z.int(),
    ageMs: z.number(),
    remainingMs: z.number().describe("Negative: it is over."),
    lifeMs: z.number(),
  })
  .meta({ id: "Token", description: "The shared token's age; never the token itself." });

export const account = z
  .object({
    name: z.string(),
    provider: z.string(),
    from: z.string().nullable().describe("The sender of messages that name none."),
    limits: z.object({
      requestsPerSecond: z.number(),
      segmentsPerSecond: z.number().nullable(),
      inFlight: z.int(),
    }),
    today: z
      .object({
        messages: z.int(),
        messagesMax: z.int().nullable(),
        cost: z.string().describe("A decimal number in `currency`."),
        costMax: z.string().nullable(),
        currency: z.string().nullable(),
      })
      .nullable()
      .describe(
        "What a cap of the day counts since midnight UTC: what was sent or may have been, and what has leave to be " +
          "sent. Null: the account has no such cap.",
      ),
    health: z.enum(["ok", "degraded"]),
    degradedForMs: z.number().nullable(),
    coordination: z
      .enum(["ok", "unreachable"])
      .describe("unreachable: where tokens and limits are kept does not answer; they are null."),
    token: token.nullable().describe("Null as well for an account that logs in with a fixed key."),
    pause: z
      .object({ remainingMs: z.number(), reason: z.string().nullable() })
      .nullable()
      .describe("No call leaves before it is over: its circuit is open, or its provider asked for it."),
  })
  .meta({ id: "Account" });

export const accountList = z.object({ data: z.array(account), next: z.null() });
export const accountParams = z.object({ name: wordsField(NAME_CHARACTERS_MAX) });
