// Keys of the API in the ledger: only their hash is kept, and a revoked one is nobody's.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiKeyId, apiScopes, hashApiKey, mayUse } from "../../src/domain/api-key.ts";
import { type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

async function create(...scopes: (typeof apiScopes)[number][]) {
  const { apiKeys } = bench.ledger;
  const { apiKey, key } = await apiKeys.create({ name: "shop", scopes });
  const text = apiKeys.showKey(key);
  const hash = hashApiKey(text);
  if (hash === null) throw new Error("A new key has not the form of a key.");
  return { apiKey, key, text, hash };
}

it("a new key is known by its hash, and stands nowhere in the database", async () => {
  const { apiKey, key, text, hash } = await create("messages:send");
  expect(text).toMatch(/^vk_[A-Za-z0-9_-]{43}$/);
  expect(`${key}`).toBe("[hidden]");
  expect(await bench.ledger.apiKeys.use(hash)).toEqual({ id: apiKey.id, scopes: ["messages:send"] });
  const { rows } = await bench.pool.query("select k::text as row from volley.api_key k");
  expect(JSON.stringify(rows)).not.toContain(text.slice(3));
  expect(JSON.stringify(rows)).not.toContain(Buffer.from(text).toString("hex"));
});

it("no two keys are the same, and another key is nobody's", async () => {
  const [one, other] = [await create("admin"), await create("admin")];
  expect(one.text).not.toBe(other.text);
  const stranger = hashApiKey(`vk_${"x".repeat(43)}`);
  expect(stranger).not.toBeNull();
  expect(stranger === null ? null : await bench.ledger.apiKeys.use(stranger)).toBeNull();
});

it("a revoked key is nobody's, and stays on the list", async () => {
  const { apiKey, hash } = await create("messages:read");
  expect(await bench.ledger.apiKeys.revoke(apiKey.id)).toBe(true);
  expect(await bench.ledger.apiKeys.revoke(apiKey.id)).toBe(false);
  expect(await bench.ledger.apiKeys.revoke("7f000000-0000-4000-8000-000000000000" as ApiKeyId)).toBe(false);
  expect(await bench.ledger.apiKeys.use(hash)).toBeNull();
  const [newest] = await bench.ledger.apiKeys.list();
  expect(newest).toMatchObject({ id: apiKey.id, name: "shop", revokedAt: expect.any(Date) });
});

it("a use is noted at most once a minute", async () => {
  const { apiKey, hash } = await create("messages:read");
  const lastUse = async () =>
    (await bench.ledger.apiKeys.list()).find(({ id }) => id === apiKey.id)?.lastUsedAt ?? null;
  const shift = (by: string) =>
    bench.pool.query("update volley.api_key set last_used_at = now() - $2::interval where id = $1", [
      apiKey.id,
      by,
    ]);
  expect(await lastUse()).toBeNull();
  await bench.ledger.apiKeys.use(hash);
  expect(await lastUse()).not.toBeNull();
  await shift("50 seconds");
  const before = await lastUse();
  await bench.ledger.apiKeys.use(hash);
  expect(await lastUse()).toEqual(before);
  await shift("70 seconds");
  await bench.ledger.apiKeys.use(hash);
  expect((await lastUse())?.getTime()).toBeGreaterThan(before?.getTime() ?? Number.POSITIVE_INFINITY);
});

it.each(["", "vk_", "vk_short", `sk_${"a".repeat(43)}`, `vk_${"a".repeat(44)}`, `vk_${"a".repeat(42)}=`])(
  "%j is not looked for",
  (text) => expect(hashApiKey(text)).toBeNull(),
);

it("admin may do everything, and no other scope more than its own", () => {
  for (const scope of apiScopes) {
    expect(mayUse(["admin"], scope)).toBe(true);
    for (const wanted of apiScopes)
      expect(mayUse([scope], wanted)).toBe(scope === wanted || scope === "admin");
  }
});
