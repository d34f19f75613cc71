// [6] Unknowns: attempts that may have sent their message. They wait here until evidence settles them, the
// message's class allows another attempt, or the reconciler has asked often enough and leaves them to a person.

import type { Pool } from "pg";
import type { StoredMessage } from "../domain/batch.ts";
import { chunkOf } from "../domain/ids.ts";
import type { CallId, CampaignId, MessageClass, MessageId, MessageState } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import { countMoves } from "./count-moves.ts";
import { ERASED } from "./erased.ts";
import { reopenWork } from "./reopen-work.ts";
import { listUnknowns, type Resolution, resolveUnknown } from "./resolve-unknown.ts";
import { MESSAGE_COLUMNS, type MessageRow, toStoredMessage } from "./stored-message.ts";
import { type Exemption, isSuppressed, suppressRefused } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type DueUnknown = {
  readonly attemptId: string;
  readonly messageId: MessageId;
  readonly campaignId: CampaignId | null;
  readonly callId: CallId;
  readonly account: string;
  readonly class: MessageClass;
  readonly to: PhoneNumber;
  /** Where the person may live. */
  readonly zones: readonly TimeZone[];
  readonly openedAt: Date;
  /** By the database's clock. */
  readonly nowMs: number;
  readonly closedAgoMs: number;
  readonly openedAgoMs: number;
  /** Look-ups that were answered so far. */
  readonly lookUps: number;
  /** False: the message has used up its tries. */
  readonly mayTryAgain: boolean;
};

export type Settlement = {
  readonly attemptId: string;
  readonly messageId: MessageId;
  readonly callId: CallId;
  /**
   * accepted: the provider has it. rejected: it refused it. absent: proven not to be there, back to queued.
   * resent: the class allows another attempt although nobody knows. kept: nothing more can be learnt; it stays
   * unknown.
   */
  readonly as: "accepted" | "rejected" | "absent" | "resent" | "kept";
  readonly providerMessageId: string | null;
  /** For `rejected`: why. */
  readonly reason: string | null;
};

/** A provider call as it was made: all its messages in their order, whatever became of them. */
export type StoredCall = {
  readonly sender: string | null;
  readonly template: string | null;
  readonly messages: readonly StoredMessage[];
};

