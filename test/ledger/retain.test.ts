// What is old goes, and nothing else: months as tables, the rest row by row, contents before the rows.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCallId, createCampaignId, createMessageId, recipientMessageId } from "../../src/domain/ids.ts";
import type { CampaignId, MessageId } from "../../src/domain/message.ts";
import { idAt } from "../../src/ledger/partitions.ts";
import { addCampaign, audit, claim, type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeEach(async () => {
  bench = await openLedgerBench();
  await splitFirst();
});
afterEach(() => bench.close());

const DAY_MS = 86_400_000;
const KEPT_MS = 30 * DAY_MS;
/** Of a month long ago, which has a partition of its own. */
const OLD_MS = Date.UTC(2020, 0, 15);
const OLD = "message_2020_01";
const WITHIN = { withinMs: 60_000 };

/** As if the table had been cut by months since then. */
async function splitFirst(): Promise<void> {
  await bench.pool.query("alter table volley.message detach partition volley.message_first");
  await bench.pool.query("drop table volley.message_first");
  const range = (name: string, fromMs: number, toMs: number) =>
    bench.pool.query(
      `create table volley.${name} partition of volley.message for values from ('${idAt(fromMs)}') to ('${idAt(toMs)}')`,
    );
  await range(OLD, Date.UTC(2020, 0, 1), Date.UTC(2020, 1, 1));
  await bench.ledger.retention.prepare();
}

/** A finished campaign of that time: half accepted, one unknown that nobody settles any more, the others rejected. */
async function finishedCampaign(atMs: number, recipients = 6): Promise<{ id: CampaignId; ids: MessageId[] }> {
  const { ledger } = bench;
  const id = createCampaignId(atMs);
  await ledger.campaigns.createDraft({
    ...{ id, name: "old", class: "marketing", sender: null, account: null, sendAt: null, timeZone: null },
    template: "Hello {{name}}",
  });
  const ids = Array.from({ length: recipients }, (_, index) => recipientMessageId(id, phone(index)));
  const { id: chunkId } = await ledger.chunks.add({
    ...{ campaignId: id, accounts: ["main"], class: "marketing", sender: null, state: "waiting" },
    messages: ids.map((messageId, index) => ({
      ...{ id: messageId, to: phone(index), position: index + 2, segments: 1, text: null, values: ["x"] },
      metadata: { order: "7" },
    })),
  });
  if (chunkId === null) throw new Error("the chunk kept nobody");
  await ledger.campaigns.start(id, null);
  await ledger.chunks.release(id, 16);
  const chunk = await claim(bench, chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const callId = createCallId(chunkId);
  await ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId, lease: chunk.lease, callId, account: "main" })),
  );
  await ledger.attempts.record(
    ids.map((messageId, index) => ({
      ...{ messageId, callId, retryInMs: 0, settleInMs: null },
      outcome:
        index === 0
          ? { kind: "unknown", reason: "reset" }
          : index <= recipients / 2
            ? { kind: "accepted", providerMessageId: `p-${index}` }
            : { kind: "rejected", reason: "no-such-number" },
    })),
  );
  await ledger.chunks.finish(chunk, 1000);
  await ledger.campaigns.finishIfDone(id);
  return { id, ids };
}

/** As if everything that stands here had happened so many days earlier. */
async function passDays(days: number): Promise<void> {
  const columns = {
    message: ["changed_at"],
    chunk: ["done_at", "created_at", "due_at"],
    campaign: ["finished_at"],
    inbound: ["received_at"],
    report: ["received_at"],
  };
  for (const [table, names] of Object.entries(columns)) {
    const sets = names.map((name) => `${name} = ${name} - interval '${days} days'`);
    await bench.pool.query(`update volley.${table} set ${sets.join(", ")}`);
  }
}

async function rowsIn(...tables: string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await bench.pool.query<{ rows: number }>(
      `select count(*)::int as rows from volley.${table}`,
    );
    counts[table] = rows[0]?.rows ?? -1;
  }
  return counts;
}

const single = (id: MessageId, dueAt?: Date) =>
  bench.ledger.chunks.add({
    ...{ campaignId: null, accounts: ["main"], class: "reminder", sender: null, state: "released" },
    messages: [{ id, to: phone(9), position: 0, segments: 1, text: null, values: ["x"], dueAt }],
  });
const tablesOfMonth = async () =>
  (await bench.pool.query<{ there: boolean }>(`select to_regclass('volley.${OLD}') is not null as there`))
    .rows[0]?.there;
const drop = () => bench.ledger.retention.dropMonths(KEPT_MS);
const removeRows = () => bench.ledger.retention.removeRows(KEPT_MS, WITHIN);

