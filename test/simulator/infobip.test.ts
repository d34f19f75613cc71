// Infobip: the token, the documented answer, every violation, what happens to single people, and the logs.

import { describe, expect, test } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { ask, INFOBIP_LOGS, INFOBIP_SEND, startSimulator } from "./setup.ts";

const TO = "447700900001";
const PLAIN = { messages: [{ sender: "Volley", destinations: [{ to: TO }], content: { text: "Hello" } }] };
const ACCEPTED = {
  groupId: 1,
  groupName: "PENDING",
  id: 26,
  name: "PENDING_ACCEPTED",
  description: "Message sent to next instance",
};
const rejected = (id: number, name: string) => ({
  groupId: 5,
  groupName: "REJECTED",
  id,
  name,
  description: expect.any(String),
  action: expect.any(String),
});

type Sent = { readonly messages: readonly { readonly messageId: string; readonly status: { id: number } }[] };

async function setup(options: SimulatorOptions = {}) {
  const started = await startSimulator(options);
  const token = await started.token("infobip");
  const send = (body: unknown, headers?: Record<string, string>) =>
    started.post(INFOBIP_SEND, token, body, headers);
  const sendTo = (...destinations: readonly object[]) =>
    send({ messages: [{ destinations, content: { text: "Hello" } }] });
  const statusesOf = async (...destinations: readonly object[]) =>
    ((await sendTo(...destinations)).json as Sent).messages.map(({ status }) => status.id);
  const find = (query: string) => started.get(`${INFOBIP_LOGS}${query}`, token);
  return { ...started, token, send, sendTo, statusesOf, find };
}

const apiError = (errorCode: string, violations: unknown = []) => ({
  errorCode,
  description: expect.any(String),
  action: expect.any(String),
  violations,
  resources: [],
});

const serviceException = (messageId: string) => ({
  requestError: { serviceException: { messageId, text: expect.any(String) } },
});

describe("the token endpoint", () => {
  test("takes id and secret in the form and answers the three documented fields", async () => {
    const { simulator } = await startSimulator();
    expect(simulator.tokenUrl("infobip")).toBe(`${simulator.url}/infobip/auth/1/oauth2/token`);
    const { status, json } = await ask(simulator.tokenUrl("infobip"), {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "client_id=demo-id&client_secret=demo-secret&grant_type=client_credentials",
    });
    expect([status, json]).toEqual([
      200,
      { access_token: expect.stringMatching(/^\S{20,}$/), expires_in: 3600, token_type: "Bearer" },
    ]);
  });

  test("takes them in the query, too, as the vendor's own client sends them", async () => {
    const { simulator } = await startSimulator();
    const query = "client_id=demo-id&client_secret=demo-secret&grant_type=client_credentials";
    const url = `${simulator.tokenUrl("infobip")}?${query}`;
    expect((await ask(url, { method: "POST" })).status).toBe(200);
  });

  test("does not read HTTP Basic, and says the old error", async () => {
    const { simulator, askToken } = await startSimulator();
    const { status, json } = await ask(simulator.tokenUrl("infobip"), {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa("demo-id:demo-secret")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials",
    });
    expect([status, json]).toEqual([401, serviceException("UNAUTHORIZED")]);
    expect((await askToken("infobip", { secret: "wrong" })).status).toBe(401);
    const other = await askToken("infobip", { grantType: "password" });
    expect([other.status, other.json]).toEqual([400, serviceException("BAD_REQUEST")]);
  });

  test("takes ten calls a second", async () => {
    const { askToken, passMs } = await startSimulator();
    for (let call = 0; call < 10; call += 1) expect((await askToken("infobip")).status).toBe(200);
    const { status, json } = await askToken("infobip");
    expect([status, json]).toEqual([429, serviceException("TOO_MANY_REQUESTS")]);
    passMs(100);
    expect((await askToken("infobip")).status).toBe(200);
  });
});