export function createUnknowns(
  pool: Pool,
  { attemptsMax, exemptClasses, slot }: Exemption & { readonly attemptsMax: number; readonly slot: number },
) {
  return {
    list: (filter: Parameters<typeof listUnknowns>[1]) => listUnknowns(pool, filter),
    /** What a person decides who knows more than we do. */
    resolve: (id: MessageId, as: Resolution) => resolveUnknown({ pool, attemptsMax, slot }, id, as),

    /** Takes the unknowns whose time has come; they come back after `againInMs` unless somebody settles or postpones them. */
    async takeDue({ limit, againInMs }: { limit: number; againInMs: number }): Promise<DueUnknown[]> {
      const { rows } = await pool.query<DueRow>(
        `with due as (
           select id from volley.attempt
           where settled_at is null and settle_at <= now()
           order by settle_at limit $1 for update skip locked
         )
         update volley.attempt a set settle_at = now() + $2 * interval '1 ms'
         from due, volley.message m, volley.chunk c
         where a.id = due.id and m.id = a.message_id and c.id = a.chunk_id
         returning a.id as attempt_id, a.message_id, a.campaign_id, a.call_id, a.account, c.class, c.zones, m.recipient,
           a.opened_at, floor(extract(epoch from now()) * 1000)::float8 as now_ms, extract(epoch from now() - a.closed_at) * 1000 as closed_ago_ms,
           extract(epoch from now() - a.opened_at) * 1000 as opened_ago_ms, a.look_ups, m.attempts`,
        [limit, againInMs],
      );
      return rows.map((row) => ({
        attemptId: row.attempt_id,
        messageId: row.message_id,
        campaignId: row.campaign_id,
        callId: row.call_id,
        account: row.account,
        class: row.class,
        to: row.recipient,
        zones: row.zones,
        openedAt: row.opened_at,
        nowMs: row.now_ms,
        closedAgoMs: Number(row.closed_ago_ms),
        openedAgoMs: Number(row.opened_ago_ms),
        lookUps: row.look_ups,
        mayTryAgain: row.attempts < attemptsMax,
      }));
    },

    /** Null: there is no such call any more. People who were erased are left out. A message of an unknown never leaves its chunk, so that is where they are. */
    async loadCall(callId: CallId): Promise<StoredCall | null> {
      const { rows } = await pool.query<MessageRow & { sender: string | null; template: string | null }>(
        `select ${MESSAGE_COLUMNS}, c.sender, k.template
         from volley.message m
         join volley.chunk c on c.id = m.chunk_id
         left join volley.campaign k on k.id = c.campaign_id
         where m.chunk_id = $1 and m.call_id = $2 and m.recipient <> '${ERASED}'
         order by m.position, m.id`,
        [chunkOf(callId), callId],
      );
      const [first] = rows;
      if (first === undefined) return null;
      return { sender: first.sender, template: first.template, messages: rows.map(toStoredMessage) };
    },

    /**
     * Leave to make the same call again under the same id. It counts as a try of each of its unknown messages
     * and is committed before the call, like every attempt; all of them may be sent now, or none is. `never`:
     * somebody among them opted out, is too late or has no try left, was erased, or is to be sent again or given up
     * because a person said so, and so it is not the same call.
     */
    async grantRepeat(callId: CallId): Promise<"granted" | "not-now" | "never"> {
      const { rows } = await pool.query<{ verdict: "granted" | "not-now" | "never" }>(
        `with asked as (
           select m.id, m.chunk_id, m.attempts < $3 and (m.expires_at is null or m.expires_at > now())
             and not ${isSuppressed({ recipient: "m.recipient", messageClass: "c.class", exempt: "$4" })} as may
           from volley.message m join volley.chunk c on c.id = m.chunk_id
           where m.chunk_id = $1 and m.call_id = $2 and m.state = 'unknown' for update of m
         ),
         running as materialized (
           select k.id, k.state = 'running' as runs from volley.campaign k
           where k.id = (select campaign_id from volley.chunk where id = $1) for share
         ),
         verdict as (
           select case
             when not coalesce(bool_and(may), false) then 'never'
             when exists (
               select from volley.message where chunk_id = $1 and call_id = $2
                 and (recipient = '${ERASED}' or state in ('queued', 'failed', 'suppressed', 'expired', 'cancelled'))
             ) then 'never'
             when not coalesce((select runs from running), true) then 'not-now'
             else 'granted' end as verdict
           from asked
         ),
         counted as (
           update volley.message m set attempts = m.attempts + 1
           from asked, verdict where m.id = asked.id and verdict.verdict = 'granted'
         )
         select verdict from verdict`,
        [chunkOf(callId), callId, attemptsMax, exemptClasses],
      );
      return rows[0]?.verdict ?? "never";
    },

    /** An answered look-up that found nothing yet counts; the next one follows after `inMs`. */
    async postpone(
      attempts: readonly { attemptId: string; answered: boolean; inMs: number }[],
    ): Promise<void> {
      await pool.query(
        // Whoever holds one is settling it: it needs no other time.
        `with given as (
           select * from unnest($1::bigint[], $2::boolean[], $3::float8[]) as g (id, answered, in_ms)
         ),
         open as materialized (
           select id from volley.attempt where id in (select id from given) and settled_at is null
           for update skip locked
         )
         update volley.attempt a
         set settle_at = now() + p.in_ms * interval '1 ms', look_ups = a.look_ups + p.answered::int
         from given p join open on open.id = p.id where a.id = p.id`,
        [
          attempts.map((one) => one.attemptId),
          attempts.map((one) => one.answered),
          attempts.map((one) => one.inMs),
        ],
      );
    },

    /** Settles unknowns, moves their messages and counts, and opens the chunks again that have work once more. */
    async settle(settlements: readonly Settlement[]): Promise<{ id: MessageId; state: MessageState }[]> {
      const { rows } = await pool.query<{ id: MessageId; state: MessageState }>(
        `with given as (
           select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::volley.settlement[], $5::text[], $8::text[])
             as g (attempt_id, message_id, call_id, settled_as, provider_message_id, reason)
         ),
         -- Messages first, all of them, and by id: reports that settle the same unknowns lock them so, too (reports.ts).
         held as materialized (
           select id from volley.message where id in (select message_id from given) and state = 'unknown'
           order by id for update
         ),
         settled as (
           update volley.attempt a set settled_at = now(), settled_as = g.settled_as
           from given g
           where a.id = g.attempt_id and a.settled_at is null and (select count(*) from held) >= 0
           returning g.*, a.campaign_id
         ),
         moved as (
           update volley.message m
           set state = case
               when s.settled_as in ('accepted', 'rejected') then s.settled_as::text::volley.message_state
               when m.attempts >= $7 then 'failed'
               else 'queued' end,
             provider_message_id = s.provider_message_id, changed_at = now(), due_at = null,
             reason = case s.settled_as when 'accepted' then null else coalesce(s.reason, s.settled_as::text) end
           from settled s
           where m.id = s.message_id and m.call_id = s.call_id and m.state = 'unknown' and s.settled_as <> 'kept'
           returning m.id, m.recipient, m.state, m.reason, m.chunk_id, s.campaign_id
         ),
         ${reopenWork("moved")},
         ${suppressRefused("moved")},
         ${countMoves({ from: "unknown", moved: "moved", slot: "$6", after: "campaign_at_work" })},
         ${writeMessageEvents({ moved: "moved", optedOut: "suppressed" })}
         select id, state from moved`,
        [
          settlements.map((one) => one.attemptId),
          settlements.map((one) => one.messageId),
          settlements.map((one) => one.callId),
          settlements.map((one) => one.as),
          settlements.map((one) => one.providerMessageId),
          slot,
          attemptsMax,
          settlements.map((one) => one.reason),
        ],
      );
      return rows;
    },
  };
}

type DueRow = {
  attempt_id: string;
  message_id: MessageId;
  campaign_id: CampaignId | null;
  call_id: CallId;
  account: string;
  class: MessageClass;
  recipient: PhoneNumber;
  zones: TimeZone[];
  opened_at: Date;
  now_ms: number;
  closed_ago_ms: number;
  opened_ago_ms: number;
  look_ups: number;
  attempts: number;
};