describe("a month", () => {
  it("goes as a table when all in it has ended long ago, and what belonged to it goes after it", async () => {
    const { ids } = await finishedCampaign(OLD_MS);
    const young = await finishedCampaign(Date.now());
    await bench.pool.query(
      "insert into volley.overdue (message_id, account) select unnest($1::uuid[]), 'main'",
      [[ids[1], young.ids[1]]],
    );
    await bench.pool.query(
      `insert into volley.report (account, state, reason, permanent, opted_out, joined_id)
       select 'main', 'delivered', 'x', true, false, unnest($1::uuid[])`,
      [[ids[1], young.ids[1]]],
    );
    await bench.pool.query("insert into volley.retry (message_id, retry_id) values ($1, $1)", [ids[5]]);
    await passDays(31);
    await bench.pool.query("update volley.message set changed_at = now() where id = any($1::uuid[])", [
      young.ids,
    ]);

    expect(await drop()).toEqual({ months: [OLD], busy: 0 });
    expect(await removeRows()).toBe(true);
    expect(await rowsIn("message", "chunk", "campaign", "overdue", "report", "retry")).toEqual({
      ...{ message: 6, chunk: 1, campaign: 1, overdue: 1, report: 1, retry: 0 },
    });
    const { rows } = await bench.pool.query("select distinct campaign_id from volley.campaign_count");
    expect(rows).toEqual([{ campaign_id: young.id }]);
    const { rows: attempts } = await bench.pool.query(
      "select count(*)::int as of_gone from volley.attempt where message_id = any($1::uuid[])",
      [ids],
    );
    expect(attempts).toEqual([{ of_gone: 0 }]);
    await audit(bench, young.id);
    // Whoever brings an id of that time finds a place for it all the same.
    await single(createMessageId(OLD_MS));
    expect(await rowsIn("message_rest")).toEqual({ message_rest: 1 });
  });

  it("stays while one message of it changed lately", async () => {
    const { ids } = await finishedCampaign(OLD_MS);
    await passDays(31);
    await bench.pool.query("update volley.message set changed_at = now() where id = $1", [ids[3]]);
    expect(await drop()).toEqual({ months: [], busy: 0 });
    expect(await tablesOfMonth()).toBe(true);
  });

  it("stays while an unknown of it awaits its settlement", async () => {
    await finishedCampaign(OLD_MS);
    await passDays(31);
    await bench.pool.query("update volley.attempt set settle_at = now() where outcome = 'unknown'");
    expect(await drop()).toEqual({ months: [], busy: 0 });
    await removeRows();
    expect(await rowsIn(OLD)).toEqual({ [OLD]: 1 });
  });

  it("stays while a draft of it waits to be started", async () => {
    const id = createCampaignId(OLD_MS);
    await bench.ledger.campaigns.createDraft({
      ...{ id, name: "old", class: "marketing", sender: null, account: null, sendAt: null, timeZone: null },
      template: "Hello",
    });
    expect(await drop()).toEqual({ months: [], busy: 0 });
    await bench.ledger.campaigns.discardDraft(id);
    expect(await drop()).toEqual({ months: [OLD], busy: 0 });
  });

  it("keeps a message that waits for a later time, loses the others, and goes when it was sent long ago", async () => {
    await finishedCampaign(OLD_MS);
    const waiting = createMessageId(OLD_MS + 1);
    await single(waiting, new Date(Date.now() + 400 * DAY_MS));
    await passDays(31);
    expect(await drop()).toEqual({ months: [], busy: 0 });
    expect(await removeRows()).toBe(true);
    expect(await rowsIn(OLD, "attempt", "campaign", "chunk")).toEqual({
      ...{ [OLD]: 1, attempt: 0, campaign: 1, chunk: 2 },
    });
    expect(await bench.ledger.messages.find(waiting)).toMatchObject({ state: "scheduled" });

    await bench.pool.query("update volley.message set state = 'cancelled' where id = $1", [waiting]);
    await bench.pool.query(
      "update volley.chunk set state = 'done', done_at = now() where campaign_id is null",
    );
    await passDays(31);
    expect(await drop()).toEqual({ months: [OLD], busy: 0 });
    await removeRows();
    expect(await rowsIn("message", "chunk", "campaign", "campaign_count")).toEqual({
      ...{ message: 0, chunk: 0, campaign: 0, campaign_count: 0 },
    });
  });

  it("is tried again when somebody held the table, and nobody waited for it", async () => {
    await finishedCampaign(OLD_MS);
    await passDays(31);
    const holder = await bench.pool.connect();
    await holder.query("begin; lock table volley.message in access share mode");
    expect(await drop()).toEqual({ months: [], busy: 1 });
    await single(createMessageId(Date.now()));
    await holder.query("rollback");
    holder.release();
    expect(await drop()).toEqual({ months: [OLD], busy: 0 });
  });
});

