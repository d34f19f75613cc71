// The typed client against a real server: every operation of the API's own description, and what can go wrong between.

import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createClient, isApiError } from "../src/client.ts";
import { type ApiBench, message, NUMBER, openApi } from "./http/api-door.ts";

const KEY = "visit 17/a?b";
const CSV = "phone,name\n+46701740601,Ada\n+46701740602,Björn\n12,Nobody\n";
const NOBODY = "01890000-0000-7000-8000-000000000000";

let api: ApiBench;
/** Method and path of each request, as they came by. */
const asked: string[] = [];
let front: { readonly url: string; readonly close: () => Promise<void> };
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  api = await openApi();
  front = await listen((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url?.split("?")[0]}`);
    const { method = "GET", headers, url = "/" } = incoming;
    const through = request(api.url + url, { method, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    outgoing.once("close", () => through.destroy());
    through.on("error", () => outgoing.destroy());
    incoming.pipe(through);
  });
  client = createClient({ url: `${front.url}/`, apiKey: api.admin });
});
afterAll(async () => {
  await front.close();
  await api.close();
});

async function listen(answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void) {
  const server: Server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function* bytes(text: string) {
  // In pieces that break lines and letters.
  for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
}

async function problemOf(work: Promise<unknown>) {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (isApiError(error)) return error.problem;
  throw new Error("It was not refused by the API.", { cause: error });
}

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

it("messages are sent once under a key, shown, listed, taken back and retried", async () => {
  const { messages } = client;
  const wish = message({ sendAt: tomorrow(), reference: "order 17" });
  const sent = await messages.send(wish, { idempotencyKey: "order-17" });
  expect(sent).toMatchObject({ state: "scheduled", segments: 1 });
  expect(await messages.send(wish, { idempotencyKey: "order-17" })).toEqual(sent);
  const reused = messages.send(message(), { idempotencyKey: "order-17" });
  expect(await problemOf(reused)).toMatchObject({ status: 422, code: "idempotency_key_reused" });
  expect(await messages.get(sent.id)).toMatchObject({ to: NUMBER, reference: "order 17" });
  expect((await messages.list({ to: NUMBER, limit: 10 })).data.map(({ id }) => id)).toEqual([sent.id]);
  expect(await messages.cancel(sent.id)).toEqual({ id: sent.id, state: "cancelled" });
  expect(await messages.retryFailed()).toMatchObject({ accepted: 0 });
});

it("a campaign is drafted, edited, filled, looked at, moved, exported, retried and removed", async () => {
  const { campaigns } = client;
  const { id } = await campaigns.create({ name: "spring", template: "Hi {{name}}", sendAt: tomorrow() });
  expect(await campaigns.edit(id, { name: "summer" })).toMatchObject({ name: "summer", state: "draft" });
  const upload = await campaigns.upload(id, { type: "text/csv", stream: bytes(CSV) }, { country: "SE" });
  expect(upload).toMatchObject({ accepted: 2, invalid: 1, errors: [{ row: 4 }] });
  expect(await campaigns.preview(id)).toMatchObject({ messages: 2, segments: 2 });
  expect(await campaigns.start(id)).toMatchObject({ state: "scheduled" });
  expect(await campaigns.pause(id)).toMatchObject({ state: "paused" });
  expect(await campaigns.resume(id)).toMatchObject({ state: "scheduled" });
  expect(await campaigns.cancel(id)).toMatchObject({ state: "cancelled" });
  expect(await campaigns.get(id)).toMatchObject({ total: 2, state: "cancelled" });
  expect((await campaigns.list({ limit: 1 })).data).toMatchObject([{ id }]);
  expect(await campaigns.retryFailed(id)).toMatchObject({ id: null, accepted: 0 });
  let file = "";
  for await (const piece of campaigns.exportCsv(id)) file += Buffer.from(piece).toString();
  expect(file.trim().split("\n")).toHaveLength(3);
  await expect.poll(() => campaigns.remove(id).catch(() => null)).toEqual({ id, deleted: true });
});

it("a reminder is kept under any key, listed and called off", async () => {
  const { reminders } = client;
  const wish = { to: NUMBER, text: "Tomorrow.", at: tomorrow() };
  expect(await reminders.put(KEY, wish)).toMatchObject({ key: KEY, outcome: "created" });
  expect(await reminders.put(KEY, wish)).toMatchObject({ outcome: "unchanged" });
  expect(await reminders.get(KEY)).toMatchObject({ key: KEY, to: NUMBER });
  expect((await reminders.list()).data).toHaveLength(1);
  expect(await reminders.cancel(KEY)).toMatchObject({ takenBack: true });
});

it("people opt out, come back, and are forgotten", async () => {
  const { suppressions } = client;
  expect(await suppressions.add(NUMBER, { reason: "asked by phone" })).toMatchObject({ number: NUMBER });
  expect((await suppressions.list()).data).toHaveLength(1);
  expect(await suppressions.remove(NUMBER)).toBeUndefined();
  expect(await client.erase(NUMBER)).toMatchObject({ messages: 2 });
});

it("webhooks are registered, changed, tested, replayed and removed", async () => {
  const { webhookEndpoints } = client;
  const receiver = await listen((_, outgoing) => void outgoing.writeHead(204).end());
  onTestFinished(receiver.close);
  const { id, secret } = await webhookEndpoints.create({ url: receiver.url, events: ["message.accepted"] });
  expect((await webhookEndpoints.rotate(id)).secret).not.toBe(secret);
  const changed = await webhookEndpoints.edit(id, { events: ["message.failed"] });
  expect(changed).toMatchObject({ events: ["message.failed"] });
  expect(await webhookEndpoints.get(id)).toEqual(changed);
  expect((await webhookEndpoints.list()).data).toEqual([changed]);
  expect(await webhookEndpoints.test(id)).toMatchObject({ delivered: true, status: 204 });
  expect(await webhookEndpoints.replay(id, { since: tomorrow() })).toEqual({ events: 0 });
  expect((await webhookEndpoints.deliveries(id, { limit: 5 })).next).toBeNull();
  expect(await webhookEndpoints.remove(id)).toBeUndefined();
});

it("accounts are shown and get new tokens; events tell of them and of campaigns", async () => {
  const { data } = await client.accounts.list();
  expect(data.map(({ name }) => name)).toEqual(["sinch", "refused", "fixed"]);
  expect(await client.accounts.refreshToken("sinch")).toMatchObject({ generation: 1 });

  const { id } = await client.campaigns.create({ name: "live", template: "Hi", sendAt: tomorrow() });
  await client.campaigns.upload(id, { type: "application/x-ndjson", stream: bytes(`{"to":"${NUMBER}"}`) });
  await client.campaigns.start(id);
  const seen = new Set<string>();
  for await (const { type, data } of client.events()) {
    seen.add(type === "campaign" ? `${data.id} ${data.state} ${data.total}` : `${data.name} ${data.health}`);
    if (seen.size === 4) break;
  }
  expect(seen).toEqual(new Set([`${id} scheduled 1`, "sinch ok", "refused ok", "fixed ok"]));
});

it("no operation of the description is missing", async () => {
  const { paths } = (await api.call("/openapi.json")).body;
  const operations = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // The path with fewer names for anything comes first: /messages/retry-failed is no message.
  const forms = operations
    .toSorted((one, other) => one.split("{").length - other.split("{").length)
    .map((operation) => ({ operation, form: new RegExp(`^${operation.replace(/\{[^}]+\}/g, "[^/]+")}$`) }));
  const called = asked.map((one) => forms.find(({ form }) => form.test(one))?.operation ?? one);
  expect([...new Set(called)].toSorted()).toEqual(operations.toSorted());
});

it("a refusal tells its code, and which fields", async () => {
  expect(await problemOf(client.messages.get(NOBODY))).toMatchObject({ status: 404, code: "not_found" });
  expect(await problemOf(client.messages.send(message({ to: "12" })))).toMatchObject({
    code: "invalid_request",
    errors: [{ path: "to" }],
  });
  const stranger = createClient({ url: front.url, apiKey: "vk_nobody" });
  expect(await problemOf(stranger.accounts.list())).toMatchObject({ status: 401 });
  expect(await problemOf(stranger.events().next())).toMatchObject({ status: 401 });
});

const PAGE = "<html>Bad gateway</html>";
it.each([
  [502, "text/html", PAGE],
  [502, "application/problem+json", PAGE],
  [502, "application/problem+json", "null"],
  [403, "application/problem+json", `{"type":"about:blank","title":"Blocked","status":403}`],
  [200, "text/html", PAGE],
  [200, "text/plain", ""],
])("what something in between answers is a refusal, too: %i %s %s", async (status, type, text) => {
  const proxy = await listen((_, outgoing) => {
    outgoing.writeHead(status, { "content-type": type }).end(text);
  });
  onTestFinished(proxy.close);
  const lost = createClient({ url: proxy.url, apiKey: "vk_x" });
  const file = lost.campaigns.exportCsv(NOBODY);
  for (const work of [lost.accounts.list(), lost.events().next(), file.next()]) {
    expect(await problemOf(work)).toMatchObject({ status, code: "unavailable", title: `HTTP ${status}` });
  }
});

it("a redirect is not followed: the message would become a question for the list", async () => {
  const methods: (string | undefined)[] = [];
  const moved = await listen(({ method }, outgoing) => {
    methods.push(method);
    outgoing.writeHead(302, { location: "/v1/messages" }).end();
  });
  onTestFinished(moved.close);
  const { messages } = createClient({ url: moved.url, apiKey: "vk_x" });
  expect(await problemOf(messages.send(message()))).toMatchObject({ status: 302 });
  expect(methods).toEqual(["POST"]);
});

it("a server that says nothing, and one that hangs up, are errors of the connection", async () => {
  const silent = await listen(() => undefined);
  const rude = await listen((incoming) => void incoming.socket.destroy());
  onTestFinished(silent.close);
  onTestFinished(rude.close);
  const waiting = createClient({ url: silent.url, apiKey: "vk_x", timeoutMs: 50 }).accounts.list();
  await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
  await expect(createClient({ url: rude.url, apiKey: "vk_x" }).accounts.list()).rejects.toThrow(
    "fetch failed",
  );
});

it("a stream of events ends with its connection when its reader leaves, or when its signal says so", async () => {
  const closed: Promise<unknown>[] = [];
  const server = await listen((_, outgoing) => {
    closed.push(once(outgoing, "close"));
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    outgoing.write(`event: account\r\ndata: {"name": "one"}\r\n\r\n`);
  });
  onTestFinished(server.close);
  const { events } = createClient({ url: server.url, apiKey: "vk_x" });
  for await (const { data } of events()) {
    expect(data).toEqual({ name: "one" });
    break;
  }
  await closed[0];

  const stop = new AbortController();
  const stream = events({ signal: stop.signal });
  expect((await stream.next()).done).toBe(false);
  const silence = stream.next();
  stop.abort(new Error("enough"));
  await expect(silence).rejects.toThrow("enough");
  await closed[1];
});

it("an upload has no time limit, and ends when its signal says so", async () => {
  const begun = Promise.withResolvers<void>();
  const server = await listen((incoming) => {
    incoming.on("error", () => undefined).once("data", () => begun.resolve());
  });
  onTestFinished(server.close);
  const { campaigns } = createClient({ url: server.url, apiKey: "vk_x", timeoutMs: 1 });
  const stop = new AbortController();
  const endless = new ReadableStream<Uint8Array>({ start: (rows) => rows.enqueue(Buffer.from(CSV)) });
  const { signal } = stop;
  const upload = campaigns.upload(NOBODY, { type: "text/csv", stream: endless, signal });
  const refused = expect(upload).rejects.toThrow("enough");
  await begun.promise;
  stop.abort(new Error("enough"));
  await refused;
});

it("an export that breaks off throws: it is not the whole file", async () => {
  const server = await listen((_, outgoing) => {
    outgoing.writeHead(200, { "content-type": "text/csv" });
    outgoing.write("id,to\n", () => outgoing.destroy());
  });
  onTestFinished(server.close);
  const { campaigns } = createClient({ url: server.url, apiKey: "vk_x" });
  await expect(Array.fromAsync(campaigns.exportCsv(NOBODY))).rejects.toThrow("terminated");
});
