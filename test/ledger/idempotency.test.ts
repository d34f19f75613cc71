// Requests under a key: what they create, the key and the answer stand together, once, or not at all.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createMessageId } from "../../src/domain/ids.ts";
import { type SealKey, seal } from "../../src/domain/seal.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { RequestKey } from "../../src/ledger/idempotency.ts";
import { type Creators, createLedger } from "../../src/ledger/ledger.ts";
import { type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const sha256 = (text: string) => createHash("sha256").update(text).digest();
const request = (changes: Partial<RequestKey> = {}): RequestKey => ({
  owner: randomUUID(),
  keyHash: sha256("key"),
  fingerprint: sha256("body"),
  ...changes,
});

async function addMessage({ chunks }: Creators) {
  const id = createMessageId(Date.now());
  await chunks.add({
    campaignId: null,
    accounts: ["main"],
    class: "transactional",
    sender: null,
    state: "released",
    messages: [{ id, to: phone(1), position: 0, segments: 1, text: sensitive("Hello"), values: null }],
  });
  return { status: 202, body: { id } };
}

async function count(table: "message" | "idempotency_key"): Promise<number> {
  const { rows } = await bench.pool.query(`select count(*)::int as rows from volley.${table}`);
  return rows[0].rows;
}

const { run, prune } = {
  run: (key: RequestKey, create = addMessage) => bench.ledger.idempotency.run(key, create),
  prune: (limit: number) => bench.ledger.idempotency.prune(limit),
};

describe("one key", () => {
  it("fifty times at once creates one thing, and gives one answer to all", async () => {
    const [key, before] = [request(), await count("message")];
    let created = 0;
    const ends = await Promise.all(
      Array.from({ length: 50 }, () =>
        run(key, (creators) => {
          created += 1;
          return addMessage(creators);
        }),
      ),
    );
    expect(created).toBe(1);
    expect(await count("message")).toBe(before + 1);
    expect(ends.filter(({ kind }) => kind === "done")).toHaveLength(1);
    expect(ends.filter(({ kind }) => kind === "done-before")).toHaveLength(49);
    const answers = new Set(
      ends.map((end) => ("answer" in end ? JSON.stringify(end.answer.body) : end.kind)),
    );
    expect(answers.size).toBe(1);
  });

  it("with another request creates nothing", async () => {
    const key = request();
    await run(key);
    const before = await count("message");
    expect(await run({ ...key, fingerprint: sha256("other") })).toEqual({ kind: "other-request" });
    expect(await count("message")).toBe(before);
  });

  it("of another owner is another key", async () => {
    const key = request();
    const ends = [await run(key), await run({ ...key, owner: randomUUID() })];
    expect(ends.map(({ kind }) => kind)).toEqual(["done", "done"]);
  });
});

describe("a creation that fails", () => {
  it("leaves neither its rows nor its key, and the next request is the first", async () => {
    const key = request();
    const before = [await count("message"), await count("idempotency_key")];
    const failing = run(key, async (creators) => {
      await addMessage(creators);
      throw new Error("refused after all");
    });
    await expect(failing).rejects.toThrow("refused after all");
    expect([await count("message"), await count("idempotency_key")]).toEqual(before);
    expect((await run(key)).kind).toBe("done");
  });

  it("lets the next one of those who wait create instead", async () => {
    const [key, before] = [request(), await count("message")];
    let tries = 0;
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        run(key, async (creators) => {
          tries += 1;
          if (tries <= 3) throw new Error("refused");
          return addMessage(creators);
        }),
      ),
    );
    expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(3);
    expect(tries).toBe(4);
    expect(await count("message")).toBe(before + 1);
  });
});

describe("an answer", () => {
  it("lies sealed when there is a key of encryption, and is lost with it", async () => {
    const open = (encryptionKey: SealKey) => createLedger({ pool: bench.pool, encryptionKey }).idempotency;
    const key = request();
    const answer = { status: 201, body: { secret: "whsec_Quetzalcoatl" } };
    const sealing = open(sensitive(randomBytes(32)));
    await sealing.run(key, async () => answer);
    const { rows } = await bench.pool.query("select answer from volley.idempotency_key where owner = $1", [
      key.owner,
    ]);
    expect(rows[0].answer).not.toContain("Quetzalcoatl");
    expect(await sealing.run(key, addMessage)).toEqual({ kind: "done-before", answer });
    const other = open(sensitive(randomBytes(32))).run(key, addMessage);
    await expect(other).rejects.toMatchObject({ code: "state_conflict" });
  });
});

it("a key whose day is over is as good as new, forgotten or not", async () => {
  const key = request();
  await run(key);
  await bench.pool.query(
    "update volley.idempotency_key set created_at = now() - interval '25 hours' where owner = $1",
    [key.owner],
  );
  const ends = await Promise.all([run(key), run(key), run(key)]);
  expect(ends.map(({ kind }) => kind).toSorted()).toEqual(["done", "done-before", "done-before"]);
});

it("keys are forgotten after a day and not before, a few at a time", async () => {
  onTestFinished(async () => void (await bench.pool.query("delete from volley.idempotency_key")));
  await bench.pool.query("delete from volley.idempotency_key");
  const add = (age: string) =>
    bench.pool.query(
      `insert into volley.idempotency_key (owner, key_hash, fingerprint, status, answer, created_at)
       values ($1, $2, $2, 202, $3, now() - $4::interval)`,
      [randomUUID(), sha256(age), seal(sensitive("{}"), "x", null), age],
    );
  for (const age of ["1 hour", "23 hours", "25 hours", "26 hours", "27 hours"]) await add(age);
  expect([await prune(2), await prune(2), await prune(2)]).toEqual([2, 1, 0]);
  expect(await count("idempotency_key")).toBe(2);
});
