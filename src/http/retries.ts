// [0] Retries: failed messages are sent again because a person says so, each once, however often it is asked for.
//
// They walk through all that failed, a part at a time, and go on when their caller hangs up. What is retried is
// committed part by part, beside the transaction that keeps the answer for an idempotency key: when a process dies in
// between, the same request again retries the rest, and nobody twice. Whoever sends no key is as safe, only the answer differs.

import { VolleyError } from "../domain/errors.ts";
import { type RetryRequest, retryCampaign, retryMessages } from "../intake/retry-failed.ts";
import { createAtOnce } from "./at-once.ts";
import { campaignParams } from "./contract/campaigns.ts";
import { onceHeaders } from "./contract/fields.ts";
import { retriedCampaign, retriedMessages, retryWish } from "./contract/retries.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { createOnce } from "./once.ts";

/** In one process; each uses a connection to the database at a time, and one more under an idempotency key. */
const RETRIES_AT_ONCE_MAX = 4;
const DESCRIPTION =
  "Nobody gets anything twice: what may have arrived stays out, and of several requests each message is taken by " +
  "one. Takes as long as there are failed messages, some seconds for a hundred thousand.";

export function addRetries(api: Api, doors: ApiDoors): void {
  const { rules, enqueue, releaseCampaign } = doors;
  const inTurn = createAtOnce(RETRIES_AT_ONCE_MAX, {
    detail: "Other retries are running. Try again when they are done.",
    retryAfterSeconds: 10,
  });

  api.post(
    "/campaigns/:id/retry-failed",
    {
      config: { scope: "campaigns:write" },
      schema: {
        summary: "Send again what failed, as a new campaign",
        description: DESCRIPTION,
        tags: ["campaigns"],
        headers: onceHeaders,
        params: campaignParams,
        body: retryWish,
        response: { 200: retriedCampaign },
      },
    },
    async (request, reply) => {
      const retry = async () => {
        const retried = await retryCampaign(doors, request.params.id, checked(request.body), rules);
        const { id } = retried;
        return {
          body: { ...retried, refusals: [...retried.refusals] },
          ...(id === null ? {} : { afterCommit: () => releaseCampaign(id) }),
        };
      };
      return inTurn(() => createOnce(doors.ledger, { request, reply, status: 200 }, retry));
    },
  );

  api.post(
    "/messages/retry-failed",
    {
      config: { scope: "messages:send" },
      schema: {
        summary: "Send again what failed outside of campaigns",
        description: DESCRIPTION,
        tags: ["messages"],
        headers: onceHeaders,
        body: retryWish,
        response: { 200: retriedMessages },
      },
    },
    async (request, reply) => {
      const retry = async () => {
        const { chunks, ...retried } = await retryMessages(doors, checked(request.body), rules);
        // Not waited for: the sweep finds what the queue is not told of.
        const tellQueue = () => void enqueue.chunks(chunks).catch(() => undefined);
        return {
          body: { ...retried, refusals: [...retried.refusals] },
          ...(chunks.length === 0 ? {} : { afterCommit: tellQueue }),
        };
      };
      return inTurn(() => createOnce(doors.ledger, { request, reply, status: 200 }, retry));
    },
  );
}

function checked(wish: RetryRequest | null): RetryRequest {
  const { since, until } = wish ?? {};
  if (since !== undefined && until !== undefined && until <= since) {
    const message = "It comes before `since`.";
    throw new VolleyError("usage", `Cannot retry: until: ${message}`, {
      details: { faults: [{ path: "until", message }] },
    });
  }
  return wish ?? {};
}