describe("a request that is taken", () => {
  test("is answered as documented, each with its own end", async () => {
    const { send, simulator } = await setup();
    const { status, json } = await send({
      messages: [
        {
          sender: "Volley",
          destinations: [{ to: "447700900001", messageId: "att_01" }],
          content: { text: "Hi Ana" },
          webhooks: { delivery: { url: "https://cb.example/r/abc" }, callbackData: "call-1" },
        },
        {
          destinations: [
            { to: "+447700900002", messageId: "att_02" },
            { to: "44", messageId: "att_03" },
          ],
          content: { text: "x".repeat(161) },
          webhooks: { callbackData: "call-1" },
        },
      ],
      options: { tracking: { shortenUrl: false }, includeSmsCountInResponse: true },
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      bulkId: expect.stringMatching(/^\d{19}$/),
      messages: [
        { messageId: "att_01", destination: "447700900001", details: { messageCount: 1 }, status: ACCEPTED },
        { messageId: "att_02", destination: "447700900002", details: { messageCount: 2 }, status: ACCEPTED },
        { messageId: "att_03", destination: "44", status: rejected(52, "REJECTED_DESTINATION") },
      ],
    });
    expect(simulator.accepted("infobip")).toBe(2);
    expect(simulator.texts("infobip", "+447700900001")).toEqual(["Hi Ana"]);
    expect(simulator.texts("infobip", "+447700900002")).toEqual(["x".repeat(161)]);
    expect(simulator.refusedPerRecipient("infobip")).toEqual(new Map([["44", 1]]));
    expect(simulator.calls("infobip")).toMatchObject([
      { reference: "call-1", recipients: 3, status: 200, accepted: true, replay: false },
    ]);
  });

  test("gets a message id where it gave none, keeps its own bulk id, and needs none for one person", async () => {
    const { send, sendTo } = await setup();
    const one = (await send(PLAIN)).json;
    expect(one).toEqual({
      messages: [{ messageId: expect.stringMatching(/^[\w-]{10,}$/), destination: TO, status: ACCEPTED }],
    });
    const named = await send({ ...PLAIN, options: { schedule: { bulkId: "my-bulk" } } });
    expect(named.json).toMatchObject({ bulkId: "my-bulk" });
    const clipped = (await sendTo({ to: TO, messageId: "m".repeat(201) })).json as Sent;
    expect(clipped.messages[0]?.messageId).toBe("m".repeat(200));
  });

  test("has its links shortened unless it says no", async () => {
    const { send, simulator } = await setup();
    const message = {
      destinations: [{ to: TO }],
      content: { text: "See https://example.com/a/long/path now" },
    };
    await send({ messages: [message] });
    await send({ messages: [message], options: { tracking: { shortenUrl: false } } });
    expect(simulator.texts("infobip", TO)).toEqual([
      expect.stringMatching(/^See https:\/\/s\.example\/\w+ now$/),
      "See https://example.com/a/long/path now",
    ]);
  });

  test("may have a thousand destinations and every documented field", async () => {
    const { send, sendTo, simulator } = await setup();
    const thousand = Array.from({ length: 1000 }, (_entry, index) => ({ to: `4477009${10_000 + index}` }));
    expect((await sendTo(...thousand)).status).toBe(200);
    expect(simulator.accepted("infobip")).toBe(1000);
    const { status } = await send({
      messages: [
        {
          ...PLAIN.messages[0],
          content: {
            text: "Hi",
            transliteration: "NON_UNICODE",
            language: { languageCode: "TR", singleShift: true, lockingShift: false },
          },
          options: {
            platform: { entityId: "e", applicationId: "a" },
            validityPeriod: { amount: 48, timeUnit: "HOURS" },
            deliveryTimeWindow: {
              days: ["MONDAY"],
              from: { hour: 6, minute: 0 },
              to: { hour: 15, minute: 30 },
            },
            campaignReferenceId: "summer",
            regional: { indiaDlt: { principalEntityId: "1" } },
            flash: false,
          },
          webhooks: {
            delivery: { url: "https://cb.example/", intermediateReport: true, notify: true },
            contentType: "application/json",
            callbackData: "x",
          },
        },
      ],
      options: {
        schedule: {
          bulkId: "b",
          sendAt: "2026-01-02T00:00:00.000+0000",
          sendingSpeedLimit: { amount: 10, timeUnit: "HOUR" },
        },
        tracking: { shortenUrl: false, trackClicks: false, trackingUrl: "https://t.example/" },
        includeSmsCountInResponse: true,
        conversionTracking: { useConversionTracking: false, conversionTrackingName: "n" },
      },
    });
    expect(status).toBe(200);
  });
});

