// What every provider's answer about overdue messages has in common: it counts only for messages that were asked
// about, only where it is final, and only where it says one thing.

import type { Report } from "../domain/report.ts";
import type { AskedMessage, ReportAnswer } from "./provider.ts";

/**
 * `said` may hold strangers and doubles; the keys tell whose a report is. What is pending moves nothing and would
 * be stored at every question, so it is left out. A message that is told in two ways is told in none.
 */
export function answerOf(
  messages: readonly AskedMessage[],
  said: readonly Report[],
  keys: {
    readonly ofMessage: (message: AskedMessage) => string | null;
    readonly ofReport: (report: Report) => string | null;
  },
): ReportAnswer {
  const byKey = Map.groupBy(said, keys.ofReport);
  const reports = messages.flatMap((message): Report[] => {
    const key = keys.ofMessage(message);
    const told = key === null ? [] : (byKey.get(key) ?? []);
    const [first, ...others] = told.filter(({ state }) => state !== "pending");
    if (first === undefined || others.some(({ state }) => state !== first.state)) return [];
    const { messageId, callId, providerMessageId, to } = message;
    return [{ ...first, about: { messageId, callId, providerMessageId, to } }];
  });
  return { kind: "answered", reports };
}

/** The provider has no word of them, or none that it could be asked by. */
export const nothingKnown: ReportAnswer = { kind: "answered", reports: [] };
