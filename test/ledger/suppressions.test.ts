import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { CampaignId, MessageClass, MessageId } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import type { ClaimedChunk } from "../../src/ledger/chunks.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { suppressWaiting } from "../../src/ledger/suppress-waiting.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createDatabase } from "../support/database.ts";
import {
  addCampaign,
  audit,
  claim,
  type LedgerBench,
  openLedgerBench,
  optOut,
  phone,
  silent,
} from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query(
    `truncate volley.suppression, volley.inbound, volley.message, volley.chunk, volley.attempt,
       volley.campaign, volley.campaign_count cascade`,
  );
});

async function setup(recipients: number, messageClass: MessageClass = "marketing") {
  const campaign = await addCampaign(bench, { recipients, messageClass });
  const chunk = await claim(bench, campaign.chunkId);
  if (chunk === null) throw new Error("nobody else can hold the chunk");
  const messages = await bench.ledger.chunks.load(chunk.id);
  return { id: campaign.id, chunk, ids: messages.map((message) => message.id) };
}

function open(chunk: ClaimedChunk, ids: readonly MessageId[], ledger = bench.ledger) {
  const callId = createCallId(chunk.id);
  return ledger.attempts.open(
    ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })),
  );
}

const add = (...people: PhoneNumber[]) =>
  bench.ledger.suppressions.add(people.map((number) => optOut(number)));

const counts = (id: CampaignId) => bench.ledger.campaigns.counts(id);

/** Resolves when this many statements wait for a lock that another one holds. */
async function untilWaiting(statements: number): Promise<void> {
  await expect
    .poll(async () => {
      const { rowCount } = await bench.pool.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rowCount;
    })
    .toBe(statements);
}

async function beginTransaction() {
  const client = await bench.pool.connect();
  await client.query("begin");
  onTestFinished(async () => client.release(true));
  return client;
}

