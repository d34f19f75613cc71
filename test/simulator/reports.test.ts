// The delivery reports and inbound SMS of the simulated providers, as a receiver on loopback sees them.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how Sinch writes a placeholder.

import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { signSinchReport } from "../../src/simulator/reports-sinch.ts";
import { type Receiver, startReceiver } from "./receiver.ts";
import {
  INFOBIP_SEND,
  MOBILE_DIGITAL_SEND,
  SINCH_BATCHES,
  SMSCX_SEND,
  START_MS,
  startSimulator,
} from "./setup.ts";

const NUMBERS = ["447700900001", "447700900002", "447700900003"];
const CALL = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

type Reports = NonNullable<SimulatorOptions["reports"]>;

/** Everybody gets the message, at once, and repeats do not wait: what a test is about, it says itself. */
async function setup(reports: Reports = {}, options: SimulatorOptions = {}) {
  const receiver = await startReceiver();
  const started = await startSimulator({
    ...options,
    reports: { delayMs: 0, undeliveredShare: 0, retryScale: 0, ...reports },
  });
  const { simulator, post, token } = started;
  const sinch = async (change: object = {}) =>
    post(SINCH_BATCHES, await token("sinch"), {
      from: "Volley",
      to: NUMBERS.slice(0, 1),
      body: "Hello",
      delivery_report: "per_recipient_final",
      callback_url: receiver.url,
      client_reference: "att_01",
      ...change,
    });
  const infobip = async (ids: readonly string[], webhooks: object = { delivery: { url: receiver.url } }) =>
    post(INFOBIP_SEND, await token("infobip"), {
      messages: ids.map((messageId, index) => ({
        sender: "Volley",
        destinations: [{ to: numberAt(index), messageId }],
        content: { text: "Hello" },
        webhooks,
      })),
    });
  const smscx = async (change: object = {}) =>
    post(SMSCX_SEND, await token("smscx"), {
      from: "Volley",
      to: ["+447700900001"],
      text: "Hello",
      trackData: CALL,
      dlrCallbackUrl: receiver.url,
      ...change,
    });
  return { ...started, simulator, receiver, sinch, infobip, smscx };
}

const numberAt = (index: number) => `4477009${String(index).padStart(5, "0")}`;

/** Of reports that carry many. */
function itemsOf(receiver: Receiver): Record<string, unknown>[] {
  return receiver.received.flatMap(({ json }) => (json.results ?? json.data) as Record<string, unknown>[]);
}

