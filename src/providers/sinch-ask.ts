// [7] Asking Sinch for reports that did not come: one report about the whole batch, with the recipients of each
// status. Read on 2026-11-22:
//
//   https://developers.sinch.com/docs/sms/api-reference (Retrieve a delivery report)
//
// "Delivery reports can be retrieved even if no callback was requested." A single recipient could be asked about as
// well, but with the phone number in the path, where every proxy would log it.

import type { Account } from "../domain/account.ts";
import type { Report } from "../domain/report.ts";
import { answerOf, nothingKnown } from "./asked-reports.ts";
import type { AskedMessage, HttpRequest, HttpResponse, ReportAnswer, ReportQuestions } from "./provider.ts";
import { httpReason, noAnswer } from "./reading.ts";
import { batchesUrl } from "./sinch-address.ts";
import { troubleOf } from "./sinch-replies.ts";
import { readReports } from "./sinch-reports.ts";

export const sinchQuestions: ReportQuestions = {
  // A call is one batch, so any number of its messages is one question.
  messagesMax: 1_000,
  buildRequest,
  readResponse,
};

function buildRequest(messages: readonly AskedMessage[], account: Account): HttpRequest | null {
  const batchId = batchOf(messages);
  if (batchId === null) return null;
  return {
    method: "GET",
    url: `${batchesUrl(account)}/${encodeURIComponent(batchId)}/delivery_report?type=full`,
    headers: { accept: "application/json" },
    body: null,
  };
}

function readResponse(response: HttpResponse, messages: readonly AskedMessage[]): ReportAnswer {
  // Sinch has no such batch, or not any more: it keeps them for 14 days.
  if (response.status === 404) return nothingKnown;
  const trouble = troubleOf(response);
  if (trouble !== null || response.status !== 200) return noAnswer(httpReason(response), trouble);
  const reading = readReports(response.body);
  if (reading === null) return noAnswer("unreadable");
  const batchId = batchOf(messages);
  // A report about somebody else's batch, from a confused proxy, is none about ours.
  const isOurs = ({ about }: Report) =>
    about.providerMessageId === batchId &&
    (about.callId === null || messages.some(({ callId }) => callId === about.callId));
  if (!reading.reports.every(isOurs)) return noAnswer("other-reference");
  return answerOf(messages, reading.reports, {
    ofMessage: ({ providerMessageId, to }) => (providerMessageId === batchId ? to : null),
    ofReport: ({ about }) => about.to,
  });
}

/** The batch of the question; a message of another one, or of none that we know, is not asked about. */
function batchOf(messages: readonly AskedMessage[]): string | null {
  return messages.find(({ providerMessageId }) => providerMessageId !== null)?.providerMessageId ?? null;
}