it("what has no month is removed row by row, but not what is open", async () => {
  const { ids } = await finishedCampaign(Date.UTC(2019, 5, 1));
  const waiting = createMessageId(Date.UTC(2019, 5, 1));
  await single(waiting);
  await passDays(31);
  expect(await rowsIn("message_rest")).toEqual({ message_rest: ids.length + 1 });
  expect(await removeRows()).toBe(true);
  expect(await rowsIn("message_rest", "attempt", "campaign", "chunk")).toEqual({
    ...{ message_rest: 1, attempt: 0, campaign: 0, chunk: 1 },
  });
});

it("what people wrote goes with its time, unless somebody has to decide about it", async () => {
  const { suppressions } = bench.ledger;
  const sms = (index: number, text: string) => ({
    ...{ kind: "text" as const, from: phone(index), to: null, at: null, providerMessageId: null },
    text: { reveal: () => text },
  });
  await suppressions.applyInbound("main", [sms(1, "please stop"), sms(2, "hello")] as never);
  await passDays(31);
  await bench.ledger.retention.emptyBodies(KEPT_MS);
  const { rows } = await bench.pool.query("select text from volley.inbound order by id");
  expect(rows).toEqual([{ text: "please stop" }, { text: null }]);
  await removeRows();
  expect(await rowsIn("inbound")).toEqual({ inbound: 1 });
  expect(await suppressions.reviews({ limit: 5 })).toHaveLength(1);
});

it("what an account's caps counted goes with its time", async () => {
  const { accountDays } = bench.ledger;
  const book = () =>
    accountDays.book("main", { messages: 1, costMicros: 0 }, { messages: 5, costMicros: null });
  await book();
  await bench.pool.query(
    "update volley.account_day set day = day - 31, booked_at = booked_at - interval '31 days'",
  );
  await book();
  await removeRows();
  expect(await accountDays.today()).toMatchObject([{ account: "main", messages: 1 }]);
  expect(await rowsIn("account_day")).toEqual({ account_day: 1 });
});

describe("contents", () => {
  const contents = async () =>
    (
      await bench.pool.query<{ state: string; full: number }>(
        `select state, count(*) filter (where text is not null or field_values is not null or metadata is not null)::int
           as full from volley.message group by 1 order by 1`,
      )
    ).rows;
  const emptyAll = async () => {
    while (await bench.ledger.retention.emptyBodies(KEPT_MS));
  };

  it("are emptied when their chunk was done long ago; states, numbers and counts stay", async () => {
    const { id } = await finishedCampaign(Date.now());
    await emptyAll();
    expect(await contents()).toMatchObject([{ full: 3 }, { full: 2 }, { full: 1 }]);
    await passDays(31);
    await emptyAll();
    expect(await contents()).toEqual([
      { state: "accepted", full: 0 },
      { state: "rejected", full: 0 },
      { state: "unknown", full: 0 },
    ]);
    await audit(bench, id);
    expect(await bench.ledger.messages.list({ to: phone(1) }, { limit: 5 })).toHaveLength(1);
  });

  it("of a message that is still to be sent stay", async () => {
    await addCampaign(bench, { recipients: 3 });
    await passDays(31);
    await emptyAll();
    expect(await contents()).toEqual([{ state: "queued", full: 3 }]);
  });

  it("that are gone are not sent: a person cannot have such an unknown sent again", async () => {
    const { ids } = await finishedCampaign(Date.now());
    const [unknown = ids[0]] = ids;
    await passDays(31);
    await emptyAll();
    expect(await bench.ledger.unknowns.resolve(unknown as MessageId, "resend")).toBe("no-content");
    expect(await bench.ledger.unknowns.resolve(unknown as MessageId, "failed")).toBe("failed");
  });

  it("of a chunk that was opened again stay until it has been done for long enough", async () => {
    const { id, ids } = await finishedCampaign(Date.now());
    const unknown = ids[0] as MessageId;
    expect(await bench.ledger.unknowns.resolve(unknown, "resend")).toBe("queued");
    await passDays(31);
    await emptyAll();
    expect(await contents()).toMatchObject([{ state: "queued", full: 1 }, { full: 3 }, { full: 2 }]);
    const { rows } = await bench.pool.query<{ id: never }>("select id from volley.chunk");
    await bench.pool.query("update volley.chunk set due_at = now()");
    const chunk = await claim(bench, rows[0]?.id ?? ("" as never));
    if (chunk === null) throw new Error("nobody else can hold the chunk");
    await bench.pool.query("update volley.message set state = 'cancelled' where id = $1", [unknown]);
    await bench.ledger.chunks.finish(chunk, 1000);
    await passDays(31);
    await emptyAll();
    expect(await contents()).toMatchObject([{ full: 0 }, { full: 0 }, { full: 0 }]);
    expect((await bench.ledger.campaigns.find(id))?.state).toBe("running");
  });
});
