// SMS.CX: the token, the documented answer, every error code, idempotency, placeholders and the rate headers.

import { describe, expect, test } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { simulatedProviders } from "../../src/simulator/registry.ts";
import { SMSCX_SEND, startSimulator } from "./setup.ts";

const TO = "+447700900001";
const OTHER = "+447700900002";
const PLAIN = { to: [TO], from: "Volley", text: "Hi" };
const ID = "854cd53f-d77d-4aa8-9bd9-fbf720f3332d";
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Row = { readonly to: string; readonly text: string; readonly status: string };
type Sent = { readonly info: { readonly invalid: string[] }; readonly data: readonly Row[] };

async function setup(options: SimulatorOptions = {}) {
  const started = await startSimulator(options);
  const token = await started.token("smscx");
  const send = (body: unknown, headers?: Record<string, string>) =>
    started.post(SMSCX_SEND, token, body, headers);
  const rowsOf = async (body: unknown) => ((await send(body)).json as Sent).data;
  return { ...started, token, send, rowsOf };
}

const failure = (type: string, code: unknown = expect.any(Number), invalid?: readonly string[]) => ({
  error: { type, message: expect.any(String), uri: expect.stringMatching(/^https:/), code },
  ...(invalid === undefined ? {} : { invalid }),
});

describe("the token endpoint", () => {
  test("answers 40 hex digits for a day, with all scopes when none is asked for", async () => {
    const { askToken, simulator } = await startSimulator();
    expect(simulator.tokenUrl("smscx")).toBe(`${simulator.url}/smscx/oauth/token`);
    const { status, json } = await askToken("smscx");
    expect(status).toBe(200);
    expect(json).toEqual({
      access_token: expect.stringMatching(/^[0-9a-f]{40}$/),
      expires_in: 86_400,
      token_type: "Bearer",
      scope: expect.stringMatching(/^sms viber whatsapp .* numbers$/),
    });
    expect((await askToken("smscx", { scope: "sms reports" })).json).toMatchObject({ scope: "sms reports" });
  });

  test.each([
    ["a wrong secret", { secret: "wrong" }, 401, "invalid_client"],
    [
      "the slip of the documents' sample, a space after the secret",
      { secret: "demo-secret " },
      401,
      "invalid_client",
    ],
    ["another grant", { grantType: "password" }, 400, "unsupported_grant_type"],
    ["a scope that is none", { scope: "sms fax" }, 400, "invalid_scope"],
    ["a JSON body", { contentType: "application/json" }, 400, "invalid_request"],
    ["GET", { method: "GET" }, 405, "invalid_method"],
  ])("refuses %s with code 1600", async (_name, change, status, type) => {
    const { askToken } = await startSimulator();
    const answer = await askToken("smscx", change);
    expect([answer.status, answer.json]).toEqual([status, failure(type, 1600)]);
  });
});