describe("Sinch", () => {
  test("reports each recipient in a POST of its own, field by field as documented", async () => {
    const { receiver, simulator, sinch } = await setup();
    const { json: batch } = await sinch({ to: NUMBERS });
    const posts = await receiver.until(3);
    expect(posts.map(({ json }) => json.recipient).toSorted()).toEqual(NUMBERS);
    const first = posts.find(({ json }) => json.recipient === NUMBERS[0]);
    expect(first?.json).toEqual({
      type: "recipient_delivery_report_sms",
      batch_id: (batch as { id: string }).id,
      recipient: "447700900001",
      code: 0,
      status: "Delivered",
      at: "2026-01-01T00:00:00.000Z",
      operator_status_at: "2026-01-01T00:00:00Z",
      client_reference: "att_01",
      applied_originator: "Volley",
      number_of_message_parts: 1,
      encoding: "GSM",
      operator: "23420",
    });
    expect(first?.headers["content-type"]).toBe("application/json");
    expect(first?.path).toBe("/r/abc");
    await simulator.untilReported("sinch", 3);
    expect(simulator.reported("sinch")).toEqual({
      delivered: 3,
      undelivered: 0,
      pending: 0,
      dropped: 0,
      givenUp: 0,
      outside: 0,
      posts: 3,
      postsByStatus: { "200": 3 },
      inbound: 0,
    });
  });

  test.each(["none", undefined])("reports nothing when asked for %s", async (wanted) => {
    const { simulator, sinch } = await setup({ early: true });
    await sinch({ delivery_report: wanted });
    expect(simulator.reported("sinch")).toMatchObject({ pending: 0, posts: 0 });
  });

  test("tells of the dispatch, too, when asked for every change", async () => {
    const { receiver, sinch } = await setup();
    await sinch({ delivery_report: "per_recipient" });
    const posts = await receiver.until(2);
    expect(posts.map(({ json }) => [json.code, json.status])).toEqual([
      [401, "Dispatched"],
      [0, "Delivered"],
    ]);
  });

  test("sums up a batch in one report, with the numbers only in a full one", async () => {
    const { receiver, simulator, sinch } = await setup();
    const parameters = { n: { "447700900001": "Ana", "447700900002": "Bo" } };
    const { json } = await sinch({ to: NUMBERS, body: "Hi ${n}", parameters, delivery_report: "full" });
    await sinch({ to: NUMBERS, delivery_report: "summary" });
    const posts = await receiver.until(2);
    const { id } = json as { id: string };
    expect(posts.find((post) => post.json.batch_id === id)?.json).toEqual({
      type: "delivery_report_sms",
      batch_id: id,
      client_reference: "att_01",
      total_message_count: 3,
      statuses: [
        { code: 0, status: "Delivered", count: 2, recipients: NUMBERS.slice(0, 2) },
        { code: 405, status: "Failed", count: 1, recipients: NUMBERS.slice(2) },
      ],
    });
    expect(posts.find((post) => post.json.batch_id !== id)?.json.statuses).toEqual([
      { code: 0, status: "Delivered", count: 3 },
    ]);
    await simulator.untilReported("sinch", 6);
    expect(simulator.reported("sinch")).toMatchObject({ delivered: 5, undelivered: 1 });
  });

  test("signs like the official client's own example", () => {
    const body =
      '{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client ' +
      'reference","code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466",' +
      '"status":"Delivered","type":"recipient_delivery_report_sms"}';
    const proof = {
      secret: "SMSWebhooksSecret",
      nonce: "01JHFFHWYY7HSS4FWTMDTQEK8V",
      timestamp: 1_736_760_161,
    };
    expect(signSinchReport(body, proof)).toBe(
      "x-sinch-webhook-signature: ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0=\r\n" +
        "x-sinch-webhook-signature-algorithm: HmacSHA256\r\n" +
        "x-sinch-webhook-signature-nonce: 01JHFFHWYY7HSS4FWTMDTQEK8V\r\n" +
        "x-sinch-webhook-signature-timestamp: 1736760161\r\n",
    );
  });

  test("signs what it sends, and logs in as it is told", async () => {
    const { receiver, sinch } = await setup(
      { authorization: "Basic dXNlcjpwYXNz" },
      { providers: { sinch: { hmacSecret: "s3cret" } } },
    );
    await sinch();
    const [first] = await receiver.until(1);
    const headers = first?.headers ?? {};
    const nonce = headers["x-sinch-webhook-signature-nonce"];
    const timestamp = headers["x-sinch-webhook-signature-timestamp"];
    const signed = `${first?.text}.${nonce}.${timestamp}`;
    expect(headers).toMatchObject({
      authorization: "Basic dXNlcjpwYXNz",
      "x-sinch-webhook-signature-algorithm": "HmacSHA256",
      "x-sinch-webhook-signature": createHmac("sha256", "s3cret").update(signed).digest("base64"),
    });
    expect(timestamp).toBe(String(START_MS / 1000));
  });

  test("repeats after 503, 429 and a cut connection, and counts the message once", async () => {
    const { receiver, simulator, sinch } = await setup();
    receiver.answerWith(null, 503, 429, 204);
    await sinch();
    await simulator.untilReported("sinch", 1);
    expect(simulator.reported("sinch")).toMatchObject({
      delivered: 1,
      pending: 0,
      posts: 4,
      postsByStatus: { "503": 1, "429": 1, none: 1, "204": 1 },
    });
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);
  });

  test("drops a report for good when it is answered with a 404", async () => {
    const { receiver, simulator, sinch } = await setup();
    receiver.answerWith(404);
    await sinch();
    await simulator.untilReportsSettled("sinch");
    expect(simulator.reported("sinch")).toMatchObject({ delivered: 0, dropped: 1, posts: 1 });
  });

  test("gives up after sixteen tries", async () => {
    const { receiver, simulator, sinch } = await setup();
    receiver.answerWith(...Array.from({ length: 20 }, () => 500));
    await sinch();
    await simulator.untilReportsSettled("sinch");
    expect(simulator.reported("sinch")).toMatchObject({ givenUp: 1, posts: 16 });
  });
});

