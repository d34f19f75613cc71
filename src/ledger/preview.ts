// [6] What a campaign holds, measured by the database: a million messages are one scan, and what leaves it is a row for
// each kind of them. Nothing here is kept.

import type { Pool, PoolClient } from "pg";
import type { StoredMessage } from "../domain/batch.ts";
import type { CampaignId } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { GSM_CHARACTERS } from "../domain/sms-text.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { Queryable } from "../platform/postgres.ts";
import { MESSAGE_COLUMNS, type MessageRow, toStoredMessage } from "./stored-message.ts";

/** Messages of one account and zone whose numbers start alike. */
export type MessageGroup = {
  readonly account: string;
  readonly zones: readonly TimeZone[];
  /** What their numbers start with, and one of them. */
  readonly head: string;
  readonly example: PhoneNumber;
  readonly messages: number;
  readonly segments: number;
  /** Of more than one segment. */
  readonly long: number;
  /** Whose own values are not in the SMS alphabet. */
  readonly foreign: number;
  /** Those that are still to be sent. */
  readonly open: { readonly messages: number; readonly segments: number };
  /** Null: some of them may leave at once. */
  readonly firstDueMs: number | null;
  readonly lastDueMs: number | null;
};

/** Enough to tell the countries that share a calling code: Guernsey's +44 7781. */
const HEAD_CHARACTERS_MIN = 7;
const CHARACTERS_MAX = 20;
/** Of messages that are looked through for characters. */
const SEARCHED_MAX = 50_000;
const FIRST_SAMPLES = 2;
/** Rows come as fast as a file is read; one that stands still for so long is given up. */
const TRIAL_IDLE_MS_MAX = 600_000;

export function createPreview(db: Queryable) {
  return {
    groups: (id: CampaignId, headCharacters: number) =>
      readGroups(db, id, { headCharacters, alphabet: true }),

    /** The characters that people's values bring along and the SMS alphabet lacks, the most frequent first. */
    async foreignCharacters(id: CampaignId): Promise<{ character: string; messages: number }[]> {
      const { rows } = await db.query<{ character: string; messages: string }>(FOREIGN_CHARACTERS, [
        id,
        FOREIGN,
        SPEAKABLE,
        SEARCHED_MAX,
        CHARACTERS_MAX,
      ]);
      return rows.map(({ character, messages }) => ({ character, messages: Number(messages) }));
    },

    /** The longest message, and the first of the file. */
    async samples(id: CampaignId): Promise<StoredMessage[]> {
      const { rows } = await db.query<MessageRow>(SAMPLES, [id, FIRST_SAMPLES]);
      return rows.map(toStoredMessage);
    },
  };
}

/** Without `alphabet` nobody looks at what the messages say, and all are in it. */
export async function readGroups(
  db: Queryable,
  id: CampaignId,
  { headCharacters, alphabet }: { readonly headCharacters: number; readonly alphabet: boolean },
): Promise<MessageGroup[]> {
  const { rows } = await db.query<GroupRow>(GROUPS, [
    id,
    Math.max(HEAD_CHARACTERS_MIN, headCharacters),
    alphabet ? FOREIGN : null,
  ]);
  return rows.map((row) => ({
    account: row.account,
    zones: row.zones,
    head: row.head,
    example: row.example,
    messages: Number(row.messages),
    segments: Number(row.segments),
    long: Number(row.long),
    foreign: Number(row.foreign_messages),
    open: { messages: Number(row.open_messages), segments: Number(row.open_segments) },
    firstDueMs: row.first_due_ms,
    lastDueMs: row.last_due_ms,
  }));
}

/** Work on a transaction that is always rolled back, also when its process dies. */
export async function inTrial<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query(`set local idle_in_transaction_session_timeout = ${TRIAL_IDLE_MS_MAX}`);
    const result = await work(client);
    await client.query("rollback");
    client.release();
    return result;
  } catch (error) {
    // The session's end rolls back, whatever state it is in.
    client.release(true);
    throw error;
  }
}

/**
 * Patterns over the JSON text of the values, whose own marks are in the alphabet. JSON writes control characters as
 * escapes: those that the alphabet lacks count, too.
 */
const SPEAKABLE_SET = [...GSM_CHARACTERS]
  .map((one) => (/[!-/:-@[-`{-~]/.test(one) ? `\\${one}` : one))
  .join("");
const SPEAKABLE = `[${SPEAKABLE_SET}]`;
const FOREIGN = `[^${SPEAKABLE_SET}]|(^|[^\\\\])(\\\\\\\\)*\\\\([bt]|u00)`;

const WORDS = "coalesce(m.text, m.field_values::text)";

/** By chunk first, which is a third cheaper than to hash a list of zones for each message. */
const GROUPS = `
  with counted as (
    select m.chunk_id, left(m.recipient, $2) collate "C" as head, min(m.recipient collate "C") as example,
      count(*) as messages, sum(m.segments) as segments, count(*) filter (where m.segments > 1) as long,
      count(*) filter (where ${WORDS} ~ $3) as foreign_messages,
      count(*) filter (where m.state in ('scheduled', 'queued')) as open_messages,
      sum(m.segments) filter (where m.state in ('scheduled', 'queued')) as open_segments,
      min(m.due_at) filter (where m.state = 'scheduled') as first_due_at,
      max(m.due_at) filter (where m.state = 'scheduled') as last_due_at,
      bool_or(m.state = 'queued') as some_at_once
    from volley.chunk c join volley.message m on m.chunk_id = c.id
    where c.campaign_id = $1
    group by m.chunk_id, 2
  )
  select c.account, c.zones, g.head, min(g.example) as example, sum(g.messages) as messages,
    sum(g.segments) as segments, sum(g.long) as long, sum(g.foreign_messages) as foreign_messages,
    sum(g.open_messages) as open_messages, coalesce(sum(g.open_segments), 0) as open_segments,
    case when not bool_or(g.some_at_once) then floor(extract(epoch from min(g.first_due_at)) * 1000)::float8 end
      as first_due_ms,
    floor(extract(epoch from max(g.last_due_at)) * 1000)::float8 as last_due_ms
  from counted g join volley.chunk c on c.id = g.chunk_id
  group by c.account, c.zones, g.head`;

const FOREIGN_CHARACTERS = `
  with searched as materialized (
    select ${WORDS} as words from volley.chunk c join volley.message m on m.chunk_id = c.id
    where c.campaign_id = $1 and ${WORDS} ~ $2
    limit $4
  )
  select character, count(*) as messages from searched
  cross join lateral (
    select distinct character from unnest(string_to_array(regexp_replace(words, $3, '', 'g'), null)) as character
  ) as one
  group by character order by count(*) desc, character collate "C" limit $5`;

const SAMPLES = `
  (select ${MESSAGE_COLUMNS} from volley.chunk c join volley.message m on m.chunk_id = c.id
   where c.campaign_id = $1
   order by m.segments desc, pg_column_size(m.field_values) desc, m.id limit 1)
  union all
  (select ${MESSAGE_COLUMNS}
   from (select id from volley.chunk where campaign_id = $1 order by id limit 1) c
   join volley.message m on m.chunk_id = c.id
   order by m.position, m.id limit $2)`;

type GroupRow = {
  account: string;
  zones: TimeZone[];
  head: string;
  example: PhoneNumber;
  messages: string;
  segments: string;
  long: string;
  foreign_messages: string;
  open_messages: string;
  open_segments: string;
  first_due_ms: number | null;
  last_due_ms: number | null;
};