describe("a message that is taken", () => {
  test("is answered as documented, with a row for each number", async () => {
    const { send, simulator } = await setup();
    const { status, json, headers } = await send({
      ...PLAIN,
      to: [TO, OTHER],
      dlrCallbackUrl: "https://cb.example/r/abc",
      trackData: ID,
      idempotencyId: ID,
    });
    expect(status).toBe(200);
    const row = {
      msgId: expect.stringMatching(UUID),
      trackData: ID,
      status: "ACCEPTED",
      statusCode: 2,
      errorCode: null,
      createdAt: "2026-01-01 00:00:00",
      inQuietHours: false,
      cost: 0.04,
      countryIso: "GB",
      from: "Volley",
      text: "Hi",
      parts: 1,
      textAnalysis: { length: 2, unicode: false, parts: 1 },
    };
    expect(json).toEqual({
      info: {
        campaignId: expect.stringMatching(UUID),
        totalPhoneNumbers: 2,
        totalValid: 2,
        totalInvalid: 0,
        totalCost: 0.08,
        totalParts: 2,
        dlrCallbackUrl: "https://cb.example/r/abc",
        phoneNumbersByCountry: { GB: 2 },
        invalid: [],
        scheduled: false,
      },
      data: [
        { ...row, to: TO },
        { ...row, to: OTHER },
      ],
    });
    expect(headers.get("x-idempotency-id")).toBe(ID);
    expect(headers.get("x-request-id")).toMatch(UUID);
    expect(simulator.accepted("smscx")).toBe(2);
    expect(simulator.texts("smscx", TO)).toEqual(["Hi"]);
    expect(simulator.calls("smscx")).toMatchObject([
      { reference: ID, recipients: 2, segments: 2, status: 200, accepted: true, replay: false },
    ]);
  });

  test("may name one number without a list, 25,000 in one, and a national one with its country", async () => {
    const { rowsOf, simulator } = await setup();
    expect(await rowsOf({ ...PLAIN, to: TO })).toMatchObject([{ to: TO }]);
    expect(await rowsOf({ ...PLAIN, to: "07700 900001", countryIso: "GB" })).toMatchObject([{ to: TO }]);
    const many = Array.from({ length: 25_000 }, (_entry, index) => `+4477009${10_000 + index}`);
    expect(await rowsOf({ ...PLAIN, to: many })).toHaveLength(25_000);
    expect(simulator.accepted("smscx")).toBe(25_002);
  });

  test("answers less when asked to", async () => {
    const { send, rowsOf } = await setup();
    const [row] = await rowsOf({ ...PLAIN, noTextDetails: true });
    expect(row).toMatchObject({ to: TO, parts: 1 });
    expect(row).not.toHaveProperty("text");
    expect(row).not.toHaveProperty("textAnalysis");
    const short = await send({ ...PLAIN, shortResponse: true });
    expect(short.json).toMatchObject({ info: { totalValid: 1 }, data: [] });
  });

  test.each([ID.toUpperCase(), "call-1", "3f2b1c58-0000-7000-8000-000000000000"])(
    "drops the trackData %s without a word",
    async (trackData) => {
      const { rowsOf } = await setup();
      const [row] = await rowsOf({ ...PLAIN, trackData });
      expect(row).toMatchObject({ status: "ACCEPTED" });
      expect(row).not.toHaveProperty("trackData");
    },
  );

  test("goes out under the system's sender when its own is not approved", async () => {
    const { rowsOf } = await setup({ providers: { smscx: { approvedSenders: ["Volley"] } } });
    expect(await rowsOf(PLAIN)).toMatchObject([{ from: "Volley" }]);
    expect(await rowsOf({ ...PLAIN, from: "Somebody" })).toMatchObject([{ from: "InfoText" }]);
  });

  test("can wait for its date", async () => {
    const { send } = await setup();
    const { json } = await send({ ...PLAIN, scheduledDate: "2026-01-02 10:00:00", isUtc: true });
    expect(json).toMatchObject({
      info: { scheduled: true },
      data: [{ status: "SCHEDULED", scheduledAt: "2026-01-02 10:00:00" }],
    });
  });
});

describe("single people", () => {
  test("who opted out or live where no network is get nothing, and it costs nothing", async () => {
    const { send, simulator } = await setup();
    simulator.setFaults("smscx", [{ name: "reject-recipient", numbers: [OTHER] }]);
    const { status, json } = await send({ ...PLAIN, to: [TO, OTHER, "+881612345678"] });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      info: { totalValid: 3, totalCost: 0.04, totalParts: 1 },
      data: [
        { to: TO, status: "ACCEPTED", cost: 0.04 },
        { to: OTHER, status: "REJECTED", cost: 0 },
        { to: "+881612345678", status: "NO COVERAGE", cost: 0 },
      ],
    });
    expect(simulator.acceptedPerRecipient("smscx")).toEqual(new Map([["447700900001", 1]]));
    expect(simulator.refusedPerRecipient("smscx").size).toBe(2);
  });

  test("are the whole request when none of them has coverage: 403, code 1119", async () => {
    const { send, simulator } = await setup({ providers: { smscx: { noCoveragePrefixes: ["44"] } } });
    const { status, json } = await send(PLAIN);
    expect([status, json]).toEqual([403, failure("no_coverage", 1119)]);
    expect(simulator.accepted("smscx")).toBe(0);
  });

  test("with a bad number fail everybody, unless allowInvalid: then they are listed as written", async () => {
    const { send, simulator } = await setup();
    const to = [TO, "+336123", "nobody"];
    const all = await send({ ...PLAIN, to });
    expect([all.status, all.json]).toEqual([400, failure("invalid_param", 1210, ["+336123", "nobody"])]);
    expect(simulator.accepted("smscx")).toBe(0);
    const some = await send({ ...PLAIN, to, allowInvalid: true });
    expect(some.json).toMatchObject({
      info: { totalPhoneNumbers: 3, totalValid: 1, totalInvalid: 2, invalid: ["+336123", "nobody"] },
      data: [{ to: TO, status: "ACCEPTED" }],
    });
    expect(simulator.accepted("smscx")).toBe(1);
  });

  test("with nothing but bad numbers fail in any case, a single one with code 1207", async () => {
    const { send } = await setup();
    const one = await send({ ...PLAIN, to: "+336123", allowInvalid: true });
    expect([one.status, one.json]).toEqual([400, failure("invalid_param", 1207, ["+336123"])]);
    const two = await send({ ...PLAIN, to: ["+336123", "1"], allowInvalid: true });
    expect([two.status, two.json]).toEqual([400, failure("invalid_param", 1210, ["+336123", "1"])]);
  });
});

