// Deliveries to a real receiver on loopback, which verifies every signature; and to addresses that are none of ours.

import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import { type EventBody, eventTypes } from "../../src/domain/event.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { createGuardedClient } from "../../src/platform/guarded-client.ts";
import { type ResolveName, resolveBySystem } from "../../src/platform/resolve-name.ts";
import { createAddressFilter } from "../../src/webhooks/address-filter.ts";
import { createWebhookSender } from "../../src/webhooks/deliver.ts";
import { createWebhookSecret, type WebhookSecrets } from "../../src/webhooks/sign.ts";
import { type ReceivedCall, startHttpServer } from "../support/http-server.ts";

const id = "0190b5f0-1111-7000-8000-000000000001";
const secret = createWebhookSecret();

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function setup(options: { development: boolean; resolve?: ResolveName; deadlineMs?: number }) {
  const { development, resolve = resolveBySystem, ...rest } = options;
  const mayConnect = createAddressFilter({ allowPrivate: development });
  const client = createGuardedClient({ mayConnect, resolve });
  cleanUps.push(client.close);
  const sender = createWebhookSender({ client, development, ...rest });
  return (url: string, body: string, secrets: WebhookSecrets = [secret]) =>
    sender.send({ url, id, timestamp: new Date(), body: sensitive(body), secrets });
}

async function startReceiver(answer: (response: ServerResponse) => void = (response) => response.end()) {
  const server = await startHttpServer((_call, response) => answer(response));
  cleanUps.push(server.close);
  return server;
}

/** As a customer would: throws when no signature fits. */
function verify(call: ReceivedCall | undefined, by = secret): unknown {
  const headers = Object.entries(call?.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return new Webhook(by.reveal()).verify(call?.body ?? "", Object.fromEntries(headers));
}

describe("a delivery", () => {
  test("of each type of event arrives whole, signed, and under the event's id", async () => {
    const receiver = await startReceiver();
    const send = setup({ development: true });
    for (const type of eventTypes) {
      const event: EventBody = {
        type,
        timestamp: "2026-11-22T12:00:00.000Z",
        data: { text: "grüß dich 👋" },
      };
      expect(await send(receiver.url, JSON.stringify(event))).toEqual({ kind: "delivered", status: 200 });
      expect(verify(receiver.calls.at(-1))).toEqual(event);
    }
    for (const call of receiver.calls)
      expect(call.headers).toMatchObject({ "webhook-id": id, "content-type": "application/json" });
    expect(receiver.calls).toHaveLength(eventTypes.length);
  });

  test("during a rotation is verified by the old secret and by the new one", async () => {
    const receiver = await startReceiver();
    const newer = createWebhookSecret();
    await setup({ development: true })(receiver.url, '{"a":1}', [newer, secret]);
    expect(verify(receiver.calls[0], newer)).toEqual({ a: 1 });
    expect(verify(receiver.calls[0], secret)).toEqual({ a: 1 });
  });

  test.each([
    [200, { kind: "delivered", status: 200 }],
    [201, { kind: "delivered", status: 201 }],
    [204, { kind: "delivered", status: 204 }],
    [299, { kind: "delivered", status: 299 }],
    [304, { kind: "failed", status: 304, reason: "redirect", retryAfterMs: null }],
    [400, { kind: "failed", status: 400, reason: "client-error", retryAfterMs: null }],
    [401, { kind: "failed", status: 401, reason: "client-error", retryAfterMs: null }],
    [410, { kind: "gone" }],
    [500, { kind: "failed", status: 500, reason: "server-error", retryAfterMs: null }],
    [599, { kind: "failed", status: 599, reason: "server-error", retryAfterMs: null }],
  ])("answered by %i ends as it should, whatever the body says", async (status, outcome) => {
    const receiver = await startReceiver((response) => response.writeHead(status).end());
    expect(await setup({ development: true })(receiver.url, "{}")).toEqual(outcome);
  });

  test.each([
    ["3600", 3_600_000],
    ["999999999", 36_000_000],
    ["-1", null],
    ["abc", null],
  ])("told to wait by Retry-After %s passes on %j ms", async (value, retryAfterMs) => {
    const receiver = await startReceiver((response) =>
      response.writeHead(429, { "retry-after": value }).end(),
    );
    const outcome = await setup({ development: true })(receiver.url, "{}");
    expect(outcome).toEqual({ kind: "failed", status: 429, reason: "throttled", retryAfterMs });
  });

  test("redirected to a cloud's metadata fails there and goes nowhere", async () => {
    const location = "http://169.254.169.254/latest/meta-data/";
    const receiver = await startReceiver((response) => response.writeHead(302, { location }).end());
    const outcome = await setup({ development: true })(receiver.url, "{}");
    expect(outcome).toEqual({ kind: "failed", status: 302, reason: "redirect", retryAfterMs: null });
    expect(receiver.calls).toHaveLength(1);
  });

  test("that is never answered fails at the deadline, and nothing that was said is repeated", async () => {
    const receiver = await startReceiver(() => undefined);
    const outcome = await setup({ development: true, deadlineMs: 150 })(receiver.url, "{}");
    expect(outcome).toEqual({ kind: "failed", status: null, reason: "deadline", retryAfterMs: null });
  });
});

describe("in production nothing connects to this machine", () => {
  test.each([
    ["127.0.0.1", "private-address"],
    ["127.1", "private-address"],
    ["0x7f000001", "private-address"],
    ["2130706433", "private-address"],
    ["0.0.0.0", "private-address"],
    ["[::1]", "private-address"],
    ["[::ffff:127.0.0.1]", "private-address"],
    ["[::ffff:169.254.169.254]", "private-address"],
    ["[64:ff9b::7f00:1]", "private-address"],
    ["localhost", "private-name"],
    ["user@127.0.0.1", "credentials"],
  ])("by https://%s", async (host, reason) => {
    const receiver = await startReceiver();
    const port = new URL(receiver.url).port;
    const send = setup({ development: false });
    expect(await send(`https://${host}:${port}/`, "{}")).toEqual({ kind: "refused", reason });
    expect(await send(`http://${host}:${port}/`, "{}")).toEqual({ kind: "refused", reason: "not-https" });
    expect(receiver.connectionCount()).toBe(0);
  });

  test.each([
    ["127.0.0.1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["0.0.0.0"],
    ["169.254.169.254"],
  ])("by a name that was public when it was stored and leads to %s now", async (address) => {
    const receiver = await startReceiver();
    const answers = [["8.8.8.8"], [address]];
    const resolve = async () => answers.shift() ?? [];
    const url = `https://rebinding.example.com:${new URL(receiver.url).port}/`;
    expect((await resolve()).every(createAddressFilter({ allowPrivate: false }))).toBe(true);
    const outcome = await setup({ development: false, resolve })(url, "{}");
    expect(outcome).toEqual({ kind: "refused", reason: "private-address" });
    expect(receiver.connectionCount()).toBe(0);
  });
});

test("a sender for production does not trust a client for development", async () => {
  const receiver = await startReceiver();
  const client = createGuardedClient({ mayConnect: () => true, resolve: resolveBySystem });
  cleanUps.push(client.close);
  const sender = createWebhookSender({ client, development: false });
  const content = { id, timestamp: new Date(), body: sensitive("{}") };
  const outcome = await sender.send({ ...content, url: receiver.url, secrets: [secret] });
  expect(outcome).toEqual({ kind: "refused", reason: "not-https" });
  expect(receiver.connectionCount()).toBe(0);
});