describe("Infobip", () => {
  test("reports many messages in one POST, field by field as documented", async () => {
    const { receiver, infobip } = await setup({ early: true });
    const webhooks = { delivery: { url: receiver.url }, callbackData: 'call "1"' };
    const { json } = await infobip(["m-1", "m-2"], webhooks);
    const [post] = await receiver.until(1);
    expect(post?.json).toEqual({
      results: [expect.anything(), expect.objectContaining({ messageId: "m-2" })],
    });
    expect(itemsOf(receiver)[0]).toEqual({
      bulkId: (json as { bulkId: string }).bulkId,
      messageId: "m-1",
      to: numberAt(0),
      sender: "Volley",
      sentAt: "2026-01-01T00:00:00.000+0000",
      doneAt: "2026-01-01T00:00:00.000+0000",
      messageCount: 1,
      price: { pricePerMessage: 0.01, currency: "EUR" },
      mccMnc: "23410",
      callbackData: 'call "1"',
      status: {
        groupId: 3,
        groupName: "DELIVERED",
        id: 5,
        name: "DELIVERED_TO_HANDSET",
        description: expect.any(String),
      },
      error: {
        groupId: 0,
        groupName: "OK",
        id: 0,
        name: "NO_ERROR",
        description: "No Error",
        permanent: false,
      },
    });
  });

  test("puts a hundred into a POST and no more, over requests, unless told otherwise", async () => {
    const { receiver, simulator, infobip } = await setup({ early: true });
    await infobip(Array.from({ length: 250 }, (_none, index) => `m-${index}`));
    await simulator.untilReported("infobip", 250);
    expect(receiver.received.map(({ json }) => (json.results as unknown[]).length)).toEqual([100, 100, 50]);
    simulator.setReports("infobip", { perPostMax: 2 });
    await infobip(["a", "b", "c"]);
    expect(receiver.received.slice(3).map(({ json }) => (json.results as unknown[]).length)).toEqual([2, 1]);
  });

  test("repeats after anything but a 2xx", async () => {
    const { receiver, simulator, infobip } = await setup();
    receiver.answerWith(404, 302, 500);
    await infobip(["m-1"]);
    await simulator.untilReported("infobip", 1);
    expect(simulator.reported("infobip")).toMatchObject({ delivered: 1, posts: 4 });
  });

  test("says nothing about those whom the answer refused, nor when notifying is off", async () => {
    const { simulator, infobip, receiver } = await setup({ early: true });
    simulator.setFaults("infobip", [{ name: "reject-recipient", numbers: [numberAt(0)] }]);
    await infobip(["m-1", "m-2"]);
    expect(itemsOf(receiver).map(({ messageId }) => messageId)).toEqual(["m-2"]);
    await infobip(["m-3", "m-4"], { delivery: { url: receiver.url, notify: false } });
    expect(simulator.reported("infobip")).toMatchObject({ delivered: 1, pending: 0, posts: 1 });
  });

  test("fails with a documented error that says whether it is permanent", async () => {
    const { simulator, infobip, receiver } = await setup({ early: true, undeliveredShare: 1 });
    await infobip(Array.from({ length: 50 }, (_none, index) => `m-${index}`));
    expect(simulator.reported("infobip")).toMatchObject({ delivered: 0, undelivered: 50 });
    const errors = itemsOf(receiver).map(({ error }) => error as { id: number; permanent: boolean });
    const kinds = new Set(errors.map(({ id, permanent }) => `${id} ${permanent}`));
    expect([...kinds].toSorted()).toEqual(["1 true", "27 false", "32 false"]);
  });
});

