// [6] Attempts: permission to send, and how it ended. The heart of "each message once".
//
// A worker opens an attempt and commits it before it calls the provider; a message whose attempt is open is
// never opened again. Openings and outcomes of all calls of a process are gathered (group-commit.ts), each
// kind in one statement with arrays.
//
//   queued --open--> sending --record--> accepted | rejected | unknown | queued again | failed
//      |--> suppressed (the recipient opted out meanwhile)
//      '--> expired
//
// An outcome that comes after the attempt was given up is stored as evidence; it settles an `unknown` of the
// same call, keeps a message that was taken from being sent again, and moves nothing else.

import type { Pool } from "pg";
import type { ChunkId } from "../domain/campaign.ts";
import type { CallId, MessageId, MessageState } from "../domain/message.ts";
import type { Outcome } from "../domain/outcome.ts";
import { countMoves } from "./count-moves.ts";
import { createGroupCommit } from "./group-commit.ts";
import { reopenWork } from "./reopen-work.ts";
import { type Exemption, isSuppressed, OPTED_OUT, suppressRefused } from "./suppressed.ts";
import { writeMessageEvents } from "./write-events.ts";

export type Opening = {
  readonly messageId: MessageId;
  readonly chunkId: ChunkId;
  readonly lease: string;
  readonly callId: CallId;
  readonly account: string;
  /** Its person may not be written to from then on, by the database's clock; absent: at any time. */
  readonly until?: Date | undefined;
};

export type Ending = {
  readonly messageId: MessageId;
  readonly callId: CallId;
  readonly outcome: Outcome;
  /** For `later`: when the next attempt may start. */
  readonly retryInMs: number;
  /** For `unknown`: when the reconciler acts; null: only evidence or a person can settle it. */
  readonly settleInMs: number | null;
};

/** What became of a message whose attempt was asked for; null: not ours to send (lease lost, campaign not running). */
export type Opened = Extract<MessageState, "sending" | "suppressed" | "expired"> | null;
/** The message's state after its outcome; null: the attempt had been given up, the outcome is evidence. */
export type Recorded = MessageState | null;

/** Rows in one statement: several large batches, and far from a statement that keeps others waiting. */
const GROUP_ROWS_MAX = 4000;
const GROUP_CALLS_MAX = 1000;

type Writer = Exemption & { readonly pool: Pool; readonly slot: number; readonly attemptsMax: number };

export function createAttempts(
  pool: Pool,
  {
    attemptsMax,
    exemptClasses,
    openSlot,
    recordSlot,
  }: Exemption & { attemptsMax: number; openSlot: number; recordSlot: number },
) {
  const opener: Writer = { pool, attemptsMax, exemptClasses, slot: openSlot };
  const recorder: Writer = { pool, attemptsMax, exemptClasses, slot: recordSlot };
  const openings = createGroupCommit((calls: readonly (readonly Opening[])[]) => open(opener, calls), {
    itemsMax: GROUP_CALLS_MAX,
  });
  const endings = createGroupCommit((calls: readonly (readonly Ending[])[]) => record(recorder, calls), {
    itemsMax: GROUP_CALLS_MAX,
  });
  return {
    /** Opens the attempts of one call; the answers stand in the order of the messages. Nothing may be sent before. */
    open: (call: readonly Opening[]): Promise<readonly Opened[]> => openings.submit(call),
    /** Records how the attempts of one call ended. Safe to repeat: an ended attempt does not move again. */
    record: (call: readonly Ending[]): Promise<readonly Recorded[]> => endings.submit(call),
  };
}

/** Messages are locked in one order by all who lock several, or two of them would wait for each other. */
function inOrder<Row extends { readonly messageId: MessageId }>(calls: readonly (readonly Row[])[]): Row[] {
  return calls.flat().sort((one, other) => (one.messageId < other.messageId ? -1 : 1));
}

