// [7] Asking Infobip for reports that did not come: the logs of the last 48 hours, whose entries say status and error
// as a report does. Read on 2026-11-22:
//
//   https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports
//
// Not the reports endpoint: it hands out each report once, and takes it away from whoever waits for it.

import type { Account } from "../domain/account.ts";
import { answerOf } from "./asked-reports.ts";
import { buildLogsRequest, LOG_MESSAGES_MAX } from "./infobip-logs.ts";
import { infobipMessageId } from "./infobip-message-id.ts";
import { troubleOf } from "./infobip-refusals.ts";
import { readReports } from "./infobip-reports.ts";
import type { AskedMessage, HttpRequest, HttpResponse, ReportAnswer, ReportQuestions } from "./provider.ts";
import { httpReason, noAnswer } from "./reading.ts";

export const infobipQuestions: ReportQuestions = {
  messagesMax: LOG_MESSAGES_MAX,
  buildRequest,
  readResponse,
};

const idOf = ({ messageId, callId }: AskedMessage) => infobipMessageId(messageId, callId);

function buildRequest(messages: readonly AskedMessage[], account: Account): HttpRequest {
  return buildLogsRequest(messages.map(idOf), account);
}

function readResponse(response: HttpResponse, messages: readonly AskedMessage[]): ReportAnswer {
  const trouble = troubleOf(response);
  if (trouble !== null || response.status !== 200) return noAnswer(httpReason(response), trouble);
  const reading = readReports(response.body);
  if (reading === null) return noAnswer("unreadable");
  return answerOf(messages, reading.reports, {
    ofMessage: idOf,
    ofReport: ({ about }) => about.providerMessageId,
  });
}
