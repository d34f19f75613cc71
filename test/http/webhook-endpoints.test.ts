// Webhook endpoints over the API, against a receiver on loopback.

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { deliverWebhooks } from "../../jobs/deliver-webhook.ts";
import { eventTypes } from "../../src/domain/event.ts";
import { type HttpTestServer, startHttpServer } from "../support/http-server.ts";
import { type ApiBench, message, openApi } from "./api-door.ts";

let api: ApiBench;
let receiver: HttpTestServer;
let status = 200;
beforeAll(async () => {
  receiver = await startHttpServer((_call, response) => void response.writeHead(status).end());
  api = await openApi();
});
afterAll(async () => {
  await api.close();
  await receiver.close();
});

const PATH = "/v1/webhook-endpoints";
const NONE = `${PATH}/7f000000-0000-4000-8000-000000000000`;
const wanted = (events: readonly string[] = ["message.accepted"]) => ({
  url: `${receiver.url}/hook`,
  events,
});

async function add(events?: readonly string[]) {
  const { status: code, body } = await api.call(PATH, { body: wanted(events) });
  expect(code).toBe(201);
  onTestFinished(async () => void (await api.call(`${PATH}/${body.id}`, { method: "DELETE" })));
  return body;
}

it("an endpoint is made, shown without its secret, changed and removed", async () => {
  const { secret, ...made } = await add();
  expect(secret).toMatch(/^whsec_/);
  expect(made).toMatchObject({ ...wanted(), enabled: true, disabledReason: null });
  expect((await api.call(`${PATH}/${made.id}`)).body).toEqual(made);
  expect((await api.call(PATH)).body).toEqual({ data: [made], next: null });

  const patch = (body: object) => api.call(`${PATH}/${made.id}`, { method: "PATCH", body });
  expect((await patch({ enabled: false })).body).toMatchObject({ enabled: false, disabledReason: "by-hand" });
  expect((await patch({ enabled: true, events: ["message.failed"] })).body).toMatchObject({
    enabled: true,
    disabledReason: null,
    events: ["message.failed"],
    url: made.url,
  });
  expect((await patch({ url: "not a url" })).body.errors).toMatchObject([{ path: "url" }]);
  expect((await patch({})).status).toBe(400);
  expect((await patch({ enabled: true, secret: "x" })).body.errors).toMatchObject([{ path: "secret" }]);

  expect((await api.call(`${PATH}/${made.id}`, { method: "DELETE" })).status).toBe(204);
  expect((await api.call(`${PATH}/${made.id}`)).status).toBe(404);
});

it("a repeated request under one key makes one endpoint and shows the same secret", async () => {
  const headers = { "idempotency-key": "hook-1" };
  const [first, ...others] = await Promise.all(
    Array.from({ length: 10 }, () => api.call(PATH, { body: wanted(), headers })),
  );
  for (const other of others) expect(other.text).toBe(first?.text);
  const other = await api.call(PATH, { body: wanted(["message.failed"]), headers });
  expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
  expect((await api.call(PATH)).body.data).toHaveLength(1);
  await api.call(`${PATH}/${first?.body.id}`, { method: "DELETE" });
});

it("test sends at once and tells the answer, and the new secret after a rotation signs it", async () => {
  const { id } = await add();
  const { body: fresh } = await api.call(`${PATH}/${id}/rotate`, { method: "POST" });
  expect((await api.call(`${PATH}/${id}/test`, { method: "POST" })).body).toEqual({
    delivered: true,
    status: 200,
    reason: null,
  });
  const { headers = {}, body = "" } = receiver.calls.at(-1) ?? {};
  const signed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  expect(new Webhook(fresh.secret).verify(body, signed)).toMatchObject({ type: "webhook.test" });

  status = 503;
  onTestFinished(() => {
    status = 200;
  });
  const refused = await api.call(`${PATH}/${id}/test`, { method: "POST", body: "" });
  expect(refused.body).toEqual({ delivered: false, status: 503, reason: "server-error" });
});

it("replay brings back what happened, and deliveries pages through how it went", async () => {
  const { id } = await add(eventTypes);
  const gone = "+46701740611";
  for (let index = 0; index < 3; index += 1) await api.call("/v1/messages", { body: message({ to: gone }) });
  await api.call(`/v1/suppressions/${gone}`, { method: "PUT", body: { reason: "complaint" } });
  const { signal } = new AbortController();
  await deliverWebhooks(api.parts, { endpoint: id }, signal);

  const seen: { eventId: string; state: string; type: string }[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { body } = await api.call(`${PATH}/${id}/deliveries?limit=2${query}`);
    seen.push(...body.data);
    cursor = body.next;
  }
  expect(seen.map(({ type }) => type).toSorted()).toEqual([
    "message.suppressed",
    "message.suppressed",
    "message.suppressed",
    "recipient.opted_out",
  ]);
  expect(new Set(seen.map(({ eventId }) => eventId)).size).toBe(4);
  expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(["delivered"]));

  const again = await api.call(`${PATH}/${id}/replay`, { body: { since: "2020-01-01T00:00:00Z" } });
  expect(again).toMatchObject({ status: 202, body: { events: 4 } });
  const future = await api.call(`${PATH}/${id}/replay`, { body: { since: "2100-01-01T00:00:00Z" } });
  expect(future.body).toEqual({ events: 0 });
  const wrong = await api.call(`${PATH}/${id}/replay`, { body: { since: "yesterday" } });
  expect(wrong).toMatchObject({ status: 400, body: { errors: [{ path: "since" }] } });
});

it.each([
  ["GET", ""],
  ["PATCH", "", { enabled: true }],
  ["DELETE", ""],
  ["POST", "/rotate"],
  ["POST", "/test"],
  ["POST", "/replay", { since: "2026-01-01T00:00:00Z" }],
  ["GET", "/deliveries"],
])("%s %s of an endpoint that there is not is 404", async (method, path, body?) => {
  expect(await api.call(NONE + path, { method, body })).toMatchObject({
    status: 404,
    body: { code: "not_found" },
  });
});

it("events that there are not are refused by their place", async () => {
  const { status: code, body } = await api.call(PATH, { body: wanted(["message.accepted", "message.sent"]) });
  expect(code).toBe(400);
  expect(body.errors).toMatchObject([{ path: "events.1" }]);
});