async function open(writer: Writer, calls: readonly (readonly Opening[])[]): Promise<Opened[][]> {
  const rows = inOrder(calls);
  const states = new Map<string, Opened>();
  for (let from = 0; from < rows.length; from += GROUP_ROWS_MAX) {
    const part = rows.slice(from, from + GROUP_ROWS_MAX);
    for (const row of await openRows(writer, part)) states.set(keyOf(row), row.state);
    const refused = part.filter((one) => !states.has(keyOf(one)));
    if (refused.length > 0) {
      for (const row of await withholdRows(writer, refused)) states.set(keyOf(row), row.state);
    }
  }
  return calls.map((call) => call.map((one) => states.get(keyOf(one)) ?? null));
}

/** Two calls may ask for one message in one statement; the grant belongs to the call that the row names. */
function keyOf({ messageId, callId }: { readonly messageId: MessageId; readonly callId: CallId }): string {
  return `${messageId} ${callId}`;
}

type OpenedRow = { messageId: MessageId; callId: CallId; state: Exclude<Opened, null> };

const IS_SUPPRESSED = (exempt: `$${number}`) =>
  isSuppressed({ recipient: "m.recipient", messageClass: "o.class", exempt });

async function openRows(
  { pool, slot, attemptsMax, exemptClasses }: Writer,
  rows: readonly Opening[],
): Promise<OpenedRow[]> {
  const { rows: opened } = await pool.query<OpenedRow>({
    name: "open-attempts",
    text: `
      with ${OWNED},
      moved as (
        update volley.message m
        set state = 'sending', attempts = m.attempts + 1, call_id = a.call_id, account = a.account,
          opened_at = now(), changed_at = now(), reason = null, due_at = null
        from asked a join owned o on o.id = a.chunk_id
        where m.id = a.message_id and m.chunk_id = a.chunk_id and m.state = 'queued' and m.attempts < $8
          and (m.expires_at is null or m.expires_at > now())
          and (a.until is null or a.until > now())
          and not ${IS_SUPPRESSED("$9")}
        returning m.id, m.call_id, m.state, o.campaign_id
      ),
      ${countMoves({ from: "queued", moved: "moved", slot: "$7" })}
      select id as "messageId", call_id as "callId", state from moved`,
    values: [...openingArrays(rows), slot, attemptsMax, exemptClasses],
  });
  return opened;
}

/**
 * Of messages that could not be opened, those that never may be: the recipient opted out, or it is too late. Also
 * those that an opt-out has moved since the worker loaded them, or it would take a null for a lost chunk.
 */
async function withholdRows(
  { pool, slot, exemptClasses }: Writer,
  rows: readonly Opening[],
): Promise<OpenedRow[]> {
  const { rows: withheld } = await pool.query<OpenedRow>({
    name: "withhold-messages",
    text: `
      with ${OWNED},
      moved as (
        update volley.message m
        set changed_at = now(), state = case
          when m.expires_at <= now() then 'expired'::volley.message_state else 'suppressed' end,
          reason = case when m.expires_at <= now() then m.reason else '${OPTED_OUT}' end
        from asked a join owned o on o.id = a.chunk_id
        where m.id = a.message_id and m.state = 'queued'
          and (m.expires_at <= now() or ${IS_SUPPRESSED("$8")})
        returning m.id, a.call_id, m.state, m.reason, o.campaign_id
      ),
      ${countMoves({ from: "queued", moved: "moved", slot: "$7" })},
      ${writeMessageEvents({ moved: "moved" })}
      select id as "messageId", call_id as "callId", state from moved
      union all
      select m.id, a.call_id, m.state from asked a join owned o on o.id = a.chunk_id
      join volley.message m on m.id = a.message_id and m.chunk_id = a.chunk_id
      where m.state in ('suppressed', 'expired')`,
    values: [...openingArrays(rows), slot, exemptClasses],
  });
  return withheld;
}