describe("a request is refused", () => {
  const refusals: readonly (readonly [string, unknown, string, unknown])[] = [
    ["no JSON", "{", "invalid_body", 1000],
    ["a list", [], "invalid_body", 1000],
    ["an unknown field", { ...PLAIN, sender: "X" }, "invalid_body", 1000],
    ["a snake_case field", { ...PLAIN, idempotency_id: ID }, "invalid_body", 1000],
    ["a flag that is a text", { ...PLAIN, allowInvalid: "true" }, "invalid_body", 1000],
    ["a number that is no text", { ...PLAIN, to: [447700900001] }, "invalid_body", 1000],
    ["25,001 numbers", { ...PLAIN, to: Array(25_001).fill(TO) }, "invalid_param", 1103],
    ["no to", { from: "Volley", text: "Hi" }, "invalid_param", 1104],
    ["an empty to", { ...PLAIN, to: [] }, "invalid_param", 1104],
    ["no from", { to: TO, text: "Hi" }, "invalid_param", 1105],
    ["a from of 2", { ...PLAIN, from: "Vo" }, "invalid_param", 1106],
    ["a from of 16", { ...PLAIN, from: "V".repeat(16) }, "invalid_param", 1106],
    ["no text", { to: TO, from: "Volley" }, "invalid_param", 1107],
    ["a text of 1531", { ...PLAIN, text: "x".repeat(1531) }, "invalid_param", 1107],
    ["a date that is none", { ...PLAIN, scheduledDate: "tomorrow" }, "invalid_param", 1108],
    ["a date in the past", { ...PLAIN, scheduledDate: "2025-12-31 23:59:59" }, "invalid_param", 1116],
    ["an address that is none", { ...PLAIN, dlrCallbackUrl: "nowhere" }, "invalid_param", 1109],
    ["an alphabet that is none", { ...PLAIN, transliteration: { alphabet: "X" } }, "invalid_param", 1110],
    ["a transliteration that is a text", { ...PLAIN, transliteration: "X" }, "invalid_param", 1135],
    ["removeEmojis as a text", { ...PLAIN, transliteration: { removeEmojis: "X" } }, "invalid_param", 1503],
    ["an idempotencyId that is no UUID", { ...PLAIN, idempotencyId: "call-1" }, "invalid_param", 1111],
    [
      "an idempotencyId of version 7",
      { ...PLAIN, idempotencyId: "018f2b1c-0000-7000-8000-000000000000" },
      "invalid_param",
      1111,
    ],
    ["a short link that is none", { ...PLAIN, text: "{{shortlink:bVc}}" }, "invalid_param", 1112],
    ["a length that is none", { ...PLAIN, text: "{{numbers:x}}" }, "invalid_param", 1136],
    ["a length of 21", { ...PLAIN, text: "{{letters:21}}" }, "invalid_param", 1137],
  ];
  test.each(refusals)("for %s", async (_name, body, type, code) => {
    const { send, simulator } = await setup();
    const { status, json } = await send(body);
    expect([status, json]).toEqual([400, failure(type, code)]);
    expect(simulator.accepted("smscx")).toBe(0);
    expect(simulator.calls("smscx")).toMatchObject([{ status: 400, accepted: false }]);
  });

  test("for a wrong path 404, a wrong verb 405", async () => {
    const { get, post, token } = await setup();
    const lost = await post("/smscx/sms/send", token, PLAIN);
    expect([lost.status, lost.json]).toEqual([404, failure("not_found")]);
    const verb = await get(SMSCX_SEND, token);
    expect([verb.status, verb.json, verb.headers.get("allow")]).toEqual([
      405,
      failure("invalid_method"),
      "POST",
    ]);
  });
});

