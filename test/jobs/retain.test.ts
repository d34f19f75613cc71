// The hourly step: what the configuration keeps is kept, what it does not is gone, wherever a process dies.

import { afterEach, beforeEach, expect, it } from "vitest";
import { type Retention, retain } from "../../jobs/retain.ts";
import { again, done } from "../../src/domain/step-end.ts";
import { addPartitions, listPartitions } from "../../src/ledger/partitions.ts";
import { addCampaign, claim, type LedgerBench, openLedgerBench, silent } from "../support/ledger.ts";

let bench: LedgerBench;
beforeEach(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.close());

const parts = (retention: Partial<Retention>, ledger: typeof bench.ledger = bench.ledger) => ({
  ledger,
  config: { retention: { messagesDays: null, bodiesDays: null, ...retention } },
  log: silent,
});

/** A campaign that was cancelled so long ago, as the one month that there is by now. */
async function oldCampaign(days: number): Promise<void> {
  const { id, chunkId } = await addCampaign(bench, { recipients: 5 });
  await bench.ledger.campaigns.cancel(id);
  await bench.pool.query("update volley.chunk set lease = null");
  while (await bench.ledger.campaigns.cancelWaiting(id));
  expect(await claim(bench, chunkId)).toBeNull();
  await bench.ledger.inbox.store({ account: "main", body: Buffer.from("{}") });
  await bench.pool.query(`
    update volley.message set changed_at = now() - interval '${days} days';
    update volley.chunk set done_at = now() - interval '${days} days', created_at = now() - interval '${days} days';
    update volley.campaign set finished_at = now() - interval '${days} days';
    update volley.inbox set read_at = now() - interval '${days} days';
  `);
  // Its ids are of today; their partition ends before today, as if months had passed since.
  await bench.pool.query("alter table volley.message detach partition volley.message_first");
  await bench.pool.query("insert into volley.message_rest select * from volley.message_first");
  await bench.pool.query("drop table volley.message_first");
}

async function left(): Promise<object> {
  const { rows } = await bench.pool.query(
    `select (select count(*)::int from volley.message) as messages,
       (select count(*)::int from volley.message where field_values is not null) as bodies,
       (select count(*)::int from volley.campaign) as campaigns,
       (select count(*)::int from volley.inbox) as posts`,
  );
  return rows[0];
}

it("without retention nothing goes, and the months to come are made ready", async () => {
  await oldCampaign(500);
  const [next] = await listPartitions(bench.pool);
  await bench.pool.query(`drop table volley.${next?.name}`);
  expect(await retain(parts({}))).toEqual(done);
  expect(await left()).toEqual({ messages: 5, bodies: 5, campaigns: 1, posts: 1 });
  expect((await listPartitions(bench.pool)).map(({ name }) => name)).toContain(next?.name);
});

it("bodiesDays empties contents and what providers sent, and leaves the messages", async () => {
  await oldCampaign(10);
  expect(await retain(parts({ bodiesDays: 11 }))).toEqual(done);
  expect(await left()).toEqual({ messages: 5, bodies: 5, campaigns: 1, posts: 1 });
  expect(await retain(parts({ bodiesDays: 9 }))).toEqual(done);
  expect(await left()).toEqual({ messages: 5, bodies: 0, campaigns: 1, posts: 0 });
});

it("while a partition cannot be made the step comes back", async () => {
  const [, next] = await listPartitions(bench.pool);
  await bench.pool.query(`drop table volley.${next?.name}`);
  const holder = await bench.pool.connect();
  await holder.query("begin; lock table volley.message in access share mode");
  expect(await retain(parts({}))).toEqual(again(60_000));
  await holder.query("rollback");
  holder.release();
  expect(await retain(parts({}))).toEqual(done);
  expect(await addPartitions(bench.pool)).toEqual({ added: 0, missing: 0 });
});

it("two at once, and one after a death at any call, remove what one alone removes", async () => {
  await makeOldMonth();
  let calls = 0;
  for (let diesAt = 1; diesAt <= calls + 1; diesAt++) {
    await oldMonthCampaign();
    calls = 0;
    await retain(
      parts(
        KEPT,
        dyingAt(diesAt, () => (calls += 1)),
      ),
    ).catch(() => undefined);
    await Promise.all([retain(parts(KEPT)), retain(parts(KEPT))]);
    expect(await left(), `after a death at call ${diesAt}`).toMatchObject({ messages: 0, campaigns: 0 });
    await makeOldMonth();
  }
  expect(calls).toBeGreaterThan(3);
});

const KEPT = { messagesDays: 30, bodiesDays: 10 };
/** Of January 2020, when campaigns had these ids. */
const OLD_ID = "016f5e66-e800-7000-8000-000000000001";

async function makeOldMonth(): Promise<void> {
  await bench.pool.query("drop table if exists volley.message_first");
  await bench.pool.query(
    `create table if not exists volley.message_2020_01 partition of volley.message
     for values from ('016f5e66-e800-0000-0000-000000000000') to ('016ffe0c-5400-0000-0000-000000000000')`,
  );
}

async function oldMonthCampaign(): Promise<void> {
  await bench.pool.query(`
    with c as (
      insert into volley.campaign (id, name, class, template, state, finished_at)
      values ('${OLD_ID}', 'old', 'marketing', 'x', 'completed', now() - interval '100 days') returning id
    ), k as (
      insert into volley.chunk (campaign_id, account, class, state, messages, done_at)
      select id, 'main', 'marketing', 'done', 1, now() - interval '100 days' from c returning id
    )
    insert into volley.message (id, chunk_id, position, recipient, segments, state, field_values, changed_at)
    select '${OLD_ID}', id, 1, '+447700900000', 1, 'accepted', '["x"]', now() - interval '100 days' from k`);
}

/** The ledger of a process that is gone from its nth call of the retention on. */
function dyingAt(at: number, count: () => number): typeof bench.ledger {
  const retention = new Proxy(bench.ledger.retention, {
    get(owner, name) {
      const call: unknown = Reflect.get(owner, name);
      if (typeof call !== "function") return call;
      return async (...args: unknown[]) => {
        if (count() >= at) throw new Error("The process is gone, as the test wants it.");
        return Reflect.apply(call, owner, args);
      };
    },
  });
  return { ...bench.ledger, retention };
}