/** Openings whose chunk is still under our lease and whose campaign, if it has one, is running. */
const OWNED = `
      asked as (
        select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])
          as a (message_id, chunk_id, lease, call_id, account, until)
      ),
      leased as (
        select c.id, c.campaign_id, c.class from volley.chunk c
        where (c.id, c.lease) in (select distinct chunk_id, lease from asked) and c.lease_until > now()
      ),
      -- Shared lock: a pause or cancel that has committed is seen here, and one that comes later waits for us.
      running as materialized (
        select id from volley.campaign
        where id in (select campaign_id from leased) and state = 'running'
        order by id for share
      ),
      owned as (
        select id, campaign_id, class from leased
        where campaign_id is null or campaign_id in (select id from running)
      )`;

function openingArrays(rows: readonly Opening[]): unknown[][] {
  return [
    rows.map((row) => row.messageId),
    rows.map((row) => row.chunkId),
    rows.map((row) => row.lease),
    rows.map((row) => row.callId),
    rows.map((row) => row.account),
    rows.map((row) => row.until ?? null),
  ];
}

async function record(writer: Writer, calls: readonly (readonly Ending[])[]): Promise<Recorded[][]> {
  const rows = inOrder(calls);
  const states = new Map<string, Recorded>();
  for (let from = 0; from < rows.length; from += GROUP_ROWS_MAX) {
    const part = rows.slice(from, from + GROUP_ROWS_MAX);
    for (const row of await recordRows(writer, part)) states.set(keyOf(row), row.state);
    const late = part.filter((one) => !states.has(keyOf(one)));
    if (late.length > 0) {
      for (const row of await recordLate(writer, late)) states.set(keyOf(row), row.state);
    }
  }
  return calls.map((call) => call.map((one) => states.get(keyOf(one)) ?? null));
}

type RecordedRow = { messageId: MessageId; callId: CallId; state: MessageState };

async function recordRows(
  { pool, slot, attemptsMax }: Writer,
  rows: readonly Ending[],
): Promise<RecordedRow[]> {
  const { rows: recorded } = await pool.query<RecordedRow>({
    name: "record-outcomes",
    text: `
      with ended as (
        select * from unnest($1::uuid[], $2::uuid[], $3::volley.attempt_outcome[], $4::text[], $5::text[],
            $6::boolean[], $7::float8[], $8::float8[])
          as e (message_id, call_id, outcome, reason, provider_message_id, uses_try, retry_in_ms, settle_in_ms)
      ),
      moved as (
        update volley.message m
        set state = case
            when e.outcome <> 'later' then e.outcome::text::volley.message_state
            when e.uses_try and m.attempts >= $10 then 'failed'
            else 'queued' end,
          attempts = m.attempts - (e.outcome = 'later' and not e.uses_try)::int,
          deferrals = m.deferrals + (e.outcome = 'later' and not e.uses_try)::int,
          provider_message_id = e.provider_message_id, reason = e.reason, changed_at = now(),
          due_at = case when e.outcome = 'later' then now() + e.retry_in_ms * interval '1 ms' end
        from ended e
        where m.id = e.message_id and m.call_id = e.call_id and m.state = 'sending'
        returning m.id, m.state, m.recipient, m.chunk_id, m.attempts, m.account, m.call_id, m.opened_at,
          e.outcome, e.reason, e.provider_message_id, e.uses_try, e.settle_in_ms
      ),
      placed as (
        select moved.*, c.campaign_id from moved join volley.chunk c on c.id = moved.chunk_id
      ),
      noted as (
        insert into volley.attempt (message_id, campaign_id, chunk_id, number, account, call_id, opened_at, outcome,
          reason, provider_message_id, settle_at)
        select id, campaign_id, chunk_id, attempts, account, call_id, opened_at, outcome, reason, provider_message_id,
          case when outcome = 'unknown' then now() + settle_in_ms * interval '1 ms' end
        from placed where attempts > 1 or outcome in ('rejected', 'unknown') or (outcome = 'later' and uses_try)
      ),
      ${suppressRefused("moved")},
      ${countMoves({ from: "sending", moved: "placed", slot: "$9" })},
      ${writeMessageEvents({ moved: "placed", optedOut: "suppressed" })}
      select id as "messageId", call_id as "callId", state from moved`,
    values: [...endingArrays(rows), slot, attemptsMax],
  });
  return recorded;
}

