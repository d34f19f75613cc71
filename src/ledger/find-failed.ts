// [6] Failed messages as a retry finds them: a walk through chunks in bounded parts, and of each message what is to
// be known before it may be sent again.

import type { Pool } from "pg";
import type { ChunkId } from "../domain/campaign.ts";
import type { CampaignId, MessageClass, MessageId, MessageState } from "../domain/message.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import { type Exemption, isSuppressed } from "./suppressed.ts";

export type RetryFilter = {
  readonly states: readonly MessageState[];
  /** Empty: all. */
  readonly reasons: readonly string[];
  /** Where it failed. */
  readonly account: string | null;
  /** When it came into its state. */
  readonly since: Date | null;
  readonly until: Date | null;
};

/** A message that the filter meets, and all that is to be known before it is sent again. */
export type FailedMessage = {
  readonly id: MessageId;
  /** Erased: not a number any more. */
  readonly to: string;
  readonly text: Sensitive<string> | null;
  /** Null: a single message, or its content was deleted. */
  readonly values: readonly Sensitive<string>[] | null;
  readonly class: MessageClass;
  readonly sender: string | null;
  /** Of its route, in order of preference. */
  readonly accounts: readonly string[];
  readonly zones: readonly TimeZone[];
  readonly isRetried: boolean;
  readonly isSuppressed: boolean;
  /** no: provably not received. maybe: one of its attempts may have sent it. yes: it was delivered after all. */
  readonly wasReceived: "no" | "maybe" | "yes";
};

/** A part of a walk through chunks; null as `whose` walks through the single messages. */
export type Walk = {
  readonly whose: CampaignId | null;
  /** Null: from the first one on. */
  readonly after: ChunkId | null;
  /** Null: there is none. */
  readonly last: ChunkId | null;
};

const BEFORE_ALL_CHUNKS = 0;
/** Single messages have a chunk each, or a thousand share one: whichever bound is met first ends a part. */
const PART_CHUNKS = 5_000;
const PART_MESSAGES = 20_000;

export function createFailedMessages(pool: Pool, { exemptClasses }: Exemption) {
  return {
    /** Retries go into chunks after this one: a walk that ends here does not meet its own. */
    async lastChunk(whose: CampaignId | null): Promise<ChunkId | null> {
      const { rows } = await pool.query<{ id: ChunkId | null }>(
        `select max(id) as id from volley.chunk where ${ofCampaign(whose)}`,
        whose === null ? [] : [whose],
      );
      return rows[0]?.id ?? null;
    },

    /** The next part of a walk; null: it is at its end. */
    async nextPart({ whose, after, last }: Walk): Promise<ChunkId[] | null> {
      const ids = [after ?? BEFORE_ALL_CHUNKS, last];
      const [from, to] = whose === null ? ["$1", "$2"] : ["$2", "$3"];
      const { rows } = await pool.query<{ id: ChunkId }>(
        `select id from (
           select id, sum(messages) over (order by id) - messages as before from (
             select id, messages from volley.chunk
             where ${ofCampaign(whose)} and id > ${from} and id <= ${to} order by id limit ${PART_CHUNKS}
           ) as next
         ) as counted where before < ${PART_MESSAGES} order by id`,
        whose === null ? ids : [whose, ...ids],
      );
      return rows.length === 0 ? null : rows.map(({ id }) => id);
    },

    /** What the filter meets in these chunks, in the order of the file. */
    async findFailed(chunks: readonly ChunkId[], filter: RetryFilter): Promise<FailedMessage[]> {
      const { rows } = await pool.query<FailedRow>(FIND_FAILED, [
        chunks,
        filter.states,
        filter.reasons,
        filter.account,
        filter.since,
        filter.until,
        exemptClasses,
      ]);
      return rows.map(toFailedMessage);
    },
  };
}

/** The index of chunks by campaign serves both forms, and serves no `is not distinct from`. */
function ofCampaign(whose: CampaignId | null): string {
  return whose === null ? "campaign_id is null" : "campaign_id = $1";
}

/**
 * An attempt may have sent its message when it ended as unknown and nothing has been proven since, or was taken
 * after it had been given up. What is known of the last call is in the message's state.
 */
const MAY_HAVE_BEEN_SENT = `exists (
  select from volley.attempt a
  where a.message_id = m.id
    and ((a.outcome = 'unknown' and not a.late and (a.settled_as is null or a.settled_as in ('resent', 'kept')))
      or (a.outcome = 'accepted' and a.late))
    and not (a.call_id = m.call_id and m.state in ('undelivered', 'rejected')))`;

const FIND_FAILED = `
  select m.id, m.recipient, m.text, m.field_values, c.class, c.sender, c.accounts, c.zones,
    exists (select from volley.retry r where r.message_id = m.id) as is_retried,
    ${isSuppressed({ recipient: "m.recipient", messageClass: "c.class", exempt: "$7" })} as is_suppressed,
    case
      when exists (select from volley.report r where r.joined_id = m.id and r.state = 'delivered') then 'yes'
      when m.state = 'unknown' or ${MAY_HAVE_BEEN_SENT} then 'maybe'
      else 'no' end as was_received
  from volley.chunk c join volley.message m on m.chunk_id = c.id
  where c.id = any($1::bigint[]) and m.chunk_id = any($1::bigint[])
    and m.state = any($2::volley.message_state[])
    and (cardinality($3::text[]) = 0 or m.reason = any($3))
    and ($4::text is null or coalesce(m.account, c.account) = $4)
    and ($5::timestamptz is null or m.changed_at >= $5)
    and ($6::timestamptz is null or m.changed_at < $6)
  order by c.id, m.position, m.id`;

type FailedRow = {
  id: MessageId;
  recipient: string;
  text: string | null;
  field_values: string[] | null;
  class: MessageClass;
  sender: string | null;
  accounts: string[];
  zones: TimeZone[];
  is_retried: boolean;
  is_suppressed: boolean;
  was_received: FailedMessage["wasReceived"];
};

function toFailedMessage(row: FailedRow): FailedMessage {
  return {
    id: row.id,
    to: row.recipient,
    text: row.text === null ? null : sensitive(row.text),
    values: row.field_values?.map((value) => sensitive(value)) ?? null,
    class: row.class,
    sender: row.sender,
    accounts: row.accounts,
    zones: row.zones,
    isRetried: row.is_retried,
    isSuppressed: row.is_suppressed,
    wasReceived: row.was_received,
  };
}
