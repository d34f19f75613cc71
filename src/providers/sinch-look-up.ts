// [5] Asking Sinch what became of a call: the list of batches, filtered by our reference.
//
//   https://developers.sinch.com/docs/sms/api-reference (List batches; read on 2026-11-22)

import type { Account } from "../domain/account.ts";
import { isJsonObject, parseJsonObject } from "../platform/json.ts";
import type { HttpRequest, HttpResponse, LookUp, LookUpAnswer, LookUpQuestion } from "./provider.ts";
import { httpReason, noAnswer } from "./reading.ts";
import { batchesUrl } from "./sinch-address.ts";
import { digitsOf, readBatch, troubleOf } from "./sinch-replies.ts";

/** Sinch keeps batches for 14 days; one day less, so that no question starts before that. */
const HISTORY_MS = 13 * 86_400_000;
/** How far before the attempt a look-up starts, for clocks that disagree. */
const LOOK_UP_EARLIER_MS = 3_600_000;
const LOOK_UP_PAGE_SIZE = 30;

export const sinchLookUp: LookUp = {
  sendsAgain: false,
  // A call is one batch, so any number of its messages is one question.
  messagesMax: 1_000,
  windowMs: HISTORY_MS,
  buildRequest: buildLookUp,
  readResponse: readLookUp,
};

function buildLookUp(question: LookUpQuestion, account: Account): HttpRequest {
  // Without start_date Sinch looks back 24 hours only.
  const query = new URLSearchParams({
    client_reference: question.callId,
    start_date: new Date(question.openedAt.getTime() - LOOK_UP_EARLIER_MS).toISOString(),
    page_size: String(LOOK_UP_PAGE_SIZE),
  });
  const url = `${batchesUrl(account)}?${query}`;
  return { method: "GET", url, headers: { accept: "application/json" }, body: null };
}

/**
 * Only a whole and sound list may say that Sinch does not have a message, because that lets it be sent again:
 * a batch that is not ours, a page that is not the last, or a count that disagrees proves nothing.
 */
function readLookUp(response: HttpResponse, question: LookUpQuestion): LookUpAnswer {
  const trouble = troubleOf(response);
  if (trouble !== null || response.status !== 200) return noAnswer(httpReason(response), trouble);
  const reply = parseJsonObject(response.body);
  const batches = reply?.batches;
  if (!Array.isArray(batches)) return noAnswer("unreadable");
  const count = reply?.count;
  if (count !== undefined && count !== batches.length) return noAnswer("incomplete-list");
  const found = new Map<string, string>();
  for (const item of batches) {
    const batch = isJsonObject(item) ? readBatch(item) : null;
    if (batch === null || batch.reference !== question.callId) return noAnswer("unreadable");
    for (const digits of batch.recipients) found.set(digits, batch.id);
  }
  return {
    kind: "answered",
    findings: question.messages.map(({ to }) => {
      const providerMessageId = found.get(digitsOf(to));
      return providerMessageId === undefined ? { kind: "absent" } : { kind: "accepted", providerMessageId };
    }),
  };
}
