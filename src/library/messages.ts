// `volley.messages`: single messages, from a program of your own.

import { isUuid } from "../domain/ids.ts";
import type { MessageClass, MessageId } from "../domain/message.ts";
import { acceptMessage, type MessageDraft } from "../intake/accept-message.ts";
import { acceptMessageOnce } from "../intake/accept-once.ts";
import { cancelMessage } from "../intake/cancel-message.ts";
import type { Message } from "../ledger/messages.ts";
import type { Parts } from "../parts.ts";
import { inBackground } from "./background.ts";
import { type Schedule, written } from "./schedule.ts";

export type SendMessage = Schedule & {
  /** In international form: +46701740605. */
  readonly to: string;
  readonly text: string;
  /** A sender number or name; absent: the account's own. */
  readonly from?: string;
  /** Default: transactional. What may be done when nobody knows whether it was sent. */
  readonly class?: MessageClass;
  /** Absent: the routes choose. */
  readonly account?: string;
  /** Not sent from then on; absent, with `sendAt`: four hours later. */
  readonly expiresAt?: string | Date;
  /** Your own words for it; they come back in answers. */
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type SentMessage = {
  readonly id: MessageId;
  readonly state: "queued" | "scheduled";
  readonly segments: number;
};

export type Messages = {
  /** When it resolves, the message is committed. The same key and message, within a day, sends nothing new. */
  readonly send: (
    message: SendMessage,
    options?: { readonly idempotencyKey?: string },
  ) => Promise<SentMessage>;
  /** Null: there is no such message. */
  readonly get: (id: string) => Promise<Message | null>;
  /** Before it is sent; safe to repeat. Throws `state_conflict` when it is too late. */
  readonly cancel: (id: string) => Promise<void>;
};

export function createMessages(parts: Parts): Messages {
  return {
    async send(message, { idempotencyKey: key } = {}) {
      const draft = toDraft(message);
      const { id, state, segments, chunk } = await (key === undefined
        ? acceptMessage(parts, draft, parts.rules)
        : acceptMessageOnce(parts, { owner: "library", key }, draft, parts.rules));
      if (chunk !== null) inBackground(parts.enqueue.chunks([chunk]));
      return { id, state, segments };
    },
    get: async (id) => (isUuid(id) ? parts.ledger.messages.find(id as MessageId) : null),
    cancel: (id) => cancelMessage(parts, id),
  };
}

function toDraft(message: SendMessage): MessageDraft {
  const { to, text, from, account, sendAt, timeZone, expiresAt, reference, metadata } = message;
  return {
    to,
    text,
    from: from ?? null,
    class: message.class ?? "transactional",
    account: account ?? null,
    time: { at: written(sendAt), zone: timeZone, expiresAt: written(expiresAt) },
    reference,
    metadata,
  };
}
