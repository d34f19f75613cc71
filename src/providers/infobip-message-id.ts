// The id that Infobip is told for a message: ours and the call's, joined by a dot (73 characters of 200).
//
// One id an attempt, because Infobip refuses an id that it has seen (status 23), also after an attempt that it
// did not carry out. Replies, logs and delivery reports repeat it, so each of them names both.

import { isUuid } from "../domain/ids.ts";
import type { CallId, MessageId } from "../domain/message.ts";

const SEPARATOR = ".";

export function infobipMessageId(message: MessageId, call: CallId): string {
  return `${message}${SEPARATOR}${call}`;
}

/** Null: the id has not our form, as of a message that somebody else sent through the same account. */
export function parseInfobipMessageId(
  text: string,
): { readonly messageId: MessageId; readonly callId: CallId } | null {
  const [message, call, ...more] = text.split(SEPARATOR);
  if (message === undefined || call === undefined || more.length > 0) return null;
  if (!isUuid(message) || !isUuid(call)) return null;
  return { messageId: message as MessageId, callId: call as CallId };
}