describe("SMS.CX", () => {
  test("reports by message id with the request's trackData, and without a number", async () => {
    const { receiver, smscx } = await setup({ early: true });
    const { json } = await smscx();
    const { info, data } = json as { info: { campaignId: string }; data: { msgId: string }[] };
    expect(receiver.received.map((post) => post.json)).toEqual([
      {
        event: "dlr_update",
        data: [
          {
            campaignId: info.campaignId,
            msgId: data[0]?.msgId,
            trackData: CALL,
            statusCode: 5,
            status: "DELIVERED",
            errorCode: null,
            datetime: "2026-01-01 00:00:00",
          },
        ],
      },
    ]);
  });

  test("reports a request once, however often it is answered again", async () => {
    const { simulator, smscx } = await setup({ early: true });
    await smscx({ idempotencyId: CALL });
    await smscx({ idempotencyId: CALL });
    expect(simulator.reported("smscx")).toMatchObject({ delivered: 1, posts: 1 });
  });

  test("gives up after five tries", async () => {
    const { receiver, simulator, smscx } = await setup({ undeliveredShare: 1 });
    receiver.answerWith(...Array.from({ length: 5 }, () => 503));
    await smscx();
    await simulator.untilReportsSettled("smscx");
    expect(simulator.reported("smscx")).toMatchObject({ undelivered: 0, givenUp: 1, posts: 5 });
    expect(itemsOf(receiver)[0]).toMatchObject({ status: "FAILED", errorCode: 101 });
  });
});

describe("mobile.digital", () => {
  test("reports nothing until the account has an address, then one message a POST", async () => {
    const { receiver, simulator, post, token } = await setup({ early: true });
    const message = { recipient: "+61400000000", message: "Hello" };
    const bearer = await token("mobile-digital");
    await post(MOBILE_DIGITAL_SEND, bearer, message);
    expect(simulator.reported("mobile-digital")).toMatchObject({ pending: 0, posts: 0 });
    simulator.setReports("mobile-digital", { url: receiver.url });
    const { json } = await post(MOBILE_DIGITAL_SEND, bearer, message);
    expect(receiver.received.map((report) => report.json)).toEqual([
      {
        messageId: (json as { messageId: string }).messageId,
        recipient: "+61400000000",
        status: "delivered",
        timestamp: "2026-01-01T00:00:00.000Z",
      },
    ]);
  });
});

describe("who gets the message", () => {
  test("hangs on the seed and the number, about as often as the share says", async () => {
    const { simulator, infobip, receiver } = await setup({ early: true, undeliveredShare: 0.2 });
    await infobip(Array.from({ length: 1000 }, (_none, index) => `m-${index}`));
    const failed = itemsOf(receiver).filter(({ error }) => (error as { id: number }).id !== 0);
    expect(failed.length).toBeGreaterThan(140);
    expect(failed.length).toBeLessThan(260);
    expect(simulator.reported("infobip").undelivered).toBe(failed.length);
    for (const item of itemsOf(receiver)) {
      const said = failed.includes(item) ? "undelivered" : "delivered";
      expect(simulator.fate("infobip", String(item.to))).toBe(said);
    }
    const other = await setup({ undeliveredShare: 0.2 }, { seed: 2 });
    const differ = itemsOf(receiver).filter(
      ({ to }) => other.simulator.fate("infobip", String(to)) !== simulator.fate("infobip", String(to)),
    );
    expect(differ.length).toBeGreaterThan(100);
  });
});

