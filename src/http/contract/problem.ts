// What every refusal of the API looks like (RFC 9457), and the stable codes that programs may branch on.

import { z } from "zod";

/** Code -> status and title. Codes are never renamed; new ones may come. */
export const problemCodes = {
  invalid_request: { status: 400, title: "The request is not valid" },
  malformed_json: { status: 400, title: "The body is not JSON in UTF-8" },
  unauthenticated: { status: 401, title: "No valid API key" },
  scope_required: { status: 403, title: "The API key lacks a scope" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  too_slow: { status: 408, title: "The body did not come in time" },
  state_conflict: { status: 409, title: "Not possible in this state" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  idempotency_key_reused: { status: 422, title: "The idempotency key was used for another request" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal_error: { status: 500, title: "A fault of Volley" },
  provider_failed: { status: 502, title: "The provider refused or could not be reached" },
  unavailable: { status: 503, title: "Not available at the moment" },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemCode = keyof typeof problemCodes;

const codes = Object.keys(problemCodes) as [ProblemCode, ...ProblemCode[]];

export const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int(),
    code: z.enum(codes).describe("Stable; made for programs."),
    detail: z.string().optional().describe("A sentence for people."),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe("What is wrong with single fields of the body, the query, the path or the headers."),
  })
  .meta({ id: "Problem", description: "RFC 9457, application/problem+json." });
export type Problem = z.output<typeof problemSchema>;
export type FieldFault = NonNullable<Problem["errors"]>[number];
