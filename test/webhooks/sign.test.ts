// Our signatures as the specification's own package sees them.

import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { sensitive } from "../../src/domain/sensitive.ts";
import { createWebhookSecret, signWebhook } from "../../src/webhooks/sign.ts";

const id = "0190b5f0-1111-7000-8000-000000000001";
const now = () => new Date();

test("the specification's example gives the specification's signature", () => {
  const headers = signWebhook(
    {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: new Date(1_614_265_330_000),
      body: sensitive('{"test": 2432232314}'),
    },
    [sensitive("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
  );
  expect(headers).toEqual({
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("the standardwebhooks package verifies any body that we sign", () => {
  const secret = createWebhookSecret();
  const receiver = new Webhook(secret.reveal());
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const body = JSON.stringify(value);
      const headers = signWebhook({ id, timestamp: now(), body: sensitive(body) }, [secret]);
      expect(receiver.verify(body, headers)).toEqual(JSON.parse(body));
    }),
  );
});

test("while a secret is rotated, receivers with the old one and with the new one both verify", () => {
  const [older, newer, strange] = [createWebhookSecret(), createWebhookSecret(), createWebhookSecret()];
  const body = '{"type":"message.delivered"}';
  const headers = signWebhook({ id, timestamp: now(), body: sensitive(body) }, [newer, older]);
  expect(headers["webhook-signature"]).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
  expect(new Webhook(older.reveal()).verify(body, headers)).toBeDefined();
  expect(new Webhook(newer.reveal()).verify(body, headers)).toBeDefined();
  expect(() => new Webhook(strange.reveal()).verify(body, headers)).toThrow("No matching signature");
});

test("a changed body, id or time is not verified", () => {
  const secret = createWebhookSecret();
  const receiver = new Webhook(secret.reveal());
  const timestamp = now();
  const headers = signWebhook({ id, timestamp, body: sensitive("{}") }, [secret]);
  const later = String(Math.floor(timestamp.getTime() / 1000) + 1);
  expect(() => receiver.verify("{ }", headers)).toThrow();
  expect(() => receiver.verify("{}", { ...headers, "webhook-id": `${id}0` })).toThrow();
  expect(() => receiver.verify("{}", { ...headers, "webhook-timestamp": later })).toThrow();
});

describe("secrets", () => {
  test("are 32 random bytes in the specification's form and print masked", () => {
    const secrets = Array.from({ length: 100 }, createWebhookSecret);
    for (const secret of secrets) expect(secret.reveal()).toMatch(/^whsec_[\w+/]{43}=$/);
    expect(new Set(secrets.map((secret) => secret.reveal())).size).toBe(100);
    expect(`${secrets[0]}`).toBe("[hidden]");
  });

  const bytes = (count: number) => `whsec_${Buffer.alloc(count, 7).toString("base64")}`;
  test.each([24, 32, 64])("of %i bytes sign", (count) => {
    const headers = signWebhook({ id, timestamp: now(), body: sensitive("{}") }, [sensitive(bytes(count))]);
    expect(new Webhook(bytes(count)).verify("{}", headers)).toEqual({});
  });

  test.each([
    bytes(23),
    bytes(65),
    "",
    "whsec_",
    bytes(32).slice(6),
    `${bytes(32)}!`,
    bytes(32).replace("w", "W"),
    `${bytes(24)} `,
  ])("damaged like %j never sign, and the complaint does not show them", (secret) => {
    const attempt = () => signWebhook({ id, timestamp: now(), body: sensitive("{}") }, [sensitive(secret)]);
    expect(attempt).toThrow(/^A webhook secret /);
  });
});

test.each(["", "a.b", "a b", "a\r\nb", "ü", "x".repeat(129)])("the id %j is not signed", (odd) => {
  const content = { id: odd, timestamp: now(), body: sensitive("{}") };
  expect(() => signWebhook(content, [createWebhookSecret()])).toThrow(/^An event's id /);
});