describe("disorder", () => {
  test("early: the report has been answered before the reply to the request leaves", async () => {
    const { receiver, sinch } = await setup({ early: true, delayMs: 60_000 });
    const order: string[] = [];
    receiver.onPost(() => void order.push("report"));
    await sinch();
    order.push("reply");
    expect(order).toEqual(["report", "reply"]);
  });

  test("a report comes for a message whose reply was lost, and none for one that was refused", async () => {
    const { simulator, sinch, receiver } = await setup({ early: true });
    simulator.setFaults("sinch", [
      { name: "drop-after-accept", count: 1 },
      { name: "503", count: 1 },
    ]);
    await expect(sinch()).rejects.toThrow();
    expect((await sinch()).status).toBe(503);
    expect(simulator.reported("sinch")).toMatchObject({ delivered: 1, posts: 1 });
    expect(receiver.received).toHaveLength(1);
  });

  test("copies: each POST comes so many times, and its messages count once", async () => {
    const { receiver, simulator, infobip } = await setup({ copies: 10 });
    receiver.answerWith(200, 503, 200);
    await infobip(["m-1", "m-2"]);
    const posts = await receiver.until(11);
    expect(new Set(posts.map(({ text }) => text)).size).toBe(1);
    await simulator.untilReported("infobip", 2);
    expect(simulator.reported("infobip")).toMatchObject({ delivered: 2, pending: 0 });
  });

  test("reversed: the last recipient first, the final word before the intermediate one", async () => {
    const { receiver, infobip } = await setup({ reversed: true });
    await infobip(["m-1", "m-2", "m-3"], { delivery: { url: receiver.url, intermediateReport: true } });
    await receiver.until(2);
    expect(
      itemsOf(receiver).map(({ messageId, status }) => [messageId, (status as { id: number }).id]),
    ).toEqual([
      ["m-3", 5],
      ["m-2", 5],
      ["m-1", 5],
      ["m-3", 7],
      ["m-2", 7],
      ["m-1", 7],
    ]);
  });

  test("strays: reports about messages that nobody sent follow, and count for nothing", async () => {
    const { receiver, simulator, smscx } = await setup({ early: true, strays: 3 });
    const { json } = await smscx();
    const { data } = json as { data: { msgId: string }[] };
    expect(receiver.received).toHaveLength(2);
    const ids = itemsOf(receiver).map(({ msgId }) => msgId);
    expect(new Set(ids).size).toBe(4);
    expect(ids.indexOf(data[0]?.msgId)).toBe(0);
    expect(simulator.reported("smscx")).toMatchObject({ delivered: 1, pending: 0, posts: 2 });
  });
});

describe("the sender", () => {
  test("keeps its connections, at most 64 of them", async () => {
    const { receiver, simulator, sinch } = await setup();
    const to = Array.from({ length: 1000 }, (_none, index) => numberAt(index));
    await sinch({ to });
    await simulator.untilReported("sinch", 1000);
    expect(receiver.connections()).toBeLessThanOrEqual(64);
    expect(new Set(receiver.received.map(({ json }) => json.recipient)).size).toBe(1000);
  });

  test.each([
    "https://cb.example/r/abc",
    "http://10.0.0.1/",
    "https://127.0.0.1/",
    "http://127.0.0.1.example/",
  ])("sends nothing to %s and says so", async (url) => {
    const { simulator, sinch } = await setup();
    expect((await sinch({ callback_url: url })).status).toBe(201);
    expect(simulator.reported("sinch")).toMatchObject({ outside: 1, pending: 0, posts: 0 });
  });

  test("forgets on reset what was owed, and sends nothing after the end", async () => {
    const { simulator, sinch } = await setup({ delayMs: 600_000 });
    await sinch();
    expect(simulator.reported("sinch").pending).toBe(1);
    simulator.reset("sinch");
    expect(simulator.reported("sinch").pending).toBe(0);
    await simulator.untilReportsSettled("sinch");
  });

  test("refuses settings that make no sense", async () => {
    const { simulator } = await setup();
    for (const change of [
      { undeliveredShare: 2 },
      { delayMs: -1 },
      { copies: 0 },
      { authorization: "a\r\nb" },
    ]) {
      expect(() => simulator.setReports("sinch", change)).toThrow(/Cannot simulate such reports/);
    }
  });
});

