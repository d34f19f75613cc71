// Messages by the month: on a database of today, and on one from before with everything in it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Pool } from "pg";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { createCallId, createMessageId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { addPartitions, listPartitions } from "../../src/ledger/partitions.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createDatabase } from "../support/database.ts";
import {
  addCampaign,
  audit,
  claim,
  enforceMoves,
  type LedgerBench,
  openLedgerBench,
  phone,
  silent,
} from "../support/ledger.ts";

let bench: LedgerBench;
beforeEach(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.close());

const migrations = join(import.meta.dirname, "../../src/ledger/migrations");

/** The schema as it was before messages were cut by time. */
async function openOldDatabase(): Promise<Pool> {
  const database = await createDatabase({ empty: true });
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 5, log: silent });
  onTestFinished(async () => {
    await pool.end();
    await database.drop();
  });
  await pool.query(
    "create schema volley; create table volley.migration (name text primary key, applied_at timestamptz not null default now())",
  );
  for (const file of readdirSync(migrations).sort()) {
    // All others, for the code of today needs their columns.
    if (file.startsWith("0008")) continue;
    const client = await pool.connect();
    await client.query(`set search_path to volley; ${readFileSync(join(migrations, file), "utf8")}`);
    await client.query("insert into volley.migration (name) values ($1)", [file.slice(0, -".sql".length)]);
    client.release(true);
  }
  return pool;
}

/** A single message of this time; answers the table that it lies in. */
async function placeOf(nowMs: number): Promise<string> {
  const id = createMessageId(nowMs);
  await bench.ledger.chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "marketing",
    sender: null,
    state: "released",
    messages: [{ id, to: phone(0), position: 0, segments: 1, text: null, values: [] }],
  });
  return tableOf(id);
}

async function tableOf(id: MessageId): Promise<string> {
  const { rows } = await bench.pool.query<{ name: string }>(
    "select tableoid::regclass::text as name from volley.message where id = $1",
    [id],
  );
  return rows[0]?.name ?? "nowhere";
}

const NOW = new Date();
const nextMonth = new Date(Date.UTC(NOW.getUTCFullYear(), NOW.getUTCMonth() + 1, 1));
const NEXT = `message_${nextMonth.toISOString().slice(0, 7).replace("-", "_")}`;
const dropNext = () => bench.pool.query(`drop table volley.${NEXT}`);

it("an id of any time finds a place, and those of this and the next month one of their own", async () => {
  expect(await placeOf(0)).toBe("volley.message_first");
  expect(await placeOf(Date.now())).toBe("volley.message_first");
  expect(await placeOf(nextMonth.getTime())).toBe(`volley.${NEXT}`);
  expect(await placeOf(nextMonth.getTime() + 40 * 86_400_000)).toBe("volley.message_rest");
  expect(await placeOf(2 ** 48 - 1)).toBe("volley.message_rest");
  expect(await addPartitions(bench.pool)).toEqual({ added: 0, missing: 0 });
});

it("five processes that make partitions at once make each one once", async () => {
  await dropNext();
  await Promise.all(Array.from({ length: 5 }, () => addPartitions(bench.pool)));
  expect((await listPartitions(bench.pool)).map(({ name }) => name)).toEqual(["message_first", NEXT]);
});

it("a month that nobody prepared takes over what came before it was there", async () => {
  await dropNext();
  const id = createMessageId(nextMonth.getTime() + 1);
  await bench.ledger.chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "marketing",
    sender: null,
    state: "released",
    messages: [{ id, to: phone(0), position: 0, segments: 1, text: null, values: ["x"] }],
  });
  expect(await tableOf(id)).toBe("volley.message_rest");
  expect(await addPartitions(bench.pool)).toEqual({ added: 1, missing: 0 });
  expect(await tableOf(id)).toBe(`volley.${NEXT}`);
  expect(await bench.ledger.messages.find(id)).toMatchObject({ id, state: "queued" });
});

