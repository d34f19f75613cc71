// [6] A message's row as the sending steps read it.

import type { StoredMessage } from "../domain/batch.ts";
import type { MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { sensitive } from "../domain/sensitive.ts";

/** Of `volley.message m`. */
export const MESSAGE_COLUMNS =
  "m.id, m.recipient, m.text, m.field_values, m.segments, m.attempts, m.deferrals";

export type MessageRow = {
  id: MessageId;
  recipient: PhoneNumber;
  text: string | null;
  field_values: string[] | null;
  segments: number;
  attempts: number;
  deferrals: number;
};

export function toStoredMessage(row: MessageRow): StoredMessage {
  return {
    id: row.id,
    to: row.recipient,
    text: row.text === null ? null : sensitive(row.text),
    values: (row.field_values ?? []).map((value) => sensitive(value)),
    segments: row.segments,
    attempts: row.attempts,
    deferrals: row.deferrals,
  };
}
