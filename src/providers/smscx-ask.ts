// [7] Asking SMS.CX for reports that did not come: one message by its `msgId`. Read on 2026-11-22:
//
//   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/ReportsApi.md (getSingleReport)
//   https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/DataReportCampaign.md
//
// A call's messages could be asked about together only by the `campaignId`, which we do not keep.

import type { Account } from "../domain/account.ts";
import type { AccountTrouble } from "../domain/outcome.ts";
import { isJsonObject, parseJsonObject } from "../platform/json.ts";
import { answerOf, nothingKnown } from "./asked-reports.ts";
import type { AskedMessage, HttpRequest, HttpResponse, ReportAnswer, ReportQuestions } from "./provider.ts";
import { httpReason, noAnswer } from "./reading.ts";
import { readNumber } from "./report-fields.ts";
import { hostOf, keyHeaders } from "./smscx-login.ts";
import { readReport } from "./smscx-reports.ts";

const forbiddenAdvice =
  'SMS.CX does not tell this account what became of its messages. Grant the application the scope "reports" in the SMS.CX panel (HTTP API, Applications), or the API key its rights.';

export const smscxQuestions: ReportQuestions = { messagesMax: 1, buildRequest, readResponse };

/** Null: a call that was answered by `duplicate_id` has no ids. */
function buildRequest([message]: readonly AskedMessage[], account: Account): HttpRequest | null {
  const id = message?.providerMessageId ?? null;
  if (id === null) return null;
  return {
    method: "GET",
    url: `${hostOf(account)}/reports/single/${encodeURIComponent(id)}`,
    headers: { ...keyHeaders(account), accept: "application/json" },
    body: null,
  };
}

function readResponse(response: HttpResponse, messages: readonly AskedMessage[]): ReportAnswer {
  // 1160: "Campaign ID or msg ID provided was not found"
  if (response.status === 404) return nothingKnown;
  if (response.status !== 200) return noAnswer(httpReason(response), troubleOf(response));
  const data = parseJsonObject(response.body)?.data;
  const report = isJsonObject(data) ? readReport(data, "updatedAt") : null;
  if (!isJsonObject(data) || report === null) return noAnswer("unreadable");
  const to = data.to === undefined ? null : readNumber(data.to);
  return answerOf(messages, [report], {
    ofMessage: (message) => (to === null || to === message.to ? message.providerMessageId : null),
    ofReport: ({ about }) => about.providerMessageId,
  });
}

function troubleOf(response: HttpResponse): AccountTrouble | null {
  switch (response.status) {
    case 401:
      return { kind: "token-rejected" };
    case 403:
      return { kind: "held", reason: httpReason(response), advice: forbiddenAdvice };
    case 429:
      return { kind: "throttled", retryAfterMs: null };
    default:
      return null;
  }
}
