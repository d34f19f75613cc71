// [0] Requests that create something: once per Idempotency-Key, in the transaction that also keeps the answer.
//
// 202 or 201 means committed. What is to happen then (the queue is told, say) happens after the commit and is not
// waited for; when it does not happen at all, a sweep makes up for it.

import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { VolleyError } from "../domain/errors.ts";
import type { Creators, Ledger } from "../ledger/ledger.ts";
import { refuse } from "./problem.ts";

export type Creation<Body> = {
  /** JSON: what comes back must be the same when it was stored in between. */
  readonly body: Body;
  readonly afterCommit?: () => void;
};

type OnceRequest = Pick<FastifyRequest, "method" | "url" | "apiKey" | "body" | "headers">;

/**
 * Answers the body of what was created, now or by an earlier request under the same key. `create` must use the
 * ledger that it is given and no other connection, unless somebody bounds how many do so at once.
 */
export async function createOnce<Body>(
  ledger: Creators & Pick<Ledger, "idempotency">,
  { request, reply, status }: { request: OnceRequest; reply: FastifyReply; status: 200 | 201 | 202 },
  create: (ledger: Creators) => Promise<Creation<Body>>,
): Promise<Body> {
  const key = request.headers["idempotency-key"];
  if (key === undefined) {
    const { body, afterCommit } = await create(ledger);
    afterCommit?.();
    return body;
  }
  if (request.apiKey === null) throw refuse({ code: "unauthenticated" });
  const end = await ledger.idempotency.run(
    { owner: request.apiKey.id, keyHash: sha256(String(key)), fingerprint: fingerprintOf(request) },
    async (creators) => ({ status, ...(await create(creators)) }),
  );
  switch (end.kind) {
    case "done":
      end.answer.afterCommit?.();
      return end.answer.body;
    case "done-before":
      reply.header("idempotency-replayed", "true");
      // The same request made it, through this same route; the route's schema looks at it again.
      return end.answer.body as Body;
    case "other-request":
      throw new VolleyError(
        "idempotency_key_reused",
        "This idempotency key was used for another request. Choose a new key for a new request.",
      );
    default:
      return end satisfies never;
  }
}

/** Of the body as it was understood, so that spaces and the order of fields make no difference. */
function fingerprintOf({ method, url, body }: OnceRequest): Buffer {
  return sha256(JSON.stringify([method, url, body ?? null]));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