/**
 * Outcomes of attempts that had been given up. All are stored as evidence; one that knows more than `unknown`
 * settles the unknown of its own call. Rare, so it reads rows first and is plain.
 */
async function recordLate(
  { pool, slot, attemptsMax }: Writer,
  rows: readonly Ending[],
): Promise<RecordedRow[]> {
  const { rows: recorded } = await pool.query<RecordedRow>({
    name: "record-late-outcomes",
    text: `
      with ended as (
        select * from unnest($1::uuid[], $2::uuid[], $3::volley.attempt_outcome[], $4::text[], $5::text[],
            $6::boolean[], $7::float8[], $8::float8[])
          as e (message_id, call_id, outcome, reason, provider_message_id, uses_try, retry_in_ms, settle_in_ms)
      ),
      -- Only calls that were given up leave evidence: a call whose opening never committed leaves none, and
      -- an outcome recorded twice (its first commit's answer was lost) leaves none either.
      open_ended as (
        select e.*, a.id as attempt_id, a.chunk_id, a.campaign_id, a.number, a.account, a.opened_at
        from ended e join volley.attempt a
          on a.message_id = e.message_id and a.call_id = e.call_id and a.outcome = 'unknown' and not a.late
        where e.outcome <> 'unknown'
      ),
      -- Also one that was to be sent again, when its call was taken after all.
      held as (
        select m.id, m.state from volley.message m where m.id in (select message_id from open_ended)
        order by m.id for update
      ),
      moved as (
        update volley.message m
        set state = case
            when o.outcome <> 'later' then o.outcome::text::volley.message_state
            when m.attempts >= $10 then 'failed'
            else 'queued' end,
          provider_message_id = o.provider_message_id, reason = o.reason, changed_at = now(),
          due_at = case when o.outcome = 'later' then now() + o.retry_in_ms * interval '1 ms' end
        from open_ended o join held on held.id = o.message_id
        where m.id = o.message_id and m.call_id = o.call_id
          and (m.state = 'unknown' or (m.state = 'queued' and o.outcome = 'accepted'))
        returning held.state as from_state, m.id, m.recipient, m.call_id, m.state, m.reason, m.chunk_id, o.campaign_id, o.attempt_id, o.outcome
      ),
      settled as (
        update volley.attempt a
        set settled_at = now(), settled_as = case moved.outcome
            when 'later' then 'absent'::volley.settlement
            when 'rejected' then 'rejected'
            else 'accepted' end
        from moved where a.id = moved.attempt_id
      ),
      ${reopenWork("moved")},
      noted as (
        insert into volley.attempt (message_id, campaign_id, chunk_id, number, account, call_id, opened_at, outcome,
          reason, provider_message_id, late)
        select message_id, campaign_id, chunk_id, number, account, call_id, opened_at, outcome, reason,
          provider_message_id, true
        from open_ended
      ),
      ${suppressRefused("moved")},
      ${countMoves({ from: { column: "from_state" }, moved: "moved", slot: "$9", after: "campaign_at_work" })},
      ${writeMessageEvents({ moved: "moved", optedOut: "suppressed" })}
      select id as "messageId", call_id as "callId", state from moved`,
    values: [...endingArrays(rows), slot, attemptsMax],
  });
  return recorded;
}

function endingArrays(rows: readonly Ending[]): unknown[][] {
  return [
    rows.map((row) => row.messageId),
    rows.map((row) => row.callId),
    rows.map((row) => row.outcome.kind),
    rows.map((row) => ("reason" in row.outcome ? row.outcome.reason : null)),
    rows.map((row) => (row.outcome.kind === "accepted" ? row.outcome.providerMessageId : null)),
    rows.map((row) => row.outcome.kind === "later" && row.outcome.usesTry),
    rows.map((row) => row.retryInMs),
    rows.map((row) => row.settleInMs),
  ];
}