it("while somebody holds the table a partition is not made, and is made later; nobody waits for it", async () => {
  await dropNext();
  const holder = await bench.pool.connect();
  await holder.query("begin; lock table volley.message in access share mode");
  expect(await addPartitions(bench.pool)).toEqual({ added: 0, missing: 1 });
  expect(await placeOf(nextMonth.getTime())).toBe("volley.message_rest");
  await holder.query("rollback");
  holder.release();
  expect(await addPartitions(bench.pool)).toEqual({ added: 1, missing: 0 });
});

it("every partition has the table's keys, its room for updates, and what is forbidden there", async () => {
  const { rows } = await bench.pool.query<{ name: string; indexes: string; options: string[] }>(
    `select c.relname as name, (select count(*) from pg_index x where x.indrelid = c.oid and x.indisvalid) as indexes,
       c.reloptions as options
     from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'volley.message'::regclass order by c.relname`,
  );
  expect(rows.map(({ indexes, options }) => [indexes, options])).toEqual(
    rows.map(() => ["3", ["fillfactor=70"]]),
  );
  expect(rows).toHaveLength(3);
});

it("the figures of the whole table that plans are made from are gathered once a day", async () => {
  const analyzed = async () =>
    (
      await bench.pool.query<{ at: Date }>(
        `select pg_stat_clear_snapshot(), last_analyze as at from pg_stat_all_tables
         where relid = 'volley.message'::regclass`,
      )
    ).rows[0]?.at;
  await bench.ledger.retention.prepare();
  await expect.poll(analyzed).toBeInstanceOf(Date);
  const first = await analyzed();
  await bench.ledger.retention.prepare();
  expect(await analyzed()).toEqual(first);
});

it("a database from before keeps every row, its counts and its unfinished work", async () => {
  const pool = await openOldDatabase();
  const ledger = createLedger({ pool });
  const old = { ledger, pool };
  const campaign = await addCampaign(old, { recipients: 30 });
  const chunk = await claim(old, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const ids = (await ledger.chunks.load(chunk.id)).map(({ id }) => id);
  const call = async (some: readonly MessageId[], kind: "accepted" | "unknown") => {
    const callId = createCallId(chunk.id);
    await ledger.attempts.open(
      some.map((messageId) => ({
        messageId,
        chunkId: chunk.id,
        lease: chunk.lease,
        callId,
        account: "main",
      })),
    );
    const outcome = kind === "accepted" ? { kind, providerMessageId: "p" } : { kind, reason: "reset" };
    await ledger.attempts.record(
      some.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs: 60_000 })),
    );
  };
  await call(ids.slice(0, 10), "accepted");
  await call(ids.slice(10, 12), "unknown");
  // Of a machine whose clock is wrong.
  await pool.query(
    "insert into volley.message (id, chunk_id, position, recipient, segments, state) values ($1, 0, 0, 'x', 1, 'accepted')",
    [createMessageId(Date.UTC(2200, 0, 1))],
  );
  const rowsOf = async () =>
    (
      await pool.query<{ row: object }>(
        "select to_jsonb(m) - 'retry_of' as row from volley.message m order by id",
      )
    ).rows;
  const before = await rowsOf();

  expect((await ledger.migrate()).applied).toContain("0008-partitions");
  await enforceMoves(pool);
  expect(await rowsOf()).toEqual(before);
  await audit(old, campaign.id);
  // The worker that holds the chunk goes on, with the plans of before.
  await call(ids.slice(12), "accepted");
  expect(await ledger.campaigns.counts(campaign.id)).toEqual({ accepted: 28, unknown: 2 });
  await audit(old, campaign.id);
  const { rows } = await pool.query(
    "select tableoid::regclass::text as name, count(*)::int as rows from volley.message group by 1 order by 1",
  );
  expect(rows).toEqual([
    { name: "volley.message_first", rows: 30 },
    { name: "volley.message_rest", rows: 1 },
  ]);
});
