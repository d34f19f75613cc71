// Retries over the API: what failed is sent again once, as a new campaign or as single messages.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorker, type Worker } from "../../jobs/worker.ts";
import { audit } from "../support/ledger.ts";
import { type ApiBench, message, openApi } from "./api-door.ts";

let api: ApiBench;
let worker: Worker;
beforeAll(async () => {
  api = await openApi();
  worker = await startWorker(api.parts);
});
afterAll(async () => {
  await worker.close(5_000);
  await api.close();
});

const NOBODY = "01900000-0000-7000-8000-000000000000";
const REFUSED = ["+46701740003", "+46701740004"];
const retry = (path: string, body?: object, headers: Record<string, string> = {}) =>
  api.call(`${path}/retry-failed`, { method: "POST", headers, ...(body === undefined ? {} : { body }) });
const show = async (id: string) => (await api.call(`/v1/campaigns/${id}`)).body;
const setRefused = (numbers: readonly string[]) =>
  api.simulator.setFaults(
    "sinch",
    numbers.length === 0 ? [] : [{ name: "reject-recipient", numbers: [...numbers] }],
  );

async function finished(id: string, state: string) {
  await expect.poll(async () => (await show(id)).state).toBe(state);
}

it("a campaign's failed messages go on as a new campaign that names the first", async () => {
  setRefused(REFUSED);
  const recipients = Array.from({ length: 6 }, (_, index) => ({ to: `+4670174000${index}` }));
  const { body: created } = await api.call("/v1/campaigns", {
    body: { name: "spring", template: "Hi", recipients },
  });
  await api.call(`/v1/campaigns/${created.id}/start`, { method: "POST" });
  await finished(created.id, "completed_with_failures");
  setRefused([]);

  const key = { "idempotency-key": "retry-1" };
  const first = await retry(`/v1/campaigns/${created.id}`, { through: "sinch" }, key);
  expect(first).toMatchObject({ status: 200, body: { accepted: 2, id: expect.any(String), refusals: [] } });
  await finished(first.body.id, "completed");
  expect(await show(first.body.id)).toMatchObject({ retryOf: created.id, counts: { accepted: 2 } });
  await audit({ ledger: api.parts.ledger, pool: api.pool }, first.body.id);

  const repeated = await retry(`/v1/campaigns/${created.id}`, { through: "sinch" }, key);
  expect(repeated).toMatchObject({ status: 200, body: first.body });
  const other = await retry(`/v1/campaigns/${created.id}`, { through: "fixed" }, key);
  expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
  const second = await retry(`/v1/campaigns/${created.id}`);
  expect(second.body).toMatchObject({ id: null, accepted: 0, skipped: { alreadyRetried: 2 } });
});

it("of ten at once, each single message is taken by one", async () => {
  setRefused(REFUSED);
  const sent = await Promise.all(
    REFUSED.map((to) => api.call("/v1/messages", { body: message({ to, text: "Code" }) })),
  );
  const ids: string[] = sent.map(({ body }) => body.id);
  const stateOf = async (id: string) => (await api.call(`/v1/messages/${id}`)).body.state;
  await expect.poll(() => Promise.all(ids.map(stateOf))).toEqual(["rejected", "rejected"]);
  setRefused([]);
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      retry("/v1/messages", undefined, index % 2 === 0 ? {} : { "idempotency-key": `ten-${index}` }),
    ),
  );
  // Those that find too many others running are told to come back.
  for (const { status } of replies) expect([200, 503]).toContain(status);
  const accepted = replies.reduce((sum, { body }) => sum + (body.accepted ?? 0), 0);
  expect(accepted).toBe(2);
  await expect
    .poll(
      () => REFUSED.map((to) => api.simulator.texts("sinch", to).filter((text) => text === "Code").length),
      {
        timeout: 20_000,
      },
    )
    .toEqual([1, 1]);
  const { data } = (await api.call(`/v1/messages?to=${encodeURIComponent(REFUSED[0] ?? "")}&limit=5`)).body;
  expect(data.find((one: { retryOf: string | null }) => one.retryOf === ids[0])).toBeDefined();
});

describe("a wish", () => {
  it.each<[path: string, body: object]>([
    ["states.0", { states: ["delivered"] }],
    ["states", { states: [] }],
    ["since", { since: "yesterday" }],
    ["until", { since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" }],
    ["colour", { colour: "red" }],
  ])("with a bad %s is refused by its name", async (path, body) => {
    expect(await retry("/v1/messages", body)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  it("through an account that there is not is refused", async () => {
    expect((await retry("/v1/messages", { through: "nobody" })).status).toBe(400);
  });

  it("for a campaign that there is not is 404", async () => {
    expect((await retry(`/v1/campaigns/${NOBODY}`)).status).toBe(404);
  });
});