describe("an opt-out", () => {
  it("takes back what waits for the person, and the campaign's counts go with it", async () => {
    const { id, chunk, ids } = await setup(5);
    expect(await open(chunk, ids.slice(0, 1))).toEqual(["sending"]);
    expect(await add(phone(0), phone(1), phone(2))).toEqual({ added: 3, suppressed: 2 });
    expect(await counts(id)).toEqual({ sending: 1, suppressed: 2, queued: 2 });
    const message = await bench.ledger.messages.find(ids[1] as MessageId);
    expect(message).toMatchObject({ state: "suppressed", reason: "opted-out" });
    await audit(bench, id);
  });

  it("takes back what is scheduled, too", async () => {
    const { id, ids } = await setup(2);
    await bench.pool.query("alter table volley.message disable trigger refuse_illegal_move");
    await bench.pool.query("update volley.message set state = 'scheduled' where id = $1", [ids[0]]);
    await bench.pool.query("alter table volley.message enable trigger refuse_illegal_move");
    await bench.pool.query(
      `insert into volley.campaign_count (campaign_id, slot, state, messages)
       values ($1, -1, 'queued', -1), ($1, -1, 'scheduled', 1)`,
      [id],
    );
    expect(await add(phone(0))).toEqual({ added: 1, suppressed: 1 });
    expect(await counts(id)).toEqual({ queued: 1, suppressed: 1 });
    await audit(bench, id);
  });

  it("made twice, or twice in one list, is one", async () => {
    expect(await add(phone(1), phone(2), phone(1))).toMatchObject({ added: 2 });
    expect(await add(phone(2), phone(3))).toMatchObject({ added: 1 });
    expect(await bench.ledger.suppressions.counts()).toEqual({ person: 3 });
  });

  it("holds until it is removed, and what it took back stays taken back", async () => {
    const { id } = await setup(1);
    await add(phone(0));
    expect(await bench.ledger.suppressions.has(phone(0))).toBe(true);
    expect(await bench.ledger.suppressions.remove(phone(0))).toBe(true);
    expect(await bench.ledger.suppressions.remove(phone(0))).toBe(false);
    expect(await bench.ledger.suppressions.has(phone(0))).toBe(false);
    expect(await counts(id)).toEqual({ suppressed: 1 });
    expect(await counts((await setup(1)).id)).toEqual({ queued: 1 });
  });

  it("leaves a draft's rows alone: the draft can be discarded, or its messages are withheld later", async () => {
    const { id, chunkId } = await addCampaign(bench, { recipients: 2 });
    await bench.pool.query("delete from volley.campaign_count where campaign_id = $1", [id]);
    await bench.pool.query("update volley.campaign set state = 'draft' where id = $1", [id]);
    expect(await add(phone(0))).toEqual({ added: 1, suppressed: 0 });
    await bench.ledger.campaigns.discardDraft(id);
    expect(await bench.ledger.campaigns.find(id)).toBeNull();
    expect(await claim(bench, chunkId)).toBeNull();
  });

  it("outlives the erasure of its number", async () => {
    await add(phone(0), phone(1));
    await bench.ledger.suppressions.forget(phone(0));
    const { rows } = await bench.pool.query(
      "select recipient from volley.suppression order by recipient nulls first",
    );
    expect(rows).toEqual([{ recipient: null }, { recipient: phone(1) }]);
    expect(await bench.ledger.suppressions.has(phone(0))).toBe(true);
    await expect(addCampaign(bench, { recipients: 1 })).rejects.toThrow("kept nobody");
    expect(await bench.ledger.suppressions.remove(phone(0))).toBe(true);
    expect(await counts((await setup(1)).id)).toEqual({ queued: 1 });
  });

  it("is found by a hash that the number alone does not give", async () => {
    await add(phone(0));
    const { rows } = await bench.pool.query(
      "select hash = sha256(convert_to(recipient, 'UTF8')) as guessable from volley.suppression",
    );
    expect(rows).toEqual([{ guessable: false }]);
    await expect(
      bench.pool.query("insert into volley.pepper (key) select key from volley.pepper"),
    ).rejects.toThrow();
  });

  it("keeps a message that was loaded before it from being opened, and says so", async () => {
    const { id, chunk, ids } = await setup(3);
    await add(phone(1));
    expect(await open(chunk, ids)).toEqual(["sending", "suppressed", "sending"]);
    expect(await open(chunk, ids.slice(1, 2))).toEqual(["suppressed"]);
    await audit(bench, id);
  });

  it("holds for a message that comes back to the queue after it", async () => {
    const { id, chunk, ids } = await setup(1);
    const callId = createCallId(chunk.id);
    const [messageId = "" as MessageId] = ids;
    const opening = { messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" };
    await bench.ledger.attempts.open([opening]);
    expect(await add(phone(0))).toEqual({ added: 1, suppressed: 0 });
    const outcome = { kind: "later", reason: "connect-refused", usesTry: true } as const;
    await bench.ledger.attempts.record([{ messageId, callId, outcome, retryInMs: 0, settleInMs: null }]);
    expect(await open(chunk, ids)).toEqual(["suppressed"]);
    await audit(bench, id);
  });

  it("forbids to repeat a call of which nobody knows the end", async () => {
    const { chunk, ids } = await setup(2);
    const callId = createCallId(chunk.id);
    const openings = ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId }));
    await bench.ledger.attempts.open(openings.map((one) => ({ ...one, account: "main" })));
    const outcome = { kind: "unknown", reason: "reset" } as const;
    await bench.ledger.attempts.record(
      ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs: 0 })),
    );
    expect(await bench.ledger.unknowns.grantRepeat(callId)).toBe("granted");
    await add(phone(1));
    expect(await bench.ledger.unknowns.grantRepeat(callId)).toBe("never");
  });

  it.each(["resend", "failed"] as const)(
    "and so does a person's word about one of them: %s",
    async (word) => {
      const { chunk, ids } = await setup(2);
      const callId = createCallId(chunk.id);
      const openings = ids.map((messageId) => ({ messageId, chunkId: chunk.id, lease: chunk.lease, callId }));
      await bench.ledger.attempts.open(openings.map((one) => ({ ...one, account: "main" })));
      const outcome = { kind: "unknown", reason: "reset" } as const;
      await bench.ledger.attempts.record(
        ids.map((messageId) => ({ messageId, callId, outcome, retryInMs: 0, settleInMs: 0 })),
      );
      await bench.ledger.unknowns.resolve(ids[0] as MessageId, word);
      expect(await bench.ledger.unknowns.grantRepeat(callId)).toBe("never");
    },
  );

  it.each([
    ["opted-out", 1],
    ["do-not-disturb", 1],
    ["invalid-recipient", 0],
  ])("is what a provider's refusal for %s means, or not", async (reason, people) => {
    const { id, chunk, ids } = await setup(1);
    const [messageId] = ids;
    if (messageId === undefined) throw new Error("the chunk is empty");
    const callId = createCallId(chunk.id);
    await bench.ledger.attempts.open([
      { messageId, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" },
    ]);
    const outcome = { kind: "rejected", reason } as const;
    await bench.ledger.attempts.record([{ messageId, callId, outcome, retryInMs: 0, settleInMs: null }]);
    const { rows } = await bench.pool.query("select recipient, reason, source from volley.suppression");
    expect(rows).toEqual(people === 0 ? [] : [{ recipient: phone(0), reason, source: "provider" }]);
    await bench.pool.query("delete from volley.suppression");
    await audit(bench, id);
  });
});

