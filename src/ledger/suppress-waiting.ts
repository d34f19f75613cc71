// [6] An opt-out takes back what still waits for its person: `scheduled` and `queued` become `suppressed`.
//
// It meets openings of the same messages, and whoever locks a message's row first wins. An opening that comes
// second waits, finds the row no longer `queued` and opens nothing. One that came first sends: it had its permission
// before the opt-out was complete, so that is in flight. Messages that become `queued` later cannot be opened
// either: whoever sees them in that state also sees the opt-out.
//
// Openings lock many rows in an order of their own. So that the two never wait for each other in a circle, the
// first pass skips rows that are locked; what it skipped is waited for afterwards, one row at a time, holding none.

import type { Pool, PoolClient } from "pg";
import type { MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { countMoves } from "./count-moves.ts";
import { type Exemption, OPTED_OUT } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type Suppressor = Exemption & { readonly slot: number };

/** In this order, so that a message which is released in between is met in its second state. */
const waitingStates = ["scheduled", "queued"] as const;

/** Whatever no opening holds at this moment, for the transaction that stores the opt-out. Answers how many. */
export async function suppressWaiting(
  client: PoolClient,
  people: readonly PhoneNumber[],
  { slot, exemptClasses }: Suppressor,
): Promise<number> {
  let messages = 0;
  for (const from of waitingStates) {
    const { rowCount } = await client.query(suppress(from, "m.recipient = any($1::text[])", "skip locked"), [
      people,
      exemptClasses,
      slot,
    ]);
    messages += rowCount ?? 0;
  }
  return messages;
}

/** The rest, when the opt-out is committed: after it, no attempt is committed for these people any more. */
export async function suppressRest(
  pool: Pool,
  people: readonly PhoneNumber[],
  { slot, exemptClasses }: Suppressor,
): Promise<number> {
  let messages = 0;
  for (;;) {
    const { rows } = await pool.query<{ id: MessageId; state: (typeof waitingStates)[number] }>(
      `${SELECT_WAITING} and m.recipient = any($1::text[]) and m.state = any($3::volley.message_state[]) limit 1`,
      [people, exemptClasses, waitingStates],
    );
    const [held] = rows;
    if (held === undefined) return messages;
    const { rowCount } = await pool.query(suppress(held.state, "m.id = $1::uuid", ""), [
      held.id,
      exemptClasses,
      slot,
    ]);
    messages += rowCount ?? 0;
  }
}

/** Not those of a draft: it may be discarded with all its rows, and nothing of it is sent before it is started. */
const SELECT_WAITING = `
  select m.id, m.state, c.campaign_id
  from volley.message m
  join volley.chunk c on c.id = m.chunk_id
  left join volley.campaign k on k.id = c.campaign_id
  where not c.class = any($2::volley.message_class[]) and (k.id is null or k.state <> 'draft')`;

function suppress(from: (typeof waitingStates)[number], whose: string, locked: "" | "skip locked"): string {
  return `
    with held as (
      ${SELECT_WAITING} and ${whose} and m.state = '${from}'
      order by m.id for update of m ${locked}
    ),
    moved as (
      update volley.message m
      set state = 'suppressed', reason = '${OPTED_OUT}', changed_at = now(), due_at = null
      from held where m.id = held.id and m.state = '${from}'
      returning m.id, m.state, m.reason, held.campaign_id
    ),
    ${countMoves({ from, moved: "moved", slot: "$3" })},
    ${writeMessageEvents({ moved: "moved" })}
    select from moved`;
}
