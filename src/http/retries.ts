// [0] Retries: failed messages are sent again because a person says so, each once, however often it is asked for.
//
// So these POSTs take no idempotency key: the same request again finds nothing left. They walk through all that
// failed, a part at a time, and go on when their caller hangs up.

import { VolleyError } from "../domain/errors.ts";
import { type RetryRequest, retryCampaign, retryMessages } from "../intake/retry-failed.ts";
import { campaignParams } from "./contract/campaigns.ts";
import { retriedCampaign, retriedMessages, retryWish } from "./contract/retries.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { refuse } from "./problem.ts";

/** In one process; each uses a connection to the database at a time. */
const RETRIES_AT_ONCE_MAX = 4;
const DESCRIPTION =
  "Nobody gets anything twice: what may have arrived stays out, and of several requests each message is taken by " +
  "one. Takes as long as there are failed messages, some seconds for a hundred thousand.";

export function addRetries(api: Api, doors: ApiDoors): void {
  const { rules, enqueue, releaseCampaign } = doors;
  let running = 0;
  async function inTurn<T>(retry: () => Promise<T>): Promise<T> {
    if (running >= RETRIES_AT_ONCE_MAX) {
      throw refuse({
        code: "unavailable",
        detail: "Other retries are running. Try again when they are done.",
        headers: { "retry-after": "10" },
      });
    }
    running += 1;
    try {
      return await retry();
    } finally {
      running -= 1;
    }
  }

  api.post(
    "/campaigns/:id/retry-failed",
    {
      config: { scope: "campaigns:write" },
      schema: {
        summary: "Send again what failed, as a new campaign",
        description: DESCRIPTION,
        tags: ["campaigns"],
        params: campaignParams,
        body: retryWish,
        response: { 200: retriedCampaign },
      },
    },
    async ({ params: { id }, body }) => {
      const retried = await inTurn(() => retryCampaign(doors, id, checked(body), rules));
      if (retried.id !== null) releaseCampaign(retried.id);
      return { ...retried, refusals: [...retried.refusals] };
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
        body: retryWish,
        response: { 200: retriedMessages },
      },
    },
    async ({ body }) => {
      const { chunks, ...retried } = await inTurn(() => retryMessages(doors, checked(body), rules));
      // Not waited for: the sweep finds what the queue is not told of.
      if (chunks.length > 0) void enqueue.chunks(chunks).catch(() => undefined);
      return { ...retried, refusals: [...retried.refusals] };
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