describe("the login", () => {
  test("is a token with the scope sms, or the account's key", async () => {
    const { post, token, send } = await setup();
    expect((await send(PLAIN)).status).toBe(200);
    expect((await post(SMSCX_SEND, null, PLAIN, { "x-api-key": "demo-key" })).status).toBe(200);
    const wrong = await post(SMSCX_SEND, null, PLAIN, { "x-api-key": "other" });
    expect([wrong.status, wrong.json]).toEqual([401, failure("invalid_api_key")]);
    expect((await post(SMSCX_SEND, "invented", PLAIN)).status).toBe(401);
    expect((await post(SMSCX_SEND, null, PLAIN)).status).toBe(401);
    expect(token).toMatch(/^[0-9a-f]{40}$/);
  });

  test("without the scope sms is a 403, after a revocation a 401", async () => {
    const { post, token, simulator } = await startSimulator();
    const lacking = await post(SMSCX_SEND, await token("smscx", "reports"), PLAIN);
    expect([lacking.status, lacking.json]).toEqual([403, failure("insufficient_scope")]);
    const bearer = await token("smscx");
    simulator.revokeTokens("smscx");
    expect((await post(SMSCX_SEND, bearer, PLAIN)).status).toBe(401);
  });
});

describe("an idempotency id", () => {
  const NAMED = { ...PLAIN, to: [TO, OTHER], idempotencyId: ID };

  test("that comes again gets the first answer and takes nothing, as a call of its own", async () => {
    const { send, simulator } = await setup();
    const first = await send(NAMED);
    const again = await send(NAMED);
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(again.headers.get("x-idempotency-id")).toBe(ID);
    expect(simulator.accepted("smscx")).toBe(2);
    expect(simulator.duplicates("smscx")).toEqual([]);
    expect(simulator.acceptedPerReference("smscx")).toEqual(new Map([[ID, 1]]));
    expect(simulator.texts("smscx", TO)).toEqual(["Hi"]);
    expect(simulator.calls("smscx")).toMatchObject([
      { accepted: true, replay: false, status: 200 },
      { accepted: false, replay: true, status: 200 },
    ]);
  });

  test("in capitals is the same id, and without one every request is new", async () => {
    const { send, simulator } = await setup();
    await send(NAMED);
    await send({ ...NAMED, idempotencyId: ID.toUpperCase() });
    expect(simulator.accepted("smscx")).toBe(2);
    await send(PLAIN);
    await send(PLAIN);
    expect(simulator.accepted("smscx")).toBe(4);
  });

  test("is forgotten after 24 hours", async () => {
    const { send, passMs, simulator } = await setup({ tokenLifeSeconds: 1_000_000 });
    await send(NAMED);
    passMs(24 * 3_600_000 - 1);
    await send(NAMED);
    expect(simulator.accepted("smscx")).toBe(2);
    passMs(1);
    await send(NAMED);
    expect(simulator.accepted("smscx")).toBe(4);
  });

  test("is kept by an answer that never arrived or was an error, and not by a request that was not taken", async () => {
    const { send, simulator } = await setup();
    for (const name of ["drop-before", "503"] as const) {
      simulator.setFaults("smscx", [{ name, count: 1 }]);
      await send(NAMED).catch(() => null);
    }
    expect(simulator.accepted("smscx")).toBe(0);
    for (const name of ["drop-after-accept", "500-accepted"] as const) {
      simulator.setFaults("smscx", [{ name, count: 1 }]);
      await send(NAMED).catch(() => null);
    }
    expect(simulator.accepted("smscx")).toBe(2);
    const { status, json } = await send(NAMED);
    expect([status, (json as Sent).data.length]).toEqual([200, 2]);
    expect(simulator.calls("smscx").map(({ replay }) => replay)).toEqual([false, false, false, true, true]);
  });

  test("is refused as duplicate_id where the simulator is told so, and only when it comes again", async () => {
    const { send, simulator } = await setup({ faults: [{ name: "duplicate-id", share: 1 }] });
    expect((await send(NAMED)).status).toBe(200);
    const { status, json } = await send(NAMED);
    expect([status, json]).toEqual([400, failure("duplicate_id")]);
    expect(simulator.accepted("smscx")).toBe(2);
  });

  test("answers a spoilt first reply in full the second time", async () => {
    const { send, simulator } = await setup();
    simulator.setFaults("smscx", [{ name: "missing-items", count: 1 }]);
    expect(((await send(NAMED)).json as Sent).data).toMatchObject([{ to: OTHER }]);
    expect(((await send(NAMED)).json as Sent).data).toMatchObject([{ to: TO }, { to: OTHER }]);
    expect(simulator.accepted("smscx")).toBe(2);
  });
});

