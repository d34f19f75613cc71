// [6] What people write to us: each message once, however often the provider delivers it, and what it asks for.
//
//   STOP and its kin, or the provider's own word     opted out
//   START and its kin                                back, when the person himself had opted out by SMS before it;
//                                                    else (we were told another way) a person decides
//   a text that merely holds such a word             a person decides

import type { Pool, PoolClient } from "pg";
import { type KeywordKind, readKeyword, sourcesThatStartEnds } from "../domain/opt-out.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Inbound } from "../domain/report.ts";
import { insertOptOuts } from "./insert-opt-outs.ts";
import { hashOf } from "./suppressed.ts";
import { writeEvents } from "./write-events.ts";

export type InboundEffects = {
  /** Without those that had been delivered before. */
  readonly stored: number;
  readonly optedOut: readonly PhoneNumber[];
  readonly back: number;
  readonly toReview: number;
};

/** Holds a number and a text: for the eyes of whoever decides. */
export type InboundReview = {
  readonly id: string;
  readonly account: string;
  readonly from: PhoneNumber;
  readonly text: string | null;
  readonly keyword: KeywordKind;
  readonly receivedAt: Date;
};

/** Ten segments are the longest SMS there is. */
const TEXT_CHARACTERS_MAX = 2_000;
const ID_CHARACTERS_MAX = 200;
const REVIEWS_MAX = 500;

type StoredInbound = {
  id: string;
  sender: PhoneNumber;
  kind: Inbound["kind"];
  keyword: KeywordKind;
  happened_at: Date | null;
};

export async function applyInbound(
  client: PoolClient,
  account: string,
  inbound: readonly Inbound[],
): Promise<InboundEffects> {
  const stored = await store(client, account, inbound);
  const stops = stored.filter(({ kind, keyword }) => kind === "opt-out" || keyword === "stop");
  await insertOptOuts(
    client,
    stops.map(({ sender, kind, happened_at }) => ({
      number: sender,
      reason: kind === "opt-out" ? "told-by-provider" : "wrote-stop",
      source: kind === "opt-out" ? "provider" : "inbound",
      at: happened_at,
    })),
  );
  // After the opt-outs of the same batch: the times decide which of the two a person meant last.
  const starts = stored.filter(({ kind, keyword }) => kind === "text" && keyword === "start");
  const { back, refused } = await bringBack(client, starts);
  const optedOut = new Set(stops.map(({ sender }) => sender).filter((sender) => !back.has(sender)));
  const maybes = stored.filter(({ kind, keyword }) => kind === "text" && keyword === "maybe-stop");
  return {
    stored: stored.length,
    optedOut: [...optedOut],
    back: back.size,
    toReview: maybes.length + refused,
  };
}

async function store(
  client: PoolClient,
  account: string,
  inbound: readonly Inbound[],
): Promise<StoredInbound[]> {
  const rows = inbound.map((one) => {
    const text = one.text?.reveal() ?? null;
    const keyword = text === null ? "none" : readKeyword(text).kind;
    return { ...one, text, keyword };
  });
  const { rows: stored } = await client.query<StoredInbound>(
    `with stored as (
     insert into volley.inbound
       (account, sender, recipient, kind, text, keyword, provider_message_id, happened_at, review)
     select $1, sender, recipient, kind, text, keyword, provider_message_id, happened_at,
       kind = 'text' and keyword = 'maybe-stop'
     from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
       as g (sender, recipient, kind, text, keyword, provider_message_id, happened_at)
     order by provider_message_id
     on conflict (account, provider_message_id) where provider_message_id is not null do nothing
     returning id, sender, kind, keyword, happened_at
     ),
     ${writeEvents({
       columns: "inbound_id",
       happened: "select 'inbound.received' as type, id as inbound_id from stored",
     })}
     select * from stored`,
    [
      account,
      rows.map((row) => row.from),
      rows.map((row) => bounded(row.to, ID_CHARACTERS_MAX)),
      rows.map((row) => row.kind),
      rows.map((row) => bounded(row.text, TEXT_CHARACTERS_MAX)),
      rows.map((row) => row.keyword),
      rows.map((row) => bounded(row.providerMessageId, ID_CHARACTERS_MAX)),
      rows.map((row) => row.at),
    ],
  );
  return stored;
}

/**
 * Ends the opt-outs that START may end: made by SMS and older than it. One that was delivered late, or twice
 * without an id, is older than the STOP that followed it and ends nothing.
 */
async function bringBack(
  client: PoolClient,
  starts: readonly StoredInbound[],
): Promise<{ back: ReadonlySet<PhoneNumber>; refused: number }> {
  if (starts.length === 0) return { back: new Set(), refused: 0 };
  const { rows } = await client.query<{ sender: PhoneNumber | null; refused: string }>(
    `with given as (
       select id, sender, ${hashOf("sender")} as hash, coalesce(least(happened_at, now()), now()) as at
       from volley.inbound where id = any($1::bigint[])
     ),
     gone as (
       delete from volley.suppression s
       where s.source = any($2::text[])
         and exists (select from given where given.hash = s.hash and given.at > s.created_at)
       returning s.hash
     ),
     refused as (
       update volley.inbound i set review = true
       from given join volley.suppression s on s.hash = given.hash
       where i.id = given.id and not s.source = any($2::text[])
       returning i.id
     )
     select distinct given.sender, (select count(*) from refused) as refused
     from (select 1) as one left join (gone join given on given.hash = gone.hash) on true`,
    [starts.map(({ id }) => id), sourcesThatStartEnds],
  );
  return {
    back: new Set(rows.flatMap(({ sender }) => sender ?? [])),
    refused: Number(rows[0]?.refused ?? 0),
  };
}

export async function listReviews(
  pool: Pool,
  page: { readonly before?: string | undefined; readonly limit: number },
): Promise<InboundReview[]> {
  const { rows } = await pool.query<ReviewRow>(
    `select id, account, sender, text, keyword, received_at from volley.inbound
     where review and reviewed_at is null and ($1::bigint is null or id < $1)
     order by id desc limit $2`,
    [page.before ?? null, Math.max(1, Math.min(page.limit, REVIEWS_MAX))],
  );
  return rows.map(({ sender, received_at, ...row }) => ({ ...row, from: sender, receivedAt: received_at }));
}

export async function dismissReview(pool: Pool, id: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    "update volley.inbound set reviewed_at = now() where id = $1 and review and reviewed_at is null",
    [id],
  );
  return rowCount === 1;
}

type ReviewRow = {
  id: string;
  account: string;
  sender: PhoneNumber;
  text: string | null;
  keyword: KeywordKind;
  received_at: Date;
};

/** What Postgres can hold: no U+0000, no half of a surrogate pair, and no more than anybody reads. */
function bounded(text: string | null, charactersMax: number): string | null {
  return text === null ? null : text.slice(0, charactersMax).replaceAll("\u0000", "\ufffd").toWellFormed();
}
