// [6] A reminder's row, as it was asked for, and what an occurrence of it is made of.

import type { MessageClass } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { ReminderDraft, ReminderKey } from "../domain/reminder.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { NewChunk } from "./add-chunk.ts";

/** One time that it comes: a chunk of one message. */
export type Occurrence = {
  readonly chunk: NewChunk;
  readonly dueAt: Date;
  /** In which its time is shown. */
  readonly zone: TimeZone | null;
};

/** Of `volley.reminder r`. */
export const DRAFT_COLUMNS =
  "r.key, r.recipient, r.text, r.class, r.sender, r.account, r.at, r.time_zone, r.repeat, r.expires_at, r.reference, r.metadata";

export type DraftRow = {
  key: ReminderKey;
  recipient: PhoneNumber;
  text: string;
  class: MessageClass;
  sender: string | null;
  account: string | null;
  at: string;
  time_zone: string | null;
  repeat: string | null;
  expires_at: string | null;
  reference: string | null;
  metadata: Record<string, string> | null;
};

export function toDraft(row: DraftRow): ReminderDraft {
  return {
    key: row.key,
    to: row.recipient,
    text: row.text,
    class: row.class,
    from: row.sender,
    account: row.account,
    at: row.at,
    timeZone: row.time_zone,
    repeat: row.repeat,
    expiresAt: row.expires_at,
    reference: row.reference,
    metadata: row.metadata,
  };
}

/** The parameters $1 to $13: the key, the fingerprint, and the columns after the key. */
export function draftValues(draft: ReminderDraft, fingerprint: Buffer): unknown[] {
  return [
    draft.key,
    fingerprint,
    draft.to,
    draft.text,
    draft.class,
    draft.from,
    draft.account,
    draft.at,
    draft.timeZone,
    draft.repeat,
    draft.expiresAt,
    draft.reference,
    draft.metadata === null ? null : JSON.stringify(draft.metadata),
  ];
}
