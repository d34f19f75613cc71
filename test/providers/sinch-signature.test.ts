// Sinch's signature. The signed example is the one that sinch/sinch-sdk-node publishes (packages/sms, webhook tests).

import { describe, expect, test } from "vitest";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";

const isSigned = providers.sinch.reports?.isSigned;

describe("the signature", () => {
  const secret = sensitive("SMSWebhooksSecret");
  const signedAtMs = 1_736_760_161_000;
  const body =
    '{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client reference","code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466","status":"Delivered","type":"recipient_delivery_report_sms"}';
  const headers = {
    "x-sinch-webhook-signature": "ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0=",
    "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    "x-sinch-webhook-signature-nonce": "01JHFFHWYY7HSS4FWTMDTQEK8V",
    "x-sinch-webhook-signature-timestamp": "1736760161",
  };
  const holds = (change: Record<string, string | undefined> = {}, nowMs = signedAtMs, rawBody = body) =>
    isSigned?.({ headers: { ...headers, ...change }, rawBody: Buffer.from(rawBody) }, secret, nowMs);

  test("of the published example holds", () => {
    expect(holds()).toBe(true);
  });

  test("holds for a day of retries, and for a clock five minutes behind, and not a second longer", () => {
    expect(holds({}, signedAtMs + 86_400_000)).toBe(true);
    expect(holds({}, signedAtMs - 300_000)).toBe(true);
    expect(holds({}, signedAtMs + 86_401_000)).toBe(false);
    expect(holds({}, signedAtMs - 301_000)).toBe(false);
  });

  test("does not hold for another body, secret, nonce or timestamp", () => {
    expect(holds({}, signedAtMs, `${body} `)).toBe(false);
    expect(holds({}, signedAtMs, body.replace('"code":0', '"code":1'))).toBe(false);
    expect(holds({ "x-sinch-webhook-signature-nonce": "01JHFFHWYY7HSS4FWTMDTQEK8W" })).toBe(false);
    expect(holds({ "x-sinch-webhook-signature-timestamp": "1736760162" })).toBe(false);
    const request = { headers, rawBody: Buffer.from(body) };
    expect(isSigned?.(request, sensitive("smswebhookssecret"), signedAtMs)).toBe(false);
  });

  test.each(Object.keys(headers))("without %s, or with rubbish there, does not hold", (name) => {
    expect(holds({ [name]: undefined })).toBe(false);
    for (const rubbish of [
      "",
      " ",
      "x",
      "HmacSHA1",
      "-1736760161",
      "1736760161.0",
      "1e9",
      "9".repeat(5_000),
    ]) {
      expect(holds({ [name]: rubbish })).toBe(false);
    }
  });

  test("cut, or in another case, does not hold", () => {
    const signature = headers["x-sinch-webhook-signature"];
    for (let length = 0; length < signature.length; length += 1) {
      expect(holds({ "x-sinch-webhook-signature": signature.slice(0, length) })).toBe(false);
    }
    expect(holds({ "x-sinch-webhook-signature": signature.toLowerCase() })).toBe(false);
    expect(holds({ "x-sinch-webhook-signature": `${signature}=` })).toBe(false);
  });
});
