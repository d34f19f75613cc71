// Whether a person has opted out, as SQL: asked when a chunk is added, when attempts are opened and withheld, and
// before a call is repeated.
//
// The planner turns the call into an expression and reads the key once a statement, so that a row costs one
// hash and one look into an index. Opening 1,000 messages on one busy core: MEASURED.

import type { MessageClass } from "../domain/message.ts";

/** The reason of a message that was not sent because of it. */
export const OPTED_OUT = "opted-out";

/** The classes that reach people who opted out; none unless the configuration says so. */
export type Exemption = { readonly exemptClasses: readonly MessageClass[] };

/** `recipient` and `messageClass` name columns, `exempt` the parameter with the exempt classes. */
export function isSuppressed({
  recipient,
  messageClass,
  exempt,
}: {
  recipient: string;
  messageClass: string;
  exempt: `$${number}`;
}): string {
  return `(not ${messageClass} = any(${exempt}::volley.message_class[]) and exists (
            select from volley.suppression s where s.hash = ${hashOf(recipient)}))`;
}

export function hashOf(recipient: string): string {
  return `volley.recipient_hash(${recipient}, (select key from volley.pepper))`;
}
