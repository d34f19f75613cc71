// Accounts over the API: how they stand, with and without the engine, and a token by hand.

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const accountOf = async (bench: ApiBench, wanted: string) =>
  (await bench.call("/v1/accounts")).body.data.find(({ name }: { name: string }) => name === wanted);

it("a refresh gets a new token, and the account shows its generation and age, never the token", async () => {
  const refresh = () => api.call("/v1/accounts/sinch/token/refresh", { method: "POST" });
  expect((await refresh()).body).toMatchObject({ generation: 1, lifeMs: expect.any(Number) });
  expect((await refresh()).body).toMatchObject({ generation: 2 });
  const { rows } = await api.pool.query("select sealed from volley_engine.token_cell");
  const token = String(rows[0].sealed).slice("plain:".length);
  expect(token.length).toBeGreaterThan(5);
  const listed = await api.call("/v1/accounts");
  expect(listed.text).not.toContain(token);
  expect(await accountOf(api, "sinch")).toMatchObject({
    provider: "sinch",
    health: "ok",
    coordination: "ok",
    limits: { requestsPerSecond: 1000, inFlight: 20 },
    token: { generation: 2 },
    pause: null,
  });
});

it("what a cap of the day counts is shown beside the cap, and of no other account", async () => {
  const capped = await openApi({
    change: (doors) => ({
      ...doors,
      rules: { ...doors.rules, currency: "EUR" },
      accounts: new Map(
        [...doors.accounts].map(([name, { account }]) => {
          const dayCap = name === "sinch" ? { messages: 1_000, costMicros: 2_500_000 } : null;
          return [name, { account: { ...account, dayCap } }];
        }),
      ),
    }),
  });
  onTestFinished(capped.close);
  const caps = { messagesMax: 1_000, costMax: "2.50", currency: "EUR" };
  expect((await accountOf(capped, "sinch")).today).toEqual({ messages: 0, cost: "0.00", ...caps });
  const use = { messages: 7, costMicros: 315_000 };
  const booked = await capped.parts.ledger.accountDays.book("sinch", use, {
    messages: null,
    costMicros: null,
  });
  expect((await accountOf(capped, "sinch")).today).toEqual({ messages: 7, cost: "0.315", ...caps });
  expect((await accountOf(capped, "fixed")).today).toBeNull();
  expect(booked.ok).toBe(true);
  await capped.pool.query("update volley.account_day set day = day - 1");
  expect((await accountOf(capped, "sinch")).today).toMatchObject({ messages: 0 });
});

it("a pause and its reason are shown, and that the account is degraded", async () => {
  const account = api.parts.accounts.get("sinch")?.account;
  if (account === undefined) throw new Error("There is no account sinch.");
  await api.parts.limiter.pause(account, 60_000, "server-error");
  await api.parts.ledger.accountHealth.degraded("sinch", "server-error");
  expect(await accountOf(api, "sinch")).toMatchObject({
    health: "degraded",
    degradedForMs: expect.any(Number),
    pause: { reason: "server-error", remainingMs: expect.any(Number) },
  });
  expect((await accountOf(api, "fixed")).pause).toBeNull();
});

it("an account with a fixed key has no token to refresh, and one that there is not is 404", async () => {
  const refresh = (name: string) => api.call(`/v1/accounts/${name}/token/refresh`, { method: "POST" });
  expect(await refresh("fixed")).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect(await refresh("nobody")).toMatchObject({ status: 404, body: { code: "not_found" } });
});

it("refused credentials are the provider's word, not a fault of ours", async () => {
  const reply = await api.call("/v1/accounts/refused/token/refresh", { method: "POST" });
  expect(reply).toMatchObject({ status: 502, body: { code: "provider_failed" } });
  expect(reply.text).not.toContain("wrong-secret");
});

it("an engine that does not answer is told of, and the accounts all the same", async () => {
  const stuck = await openApi({
    change: (doors) => ({ ...doors, limiter: { state: () => new Promise(() => undefined) } }),
  });
  onTestFinished(stuck.close);
  expect(await accountOf(stuck, "sinch")).toMatchObject({
    coordination: "unreachable",
    token: null,
    pause: null,
    health: "ok",
  });
});
