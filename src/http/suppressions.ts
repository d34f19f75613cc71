// [0] Suppressions: the people who are not written to. The number stands in the path, so no path is ever logged.

import { z } from "zod";
import {
  newSuppression,
  suppressed,
  suppressionPage,
  suppressionParams,
  suppressionQuery,
} from "./contract/suppressions.ts";
import { createCursor } from "./cursor.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { notFound } from "./problem.ts";

const TAGS = ["suppressions"];
const DEFAULT_REASON = "added-by-hand";
const config = { scope: "suppressions:manage" } as const;

export function addSuppressions(api: Api, { ledger }: ApiDoors): void {
  const cursor = createCursor("suppressions", /^\d{1,16}-[0-9a-f]{64}$/);

  api.get(
    "/suppressions",
    {
      config,
      schema: {
        summary: "List who is not written to, newest first",
        tags: TAGS,
        querystring: suppressionQuery,
        response: { 200: suppressionPage },
      },
    },
    async ({ query: { limit, cursor: after } }) => {
      const page = await ledger.suppressions.list({ before: cursor.read(after), limit });
      const optOuts = page?.optOuts ?? [];
      return {
        data: optOuts.map((one) => ({ ...one, createdAt: one.createdAt.toISOString() })),
        next: cursor.write(page?.next ?? null),
      };
    },
  );

  api.put(
    "/suppressions/:number",
    {
      config,
      schema: {
        summary: "Do not write to this person",
        description: "When it is answered, nothing that has not left yet will leave. Safe to repeat.",
        tags: TAGS,
        params: suppressionParams,
        body: newSuppression,
        response: { 200: suppressed },
      },
    },
    async ({ params: { number }, body }) => {
      const reason = body?.reason ?? DEFAULT_REASON;
      const done = await ledger.suppressions.add([{ number, reason, source: "person", at: null }]);
      return { number, added: done.added === 1, suppressed: done.suppressed };
    },
  );

  api.delete(
    "/suppressions/:number",
    {
      config,
      schema: {
        summary: "Let this person be written to again",
        description: "Messages that were suppressed stay so.",
        tags: TAGS,
        params: suppressionParams,
        response: { 204: z.undefined().describe("Removed.") },
      },
    },
    async ({ params: { number } }, reply) => {
      if (!(await ledger.suppressions.remove(number))) throw notFound("suppression");
      return reply.code(204).send(undefined);
    },
  );
}