describe("inbound", () => {
  const SMS = { from: "+447700900001", to: "54321", text: "STOP" };

  test.each([
    [
      "sinch",
      {
        type: "mo_text",
        id: expect.stringMatching(/^[0-9A-Z]{26}$/),
        from: "447700900001",
        to: "54321",
        body: "STOP",
        operator_id: "23420",
        sent_at: "2026-01-01T00:00:00.000Z",
        received_at: "2026-01-01T00:00:00.000Z",
      },
    ],
    [
      "infobip",
      {
        results: [
          {
            messageId: expect.any(String),
            from: "447700900001",
            to: "54321",
            text: "STOP",
            cleanText: "",
            keyword: "STOP",
            receivedAt: "2026-01-01T00:00:00.000+0000",
            smsCount: 1,
            price: { pricePerMessage: 0, currency: "EUR" },
            callbackData: "",
          },
        ],
        messageCount: 1,
        pendingMessageCount: 0,
      },
    ],
    [
      "smscx",
      {
        event: "receive_sms",
        data: [
          {
            msgId: expect.any(String),
            from: "+447700900001",
            countryIso: "GB",
            to: "54321",
            text: "STOP",
            cost: 0,
            receivedAt: "2026-01-01 00:00:00",
          },
        ],
      },
    ],
  ] as const)("of %s has the documented body, and is repeated until it is taken", async (provider, body) => {
    const { receiver, simulator } = await setup();
    simulator.setReports(provider, { inboundUrl: receiver.url });
    receiver.answerWith(503);
    expect(await simulator.sendInbound(provider, SMS)).toBe(200);
    expect(receiver.received.map(({ json }) => json)).toEqual([body, body]);
    expect(simulator.reported(provider)).toMatchObject({ inbound: 1, posts: 0 });
  });

  test("SMS.CX tells of an opt-out in its own event", async () => {
    const { receiver, simulator } = await setup();
    simulator.setReports("smscx", { inboundUrl: receiver.url });
    expect(await simulator.sendOptOut("smscx", "+447700900001")).toBe(200);
    expect(receiver.received.map(({ json }) => json)).toEqual([
      {
        event: "new_optout",
        data: [
          {
            hitId: 1,
            optoutId: expect.any(String),
            optoutUrl: expect.any(String),
            optoutType: "link",
            phoneNumber: "+447700900001",
            campaignId: expect.any(String),
            groupId: null,
            countryIso: "GB",
            datetime: "2026-01-01 00:00:00",
          },
        ],
      },
    ]);
  });

  test("is refused where there is no address, or no documented form", async () => {
    const { receiver, simulator } = await setup();
    await expect(simulator.sendInbound("sinch", SMS)).rejects.toMatchObject({ code: "usage" });
    await expect(simulator.sendOptOut("sinch", SMS.from)).rejects.toMatchObject({ code: "usage" });
    simulator.setReports("mobile-digital", { inboundUrl: receiver.url });
    await expect(simulator.sendInbound("mobile-digital", SMS)).rejects.toMatchObject({ code: "usage" });
  });
});

describe("the control door", () => {
  test("sets reports, sends inbound SMS and sums up", async () => {
    const { receiver, get, post, sinch } = await setup({ early: true });
    const provider = "sinch";
    const change = { provider, undeliveredShare: 1, copies: 2, reversed: true, inboundUrl: receiver.url };
    expect((await post("/_/reports", null, change)).json).toEqual({ ok: true });
    await sinch();
    await post("/_/inbound", null, { provider, from: "447700900001", to: "54321", text: "STOP" });
    await receiver.until(3);
    const { json } = await get("/_/summary", null);
    expect(json).toMatchObject({ sinch: { reports: { undelivered: 1, delivered: 0 } } });
    expect((await post("/_/reports", null, { provider, early: "yes" })).status).toBe(400);
    expect((await post("/_/inbound", null, { provider, from: "1" })).status).toBe(400);
    expect((await post("/_/opt-out", null, { provider, number: "+447700900001" })).status).toBe(400);
  });
});