test("out of credit is a 400 with code 1113, and nobody gets anything", async () => {
  const { send, simulator } = await setup({ faults: [{ name: "no-credit", count: 1 }] });
  const { status, json } = await send(PLAIN);
  expect([status, json]).toEqual([400, failure("insufficient_credit", 1113)]);
  expect(simulator.accepted("smscx")).toBe(0);
  expect((await send(PLAIN)).status).toBe(200);
});

describe("placeholders", () => {
  test("give way to what they stand for, in the answer and on the phone", async () => {
    const { rowsOf, simulator } = await setup();
    const text = "{{numbers}} {{letters:6}} {{alphanumeric:20}} {{today}} {{optoutLink}} [{{name}}] {x}";
    const [row] = await rowsOf({ ...PLAIN, text });
    expect(row?.text).toMatch(
      /^\d{4} [A-Z]{6} [A-Z0-9]{20} 1 Jan 2026 https:\/\/en\.ax\/[A-Z0-9]{6} \[\] \{x\}$/,
    );
    expect(simulator.texts("smscx", TO)).toEqual([row?.text]);
  });

  test("are another for every recipient", async () => {
    const { rowsOf } = await setup();
    const rows = await rowsOf({ ...PLAIN, to: [TO, OTHER], text: "{{alphanumeric:20}}" });
    expect(new Set(rows.map(({ text }) => text)).size).toBe(2);
  });
});

describe("the rate", () => {
  test("stands in the headers, and a 429 says in unix seconds when to come back", async () => {
    const { send, simulator, passMs } = await setup({ requestsPerSecond: 2 });
    const head = async () => {
      const { status, headers } = await send(PLAIN);
      const names = ["limit", "remaining", "reset"];
      return [
        status,
        ...names.map((name) => headers.get(`x-rate-limit-${name}`)),
        headers.get("retry-after"),
      ];
    };
    expect(await head()).toEqual([200, "2", "1", null, null]);
    expect(await head()).toEqual([200, "2", "0", null, null]);
    const start = Date.UTC(2026, 0, 1) / 1000;
    expect(await head()).toEqual([429, "2", "0", String(start + 1), null]);
    simulator.setRate("smscx", { retryAfterSeconds: 30 });
    expect(await head()).toEqual([429, "2", "0", String(start + 30), null]);
    passMs(1000);
    expect(await head()).toEqual([200, "2", "1", null, null]);
  });

  test("is not told where there is none, and every fault speaks in SMS.CX's words", async () => {
    const { send, simulator } = await setup();
    expect((await send(PLAIN)).headers.has("x-rate-limit-limit")).toBe(false);
    const words = {
      "401": "invalid_token",
      "403": "access_denied",
      "429": "rate_limit",
      "500": "server_error",
    };
    for (const name of ["401", "403", "429", "500"] as const) {
      simulator.setFaults("smscx", [{ name, count: 1 }]);
      const { status, json } = await send(PLAIN);
      expect([status, json]).toEqual([Number(name), failure(words[name])]);
    }
    simulator.setFaults("smscx", [{ name: "429-retry-after", count: 1, retryAfter: "soon" }]);
    expect((await send(PLAIN)).headers.get("x-rate-limit-reset")).toBe("soon");
  });
});

test("the control door knows all providers and their own faults", async () => {
  const { get, post, send } = await setup();
  await send(PLAIN);
  const { json } = await get("/_/summary", null);
  expect(Object.keys(json as object)).toEqual(Object.keys(simulatedProviders));
  expect(json).toMatchObject({ smscx: { accepted: 1, calls: 1, tokenCalls: 1 }, infobip: { accepted: 0 } });
  const faults = ["no-credit=1x", "refuse-some=0.5", "duplicate-id"];
  expect((await post("/_/faults", null, { provider: "smscx", faults })).json).toEqual({ ok: true });
  expect((await send(PLAIN)).status).toBe(400);
});