describe("a single person is refused inside the answer", () => {
  test("for a message id that was used before, in the same request or an earlier one", async () => {
    const { statusesOf, simulator } = await setup();
    const [a, b] = [
      { to: TO, messageId: "a" },
      { to: "447700900002", messageId: "b" },
    ];
    expect(await statusesOf(a, a)).toEqual([26, 23]);
    expect(await statusesOf(b, a)).toEqual([26, 23]);
    expect(simulator.acceptedPerRecipient("infobip")).toEqual(
      new Map([
        [TO, 1],
        ["447700900002", 1],
      ]),
    );
    expect(simulator.duplicates("infobip")).toEqual([]);
  });

  test("for a place on the blocklist, and for a text above 25 parts", async () => {
    const { statusesOf, send, simulator } = await setup();
    simulator.setFaults("infobip", [{ name: "reject-recipient", numbers: [`+${TO}`] }]);
    expect(await statusesOf({ to: TO }, { to: "447700900002" })).toEqual([14, 26]);
    const long = { destinations: [{ to: "447700900003" }], content: { text: "x".repeat(25 * 153 + 1) } };
    expect((await send({ messages: [long] })).json).toMatchObject({
      messages: [{ status: rejected(25, "REJECTED_MESSAGE_TOO_LONG") }],
    });
    expect(simulator.accepted("infobip")).toBe(1);
  });

  test("by refuse-some, with a status that may be tried again under the same id", async () => {
    const { statusesOf, simulator } = await setup();
    simulator.setFaults("infobip", [{ name: "refuse-some", count: 2 }]);
    const people = ["1", "2", "3"].map((end) => ({ to: `44770090000${end}`, messageId: `id-${end}` }));
    expect(await statusesOf(...people)).toEqual([21, 21, 26]);
    expect(await statusesOf(...people)).toEqual([26, 26, 23]);
    expect(simulator.accepted("infobip")).toBe(3);
    expect(simulator.refusedPerRecipient("infobip").get("447700900001")).toBe(1);
  });

  test("by no-credit: all of them, and the call counts as taken by nobody", async () => {
    const { statusesOf, simulator } = await setup();
    simulator.setFaults("infobip", [{ name: "no-credit", count: 1 }]);
    expect(await statusesOf({ to: TO }, { to: "447700900002" })).toEqual([12, 12]);
    expect(simulator.accepted("infobip")).toBe(0);
    expect(simulator.calls("infobip")).toMatchObject([{ status: 200, accepted: false, replay: false }]);
    expect(await statusesOf({ to: TO })).toEqual([26]);
  });

  test("and missing-items leaves every other one out of an answer that took all", async () => {
    const { sendTo, simulator } = await setup();
    simulator.setFaults("infobip", [{ name: "missing-items", count: 1 }]);
    const { json } = await sendTo({ to: TO, messageId: "a" }, { to: "447700900002", messageId: "b" });
    expect(json).toMatchObject({ messages: [{ messageId: "b" }] });
    expect(simulator.accepted("infobip")).toBe(2);
  });
});

describe("a request is refused", () => {
  const message = (change: object) => ({ messages: [{ ...PLAIN.messages[0], ...change }] });
  const refusals: readonly (readonly [string, unknown, string])[] = [
    ["no JSON", "{", "body"],
    ["a list", [], "body"],
    ["no messages", {}, "messages"],
    ["an empty list of messages", { messages: [] }, "messages"],
    ["an unknown field at the top", { ...PLAIN, bulkId: "x" }, "bulkId"],
    ["the field `from` of the old form", message({ from: "X" }), "messages[0].from"],
    ["no destinations", message({ destinations: undefined }), "messages[0].destinations"],
    ["an empty list of destinations", message({ destinations: [] }), "messages[0].destinations"],
    ["no content", message({ content: undefined }), "messages[0].content"],
    ["an empty content", message({ content: {} }), "messages[0].content.text"],
    ["a text that is none", message({ content: { text: 5 } }), "messages[0].content.text"],
    ["a destination without number", message({ destinations: [{}] }), "messages[0].destinations[0].to"],
    [
      "a number of 65 characters",
      message({ destinations: [{ to: TO }, { to: "4".repeat(65) }] }),
      "messages[0].destinations[1].to",
    ],
    ["a number that is no text", message({ destinations: [{ to: 44 }] }), "messages[0].destinations[0].to"],
    [
      "an unknown field of a destination",
      message({ destinations: [{ to: TO, id: "x" }] }),
      "messages[0].destinations[0].id",
    ],
    [
      "a life above 48 hours",
      message({ options: { validityPeriod: { amount: 49, timeUnit: "HOURS" } } }),
      "messages[0].options.validityPeriod",
    ],
    [
      "an address that is none",
      message({ webhooks: { delivery: { url: "nowhere" } } }),
      "messages[0].webhooks.delivery.url",
    ],
    [
      "4001 characters of callback data",
      message({ webhooks: { callbackData: "x".repeat(4001) } }),
      "messages[0].webhooks.callbackData",
    ],
    [
      "the content type inside `delivery`",
      message({ webhooks: { delivery: { contentType: "application/json" } } }),
      "messages[0].webhooks.delivery.contentType",
    ],
    [
      "a campaign reference of 256",
      message({ options: { campaignReferenceId: "x".repeat(256) } }),
      "messages[0].options.campaignReferenceId",
    ],
    [
      "a bulk id of 101",
      { ...PLAIN, options: { schedule: { bulkId: "x".repeat(101) } } },
      "options.schedule.bulkId",
    ],
    [
      "a flag that is a text",
      { ...PLAIN, options: { tracking: { shortenUrl: "no" } } },
      "options.tracking.shortenUrl",
    ],
    ["1001 destinations", message({ destinations: Array(1001).fill({ to: TO }) }), "messages"],
  ];
  test.each(refusals)("for %s, naming the property", async (_name, body, property) => {
    const { send, simulator } = await setup();
    const { status, json } = await send(body);
    expect([status, json]).toEqual([400, apiError("E400", [{ property, violation: expect.any(String) }])]);
    expect(simulator.accepted("infobip")).toBe(0);
    expect(simulator.calls("infobip")).toMatchObject([{ status: 400, accepted: false }]);
  });

  test("with every violation at once, for what is required in the document's words", async () => {
    const { send } = await setup();
    expect((await send({ messages: [{ destinations: [{}] }] })).json).toMatchObject({
      violations: [
        { property: "messages[0].content", violation: "must not be null" },
        { property: "messages[0].destinations[0].to", violation: "must not be null" },
      ],
    });
  });

  test("for a wrong path 404 in the old shape, a wrong verb 405, a wrong media type 415", async () => {
    const { send, post, get, token } = await setup();
    const lost = await post("/infobip/sms/4/messages", token, PLAIN);
    expect([lost.status, lost.json]).toEqual([404, serviceException("NOT_FOUND")]);
    expect((await get(INFOBIP_SEND, token)).status).toBe(405);
    const wrong = await send(PLAIN, { "content-type": "text/plain" });
    expect([wrong.status, wrong.json]).toEqual([415, apiError("E415")]);
  });
});