describe("between an opt-out and an opening, whoever locks the message first wins:", () => {
  it("the opening: the message goes out, and the opt-out is complete only after it", async () => {
    const { id, ids } = await setup(2);
    const opening = await beginTransaction();
    await opening.query("update volley.message set state = 'sending' where id = any($1)", [ids]);
    let complete = false;
    const adding = add(phone(0), phone(1)).finally(() => {
      complete = true;
    });
    await untilWaiting(1);
    expect(complete).toBe(false);
    await opening.query("commit");
    expect(await adding).toEqual({ added: 2, suppressed: 0 });
    const { rows } = await bench.pool.query("select distinct state from volley.message where id = any($1)", [
      ids,
    ]);
    expect(rows).toEqual([{ state: "sending" }]);
    expect(await counts(id)).toEqual({ queued: 2 });
  });

  it("an opening that fails after all: the opt-out takes the messages back", async () => {
    const { id, ids } = await setup(3);
    const opening = await beginTransaction();
    await opening.query("update volley.message set state = 'sending' where id = any($1)", [ids]);
    const adding = add(phone(0), phone(1));
    await untilWaiting(1);
    await opening.query("rollback");
    expect(await adding).toEqual({ added: 2, suppressed: 2 });
    expect(await counts(id)).toEqual({ queued: 1, suppressed: 2 });
    await audit(bench, id);
  });

  it("the opt-out: the opening that waited for it opens nothing", async () => {
    const { id, chunk, ids } = await setup(2);
    const adding = await beginTransaction();
    await adding.query(
      `insert into volley.suppression (hash, reason, source)
       values (volley.recipient_hash($1), 'asked', 'person')`,
      [phone(0)],
    );
    expect(await suppressWaiting(adding, [phone(0)], { slot: 0, exemptClasses: [] })).toBe(1);
    const opened = open(chunk, ids.slice(0, 1));
    await untilWaiting(1);
    await adding.query("commit");
    expect(await opened).toEqual(["suppressed"]);
    await audit(bench, id);
  });

  it("whatever happens at once, each message is sent or suppressed, never both, and the counts agree", async () => {
    const { id, chunk, ids } = await setup(200);
    const people = ids.map((_, index) => phone(index));
    const openings = Array.from({ length: 20 }, (_, at) => open(chunk, ids.slice(at * 10, at * 10 + 10)));
    const optOuts = Array.from({ length: 10 }, (_, at) => add(...people.slice(at * 20, at * 20 + 20)));
    const opened = (await Promise.all(openings)).flat();
    const suppressed = (await Promise.all(optOuts)).reduce((sum, one) => sum + one.suppressed, 0);
    const sending = opened.filter((state) => state === "sending").length;
    const withheld = (await counts(id)).suppressed ?? 0;
    expect(sending + withheld).toBe(200);
    expect(suppressed).toBeLessThanOrEqual(withheld);
    await audit(bench, id);
  });
});

