// Whether a person has opted out, as SQL: asked when a chunk is added, when attempts are opened and withheld, and
// before a call is repeated.
//
// The planner turns the call into an expression, reads the key once a statement and makes an anti join of the whole,
// so that a row costs one hash and one look into an index. An opening of 1,000 messages, on a busy machine with two
// cores: 26 to 40 ms without the check; the check itself 1 ms with nobody on the list, 4 ms with 150 people, 10 ms with
// 100,000 (EXPLAIN ANALYZE, which slows what it times).
// While nobody is on the list nobody's hash is made: 2 of the 40 us that a row's insert cost on the same machine.
// As `not (exempt or exists ...)` it is no anti join but a scan of the list for each message while the list is
// short: 30 ms more with 150 people.

import type { MessageClass } from "../domain/message.ts";
import { refusalsByWish } from "../domain/opt-out.ts";
import { ERASED } from "./erased.ts";

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
  return `exists (
            select from volley.suppression s
            where s.hash = case when (select exists (select from volley.suppression)) then ${hashOf(recipient)} end
              and not ${messageClass} = any(${exempt}::volley.message_class[]))`;
}

/**
 * A CTE that takes people onto the list whose provider refused them by their own wish. `moved` names a CTE with the
 * columns recipient, state and reason.
 */
export function suppressRefused(moved: string): string {
  return `suppressed as (
        insert into volley.suppression (hash, recipient, reason, source)
        select distinct on (p.hash) p.hash, m.recipient, m.reason, 'provider'
        from ${moved} m cross join lateral (select volley.recipient_hash(m.recipient) as hash) as p
        where m.state = 'rejected' and m.reason in (${refusalsByWish.map((reason) => `'${reason}'`)})
          and m.recipient <> '${ERASED}'
        order by p.hash
        on conflict (hash) do nothing
        returning hash, reason
      )`;
}

export function hashOf(recipient: string): string {
  return `volley.recipient_hash(${recipient}, (select key from volley.pepper))`;
}