describe("the login", () => {
  test("is a token or the key of the account, and nothing else", async () => {
    const { post, send } = await setup();
    const by = (authorization: string) => post(INFOBIP_SEND, null, PLAIN, { authorization });
    expect((await send(PLAIN)).status).toBe(200);
    expect((await by("App demo-key")).status).toBe(200);
    const wrong = await by("App other-key");
    expect([wrong.status, wrong.json]).toEqual([401, apiError("E401")]);
    expect((await by("Bearer invented")).status).toBe(401);
    expect((await post(INFOBIP_SEND, null, PLAIN)).status).toBe(401);
  });

  test("that lacks a scope is a 403, for the key as for the token", async () => {
    const { send, find, post } = await setup({ providers: { infobip: { scopes: ["sms:logs:read"] } } });
    const { status, json } = await send(PLAIN);
    expect([status, json]).toEqual([403, apiError("E403")]);
    expect((await post(INFOBIP_SEND, null, PLAIN, { authorization: "App demo-key" })).status).toBe(403);
    expect((await find("?messageId=a")).status).toBe(200);
    const other = await setup({ providers: { infobip: { scopes: ["sms:message:send"] } } });
    expect([(await other.send(PLAIN)).status, (await other.find("")).status]).toEqual([200, 403]);
    const all = await setup({ providers: { infobip: { scopes: ["sms:manage"] } } });
    expect([(await all.send(PLAIN)).status, (await all.find("")).status]).toEqual([200, 200]);
  });
});

test("each fault speaks in Infobip's words, a hint for a 429 as Retry-After", async () => {
  const { send, simulator } = await setup({ retryAfterSeconds: 3 });
  for (const [name, code] of [
    ["401", "E401"],
    ["403", "E403"],
    ["429", "E429"],
    ["500", "E500"],
  ] as const) {
    simulator.setFaults("infobip", [{ name, count: 1 }]);
    const { status, json } = await send(PLAIN);
    expect([status, json]).toEqual([Number(name), apiError(code)]);
  }
  simulator.setRate("infobip", { requestsPerSecond: 1 });
  await send(PLAIN);
  const { status, headers } = await send(PLAIN);
  expect([status, headers.get("retry-after")]).toEqual([429, "3"]);
});

