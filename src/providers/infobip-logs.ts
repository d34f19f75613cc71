// [5] Where Infobip's logs of an account are asked, and how many messages fit into a question: the look-up of an
// unknown and the question after an overdue report are one and the same request.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import type { HttpRequest } from "./provider.ts";

/** 25 ids and their commas are 1849 of the 2048 characters that `messageId` may have. */
export const LOG_MESSAGES_MAX = 25;
export const LOG_ENTRIES_MAX = 1_000;

/** `ids`: as infobip-message-id.ts makes them, which need no escaping. */
export function buildLogsRequest(ids: readonly string[], account: Account): HttpRequest {
  return {
    method: "GET",
    url: `${baseUrl(account)}/sms/3/logs?messageId=${ids.join(",")}&limit=${LOG_ENTRIES_MAX}`,
    headers: { accept: "application/json" },
    body: null,
  };
}

export function baseUrl({ name, baseUrl }: Account): string {
  assert(baseUrl !== null, `Account ${name} has no baseUrl; the configuration was to check that.`);
  return baseUrl;
}
