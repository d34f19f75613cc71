// GET /metrics: what an operator draws, and nobody's number, text or campaign.

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type ApiBench, message, NUMBER, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const scrape = async (bench: ApiBench) => (await bench.call("/metrics")).text;
const NOBODY = "01900000-0000-7000-8000-000000000000";

/** The figure with these labels, in any order; null: there is none. */
function figure(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | null {
  for (const line of text.split("\n")) {
    const [, found, inside = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (found !== name) continue;
    if (Object.entries(labels).every(([label, wanted]) => inside.includes(`${label}="${wanted}"`))) {
      return Number(value);
    }
  }
  return null;
}

it("says how much waits, how campaigns and accounts stand, and how long requests take", async () => {
  const recipients = [{ to: "+46701740001", name: "Ada" }];
  const { body } = await api.call("/v1/campaigns", {
    body: { name: "secret-name", template: "Hi {{name}}", recipients },
  });
  await api.call(`/v1/campaigns/${body.id}/start`, { method: "POST" });
  await api.call("/v1/messages", { body: message({ text: "secret-text" }) });
  await api.call("/v1/accounts/sinch/token/refresh", { method: "POST" });
  await api.parts.ledger.accountHealth.degraded("fixed", "server-error");
  await api.pool.query(
    "insert into volley.overdue (message_id, account) select gen_random_uuid(), 'sinch' from generate_series(1, 3)",
  );
  await api.parts.ledger.inbox.store({ account: "sinch", body: Buffer.from("{}") });

  const text = await scrape(api);
  expect(figure(text, "volley_campaign_messages", { account: "sinch", state: "queued" })).toBe(1);
  expect(figure(text, "volley_backlog_messages", { account: "sinch", state: "released" })).toBe(2);
  expect(figure(text, "volley_backlog_oldest_seconds", { account: "sinch" })).toBeGreaterThanOrEqual(0);
  expect(figure(text, "volley_overdue_messages", { account: "sinch" })).toBe(3);
  expect(figure(text, "volley_inbox_unread")).toBe(1);
  expect(figure(text, "volley_account_degraded", { account: "fixed" })).toBe(1);
  expect(figure(text, "volley_account_degraded", { account: "sinch" })).toBe(0);
  expect(figure(text, "volley_token_generation", { account: "sinch" })).toBe(1);
  expect(figure(text, "volley_token_age_seconds", { account: "sinch" })).toBeGreaterThanOrEqual(0);
  expect(figure(text, "volley_token_age_seconds", { account: "fixed" })).toBeNull();
  expect(figure(text, "volley_account_pause_seconds", { account: "sinch" })).toBe(0);
  expect(figure(text, "volley_engine_up", { account: "sinch" })).toBe(1);
  const posts = { method: "POST", route: "/v1/messages", status: "202" };
  expect(figure(text, "volley_http_request_seconds_count", posts)).toBe(1);
  expect(figure(text, "process_cpu_seconds_total")).toBeGreaterThan(0);
  for (const hidden of [NUMBER, NUMBER.slice(1), "secret-name", "secret-text", body.id]) {
    expect(text).not.toContain(hidden);
  }
});

it("knows requests by the pattern of their route, whatever paths are asked for", async () => {
  const own = await openApi();
  onTestFinished(own.close);
  await Promise.all(Array.from({ length: 20 }, (_, index) => own.call(`/v1/none-${index}`)));
  await Promise.all(Array.from({ length: 20 }, (_, index) => own.call(`/${index}`)));
  await own.call(`/v1/campaigns/${NOBODY}`);
  await own.call("/v1/suppressions/%2B46701740605", { method: "DELETE" });
  const lines = (await scrape(own))
    .split("\n")
    .filter((line) => line.startsWith("volley_http_request_seconds_count"));
  expect(lines.map((line) => /route="([^"]*)"/.exec(line)?.[1]).toSorted()).toEqual([
    "/v1/campaigns/:id",
    "/v1/suppressions/:number",
    "none",
  ]);
});

it("reads the ledger once for all who ask, and answers while the engine does not", async () => {
  let reads = 0;
  const own = await openApi({
    change: (doors) => ({
      ...doors,
      limiter: { state: () => new Promise(() => undefined) },
      ledger: {
        ...doors.ledger,
        standing: () => {
          reads += 1;
          return doors.ledger.standing();
        },
      },
    }),
  });
  onTestFinished(own.close);
  const texts = await Promise.all(Array.from({ length: 20 }, () => scrape(own)));
  expect(reads).toBe(1);
  expect(figure(texts[0] ?? "", "volley_engine_up", { account: "sinch" })).toBe(0);
});

it("is for keys with the scope admin, and for nobody without a key", async () => {
  const { key } = await api.createKey("messages:read", "campaigns:read");
  expect((await api.call("/metrics", { key })).status).toBe(403);
  const stranger = await api.call("/metrics", { key: null });
  expect(stranger).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  expect(stranger.text).not.toContain("volley_");
});
