// [6] Messages enter the ledger a chunk at a time.

import type { ChunkId } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import type { CampaignId, MessageClass, MessageId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { Queryable } from "../platform/postgres.ts";
import { roundOn } from "./rounds.ts";
import { type Exemption, isSuppressed } from "./suppressed.ts";

export type NewMessage = {
  readonly id: MessageId;
  readonly to: PhoneNumber;
  readonly position: number;
  readonly segments: number;
  /** A single message's own text; null in a campaign. */
  readonly text: Sensitive<string> | null;
  /** A campaign recipient's values in the order of the template's fields; null for a single message. */
  readonly values: readonly string[] | null;
  /** Not before. */
  readonly dueAt?: Date | undefined;
  /** Too late from then on. */
  readonly expiresAt?: Date | undefined;
  readonly reference?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
};

export type NewChunk = {
  readonly campaignId: CampaignId | null;
  /** Of its route, in order of preference; the first sends. */
  readonly accounts: readonly string[];
  readonly class: MessageClass;
  readonly sender: string | null;
  /** All its people live in these; empty: nobody knows. */
  readonly zones?: readonly TimeZone[];
  /** A released chunk waits all the same while none of its messages is due. */
  readonly state: "waiting" | "released";
  /** Of the draft as it was read; absent: nobody can have edited it meanwhile. */
  readonly edition?: number | undefined;
  readonly messages: readonly NewMessage[];
};

export type AddedChunk = {
  /** Null: nobody was left to send to. */
  readonly id: ChunkId | null;
  /** See ReleasedChunk; a campaign's chunks get theirs when they are released. */
  readonly round: number;
  readonly accepted: number;
  readonly suppressed: number;
  /** Accepted messages whose time is yet to come. */
  readonly scheduled: number;
};

/**
 * Inserts a chunk with its messages. A message whose id stands already is a duplicate and is left out, a
 * suppressed recipient too; a chunk that keeps nobody is not created. A campaign takes them only as a draft.
 */
export async function addChunk(
  db: Queryable,
  { exemptClasses }: Exemption,
  chunk: NewChunk,
): Promise<AddedChunk> {
  const { messages } = chunk;
  const { rows } = await db.query<AddedRow>({
    name: "add-chunk",
    text: ADD_CHUNK,
    values: [
      chunk.campaignId,
      chunk.accounts,
      chunk.class,
      chunk.sender,
      plainArray(messages.map((message) => message.id)),
      plainArray(messages.map((message) => message.to)),
      plainArray(messages.map((message) => message.position)),
      plainArray(messages.map((message) => message.segments)),
      columnOf(messages, (message) => message.text?.reveal()),
      columnOf(messages, ({ values }) => (values === null ? undefined : JSON.stringify(values))),
      chunk.state,
      exemptClasses,
      chunk.zones ?? [],
      columnOf(messages, (message) => message.dueAt),
      columnOf(messages, (message) => message.expiresAt),
      columnOf(messages, (message) => message.reference),
      columnOf(messages, ({ metadata }) => (metadata === undefined ? undefined : JSON.stringify(metadata))),
      chunk.edition ?? null,
    ],
  });
  const row = rows[0];
  if (row?.closed === true) {
    throw new VolleyError(
      "state_conflict",
      "Cannot add recipients: the campaign is not a draft any more, or was edited meanwhile.",
    );
  }
  return {
    id: row?.id ?? null,
    round: row?.round ?? 0,
    accepted: Number(row?.accepted ?? 0),
    suppressed: Number(row?.suppressed ?? 0),
    scheduled: Number(row?.scheduled ?? 0),
  };
}

/** Of UUIDs, E.164 numbers and integers, which hold nothing that an array would have to quote; the driver looks for it. */
function plainArray(values: readonly (string | number)[]): string {
  return `{${values.join(",")}}`;
}

/** Null when no message has it: an array without an element costs nothing on its way. */
function columnOf<T>(
  messages: readonly NewMessage[],
  read: (message: NewMessage) => T | undefined,
): (T | null)[] | null {
  const values = messages.map((message) => read(message) ?? null);
  return values.every((value) => value === null) ? null : values;
}

const ADD_CHUNK = `
  with next as materialized (select nextval('volley.chunk_id_seq') as id),
  -- Whoever starts the campaign waits for this statement, and counts its rows.
  draft as materialized (
    select id from volley.campaign
    where id = $1 and state = 'draft' and ($18::integer is null or edition = $18) for share
  ),
  given as (
    select * from unnest($5::uuid[], $6::text[], $7::integer[], $8::smallint[], $9::text[], $10::jsonb[],
        $14::timestamptz[], $15::timestamptz[], $16::text[], $17::jsonb[])
      as g (id, recipient, position, segments, text, field_values, due_at, expires_at, reference, metadata)
  ),
  wanted as (
    select *, coalesce(due_at > now(), false) as is_scheduled from given
    where ($1::uuid is null or exists (select from draft))
      and not ${isSuppressed({
        recipient: "given.recipient",
        messageClass: "$3::volley.message_class",
        exempt: "$12",
      })}
  ),
  accepted as (
    insert into volley.message (id, chunk_id, recipient, position, segments, text, field_values, state, due_at,
      expires_at, reference, metadata)
    select w.id, next.id, w.recipient, w.position, w.segments, w.text, w.field_values,
      case when w.is_scheduled then 'scheduled'::volley.message_state else 'queued' end,
      case when w.is_scheduled then w.due_at end, w.expires_at, w.reference, w.metadata
    from wanted w, next
    -- In one order everywhere, for two chunks that hold the same people would else wait for each other.
    order by w.id, w.position
    on conflict (id) do nothing
    returning due_at
  ),
  counted as (
    select count(*) as messages, count(due_at) as scheduled, min(coalesce(due_at, now())) as due_at from accepted
  ),
  chunk as (
    insert into volley.chunk (id, campaign_id, account, accounts, class, sender, zones, state, messages, scheduled,
      due_at, round)
    overriding system value
    select next.id, $1, ($2::text[])[1], $2, $3, $4, $13,
      case when c.due_at > now() then 'waiting' else $11::volley.chunk_state end, c.messages, c.scheduled, c.due_at,
      case when $1::uuid is null then ${roundOn("($2::text[])[1]")} else 0 end
    from next, counted c where c.messages > 0
    returning id, round
  )
  select (select id from chunk), (select round from chunk), c.messages as accepted, c.scheduled,
    ($1::uuid is not null and not exists (select from draft)) as closed,
    (select count(*) from given) - (select count(*) from wanted) as suppressed
  from counted c`;

type AddedRow = {
  id: ChunkId | null;
  round: number | null;
  accepted: string;
  suppressed: string;
  scheduled: string;
  closed: boolean;
};
