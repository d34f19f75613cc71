// Who may call the API, and how much: keys, scopes, revocation and the rate limit.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ApiScope, apiScopes } from "../../src/domain/api-key.ts";
import { type ApiBench, message, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const ID = "7f000000-0000-4000-8000-000000000000";
const routes: readonly [string, string, ApiScope][] = [
  ["POST", "/v1/messages", "messages:send"],
  ["GET", "/v1/messages", "messages:read"],
  ["GET", `/v1/messages/${ID}`, "messages:read"],
  ["DELETE", `/v1/messages/${ID}`, "messages:send"],
  ["POST", "/v1/messages/retry-failed", "messages:send"],
  ["POST", "/v1/campaigns", "campaigns:write"],
  ["GET", "/v1/campaigns", "campaigns:read"],
  ["GET", `/v1/campaigns/${ID}`, "campaigns:read"],
  ["PATCH", `/v1/campaigns/${ID}`, "campaigns:write"],
  ["DELETE", `/v1/campaigns/${ID}`, "campaigns:write"],
  ["PUT", `/v1/campaigns/${ID}/recipients`, "campaigns:write"],
  ["POST", `/v1/campaigns/${ID}/start`, "campaigns:write"],
  ["POST", `/v1/campaigns/${ID}/pause`, "campaigns:write"],
  ["POST", `/v1/campaigns/${ID}/resume`, "campaigns:write"],
  ["POST", `/v1/campaigns/${ID}/cancel`, "campaigns:write"],
  ["POST", `/v1/campaigns/${ID}/retry-failed`, "campaigns:write"],
  ["GET", `/v1/campaigns/${ID}/export.csv`, "messages:read"],
  ["GET", "/v1/suppressions", "suppressions:manage"],
  ["PUT", "/v1/suppressions/%2B46701740605", "suppressions:manage"],
  ["DELETE", "/v1/suppressions/%2B46701740605", "suppressions:manage"],
  ["POST", "/v1/webhook-endpoints", "webhooks:manage"],
  ["GET", "/v1/webhook-endpoints", "webhooks:manage"],
  ["GET", `/v1/webhook-endpoints/${ID}`, "webhooks:manage"],
  ["PATCH", `/v1/webhook-endpoints/${ID}`, "webhooks:manage"],
  ["DELETE", `/v1/webhook-endpoints/${ID}`, "webhooks:manage"],
  ["POST", `/v1/webhook-endpoints/${ID}/rotate`, "webhooks:manage"],
  ["POST", `/v1/webhook-endpoints/${ID}/replay`, "webhooks:manage"],
  ["POST", `/v1/webhook-endpoints/${ID}/test`, "webhooks:manage"],
  ["GET", `/v1/webhook-endpoints/${ID}/deliveries`, "webhooks:manage"],
  ["GET", "/v1/accounts", "admin"],
  ["POST", "/v1/accounts/none/token/refresh", "admin"],
  ["POST", "/v1/erasures", "admin"],
  ["GET", "/metrics", "admin"],
];

describe("a route", () => {
  it.each(routes)("%s %s wants its one scope, and names it", async (method, path, scope) => {
    const others = apiScopes.filter((one) => one !== scope && one !== "admin");
    const { key: poor } = await api.createKey(...others);
    expect(await api.call(path, { method, key: poor })).toMatchObject({
      status: 403,
      body: { code: "scope_required", detail: expect.stringContaining(scope) },
    });
    const { key: right } = await api.createKey(scope);
    expect([401, 403]).not.toContain((await api.call(path, { method, key: right })).status);
    expect([401, 403]).not.toContain((await api.call(path, { method })).status);
  });

  it("that is described refuses every key but those with its scope", async () => {
    const keys = new Map<string, string>();
    for (const scope of apiScopes) {
      keys.set(
        scope,
        (await api.createKey(...apiScopes.filter((one) => one !== scope && one !== "admin"))).key,
      );
    }
    const { paths } = (await api.call("/openapi.json")).body;
    for (const [pattern, methods] of Object.entries<Record<string, { security: object[] }>>(paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        const [scope = ""] = Object.values(security[0] ?? {}).flat();
        const path = pattern.replaceAll(/\{\w+\}/g, ID);
        const reply = await api.call(path, { method: method.toUpperCase(), key: keys.get(scope) ?? null });
        expect(reply.status, `${method} ${pattern}`).toBe(403);
        expect(reply.body.detail).toContain(scope);
        const stranger = await api.call(path, { method: method.toUpperCase(), key: null });
        expect(stranger.status, `${method} ${pattern}`).toBe(401);
      }
    }
  });

  it.each([
    ["no header", {}],
    ["another scheme", { authorization: "Basic dms6eA==" }],
    ["no key", { authorization: "Bearer " }],
    ["a key that nobody has", { authorization: `Bearer vk_${"a".repeat(43)}` }],
    ["a key that is too short", { authorization: "Bearer vk_abc" }],
    ["half a header of a kilobyte", { authorization: `Bearer ${"vk_".repeat(300)}` }],
  ])("with %s is 401 with a hint, whether there is such a path or not", async (_name, headers) => {
    for (const path of ["/v1/messages", "/v1/none", "/v1"]) {
      const reply = await api.call(path, { key: null, headers: headers as Record<string, string> });
      expect(reply, path).toMatchObject({
        status: 401,
        body: { code: "unauthenticated", detail: expect.stringContaining("volley key create") },
      });
      expect(reply.headers.get("www-authenticate")).toContain("Bearer");
    }
  });

  it("that there is not is 404, and with another method 405 with those that there are", async () => {
    expect(await api.call("/v1/none")).toMatchObject({ status: 404, body: { code: "not_found" } });
    const refused = await api.call("/v1/messages", { method: "PUT" });
    expect(refused).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(refused.headers.get("allow")?.split(", ").toSorted()).toEqual(["GET", "HEAD", "POST"]);
    for (const path of [`/v1/messages/${ID}`, "/v1/suppressions/1", "/v1/accounts/x/token/refresh"]) {
      expect((await api.call(path, { method: "PATCH" })).status, path).toBe(405);
    }
  });
});

it("without any key configured, nobody is let in", async () => {
  const empty = await openApi();
  onTestFinished(empty.close);
  await empty.pool.query("delete from volley.api_key");
  expect((await empty.call("/v1/messages")).status).toBe(401);
});

it("a revoked key stops within two seconds, though it is in use all the time", async () => {
  const { id, key } = await api.createKey("messages:read");
  expect((await api.call("/v1/messages", { key })).status).toBe(200);
  expect(await api.parts.ledger.apiKeys.revoke(id)).toBe(true);
  await expect.poll(async () => (await api.call("/v1/messages", { key })).status, { interval: 50 }).toBe(401);
});

it("the use of a key is noted", async () => {
  const { id, key } = await api.createKey("messages:read");
  await api.call("/v1/messages", { key });
  const used = (await api.parts.ledger.apiKeys.list()).find((one) => one.id === id);
  expect(used?.lastUsedAt).toBeInstanceOf(Date);
});

it("a key that asks too often is told when to come back, and others go on", async () => {
  const slow = await openApi({ bounds: { requestsPerSecond: 3 } });
  onTestFinished(slow.close);
  const { key } = await slow.createKey("messages:read", "messages:send");
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => slow.call("/v1/messages", { key, body: message() })),
  );
  const refused = replies.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  for (const reply of refused) {
    expect(reply.body.code).toBe("rate_limited");
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  }
  const accepted = replies.filter(({ status }) => status === 202).length;
  expect(accepted + refused.length).toBe(30);
  expect(await slow.countMessages()).toBe(accepted);
  expect((await slow.call("/v1/messages")).status).toBe(200);
});