describe("the logs", () => {
  test("find messages by id as documented, the refused ones too, without their plus", async () => {
    const { send, sendTo, find, simulator } = await setup();
    await send({
      messages: [
        { sender: "Volley", destinations: [{ to: `+${TO}`, messageId: "a" }], content: { text: "Hello" } },
      ],
      options: { schedule: { bulkId: "bulk-1" } },
    });
    await sendTo({ to: "44", messageId: "b" });
    const { status, json } = await find("?messageId=a,c");
    expect(status).toBe(200);
    expect(json).toEqual({
      results: [
        {
          sender: "Volley",
          destination: TO,
          bulkId: "bulk-1",
          messageId: "a",
          sentAt: "2026-01-01T00:00:00.000+0000",
          doneAt: "2026-01-01T00:00:00.000+0000",
          messageCount: 1,
          price: { pricePerMessage: 0.01, currency: "EUR" },
          status: ACCEPTED,
          error: {
            groupId: 0,
            groupName: "OK",
            id: 0,
            name: "NO_ERROR",
            description: "No Error",
            permanent: false,
          },
          content: { text: "Hello" },
        },
      ],
    });
    expect((await find("?messageId=b")).json).toMatchObject({
      results: [{ messageId: "b", status: rejected(52, "REJECTED_DESTINATION"), error: { permanent: true } }],
    });
    expect((await find("?bulkId=bulk-1")).json).toMatchObject({ results: [{ messageId: "a" }] });
    expect(simulator.lookUps("infobip")).toBe(3);
  });

  test("see the first message behind a refused repetition of its id", async () => {
    const { sendTo, find } = await setup();
    await sendTo({ to: TO, messageId: "a" });
    await sendTo({ to: "447700900002", messageId: "a" });
    expect((await find("?messageId=a")).json).toMatchObject({
      results: [{ destination: TO, status: ACCEPTED }],
    });
  });

  test("reach back 48 hours, come newest first, 50 to a page and 1000 at most", async () => {
    const { sendTo, find, passMs } = await setup({ tokenLifeSeconds: 1_000_000 });
    await sendTo({ to: TO, messageId: "old" });
    passMs(24 * 3_600_000);
    const many = Array.from({ length: 60 }, (_entry, index) => ({ to: TO, messageId: `new-${index}` }));
    await sendTo(...many);
    const results = async (query: string) =>
      ((await find(query)).json as { results: { messageId: string }[] }).results;
    expect(await results("")).toHaveLength(50);
    expect((await results("?limit=1000")).at(-1)).toMatchObject({ messageId: "old" });
    expect(await results("?limit=1000&sentSince=2026-01-01T12:00:00.000%2B0000")).toHaveLength(60);
    passMs(24 * 3_600_000);
    expect(await results("?messageId=old")).toEqual([]);
  });

  test.each([
    ["limit", "?limit=1001"],
    ["limit", "?limit=0"],
    ["messageId", `?messageId=${"m".repeat(2049)}`],
    ["generalStatus", "?generalStatus=SENT"],
    ["messageIds", "?messageIds=a"],
    ["sentSince", "?sentSince=yesterday"],
  ])("refuse a wrong %s: %s", async (property, query) => {
    const { find } = await setup();
    const { status, json } = await find(query);
    expect([status, json]).toEqual([400, apiError("E400", [{ property, violation: expect.any(String) }])]);
  });

  test("take 2048 characters of ids, and 120 questions a minute", async () => {
    const { find, passMs } = await setup();
    expect((await find(`?messageId=${"m".repeat(2048)}`)).status).toBe(200);
    for (let question = 1; question < 120; question += 1) await find("?messageId=a");
    const { status, json } = await find("?messageId=a");
    expect([status, json]).toEqual([429, apiError("E429")]);
    passMs(500);
    expect((await find("?messageId=a")).status).toBe(200);
  });

  test("show a message only when the lag is over, and can be down", async () => {
    const { sendTo, find, passMs, simulator } = await setup({
      faults: [{ name: "look-up-lag-ms", ms: 2000 }],
    });
    await sendTo({ to: TO, messageId: "a" });
    passMs(1999);
    expect((await find("?messageId=a")).json).toEqual({ results: [] });
    passMs(1);
    expect((await find("?messageId=a")).json).toMatchObject({ results: [{ messageId: "a" }] });
    simulator.setFaults("infobip", [{ name: "look-up-down", count: 1 }]);
    expect((await find("?messageId=a")).status).toBe(503);
  });

  test("know a message whose answer never arrived", async () => {
    const { sendTo, find, simulator } = await setup();
    simulator.setFaults("infobip", [
      { name: "drop-after-accept", count: 1 },
      { name: "drop-before", count: 1 },
    ]);
    await expect(sendTo({ to: TO, messageId: "a" })).rejects.toThrow();
    await expect(sendTo({ to: TO, messageId: "b" })).rejects.toThrow();
    expect((await find("?messageId=a,b")).json).toMatchObject({ results: [{ messageId: "a" }] });
    expect(simulator.accepted("infobip")).toBe(1);
  });
});