describe("a class that is exempt", () => {
  const exempt = () => createLedger({ pool: bench.pool, exemptClasses: ["transactional"] });

  it("reaches people who opted out, at every check; the other classes do not", async () => {
    const ledger = exempt();
    const { id, chunk, ids } = await setup(2, "transactional");
    const other = await setup(2, "reminder");
    expect(await ledger.suppressions.add([optOut(phone(0))])).toEqual({ added: 1, suppressed: 1 });
    expect(await counts(id)).toEqual({ queued: 2 });
    expect(await counts(other.id)).toEqual({ queued: 1, suppressed: 1 });
    expect(await open(chunk, ids, ledger)).toEqual(["sending", "sending"]);
    const both = await addCampaign({ ledger }, { recipients: 2, messageClass: "transactional" });
    expect(await counts(both.id)).toEqual({ queued: 2 });
    const one = await addCampaign({ ledger }, { recipients: 2, messageClass: "marketing" });
    expect(await counts(one.id)).toEqual({ queued: 1 });
    await audit(bench, id);
  });

  it("is none unless that was asked for", async () => {
    await add(phone(0));
    await expect(addCampaign(bench, { recipients: 1, messageClass: "transactional" })).rejects.toThrow();
  });
});

describe("the list", () => {
  it("has each person once, newest first, over pages whose rows share one moment", async () => {
    await add(...Array.from({ length: 7 }, (_, index) => phone(index)));
    await add(phone(7));
    const seen: (PhoneNumber | null)[] = [];
    let before: string | undefined;
    for (;;) {
      const page = await bench.ledger.suppressions.list({ before, limit: 3 });
      seen.push(...(page?.optOuts ?? []).map(({ number }) => number));
      if (page === null || page.next === null) break;
      before = page.next;
    }
    expect(seen[0]).toBe(phone(7));
    expect(seen.toSorted()).toEqual(Array.from({ length: 8 }, (_, index) => phone(index)));
  });

  it.each(["", "x", "1-2", "99999999999999999-00", "1'; drop"])("has no page after %j", async (before) => {
    expect(await bench.ledger.suppressions.list({ before, limit: 3 })).toBeNull();
  });
});

it("a list that has grown is measured anew at once, so that no plan takes it for a short one", async () => {
  await add(phone(0));
  await bench.pool.query("analyze volley.suppression");
  await add(...Array.from({ length: 1000 }, (_, index) => phone(index)));
  const { rows } = await bench.pool.query<{ reltuples: number }>(
    "select reltuples from pg_class where oid = 'volley.suppression'::regclass",
  );
  expect(rows).toEqual([{ reltuples: 1000 }]);
});

it("the opt-outs of a database from before the hash are kept", async () => {
  const database = await createDatabase({ empty: true });
  onTestFinished(() => database.drop());
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 2, log: silent });
  onTestFinished(() => pool.end());
  const folder = join(import.meta.dirname, "../../src/ledger/migrations");
  await pool.query("create schema volley; create table volley.migration (name text primary key)");
  for (const name of ["0001-ledger", "0002-routes"]) {
    const sql = await readFile(join(folder, `${name}.sql`), "utf8");
    await pool.query(`begin; set local search_path to volley; ${sql}; commit`);
    await pool.query("insert into volley.migration (name) values ($1)", [name]);
  }
  await pool.query("insert into volley.suppression (recipient, reason) values ($1, 'STOP')", [phone(0)]);
  const ledger = createLedger({ pool });
  await ledger.migrate();
  expect(await ledger.suppressions.has(phone(0))).toBe(true);
  expect(await ledger.suppressions.has(phone(1))).toBe(false);
  expect((await ledger.suppressions.list({ limit: 10 }))?.optOuts).toMatchObject([
    { number: phone(0), reason: "STOP", source: "person" },
  ]);
});
