// Sinch's batches: the documented bodies, every refusal, the texts that people get, and the look-up.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how Sinch writes a placeholder.

import { describe, expect, test } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { SINCH_BATCHES, startSimulator } from "./setup.ts";

const EXAMPLE = {
  from: "Volley",
  to: ["447700900001", "+447700900002"],
  body: "Hi ${n}",
  type: "mt_text",
  parameters: { n: { "447700900001": "Ana", default: "there" } },
  delivery_report: "per_recipient",
  callback_url: "https://cb.example/r/abc",
  client_reference: "att_01",
};
const PLAIN = { to: ["447700900001"], body: "Hello" };

async function setup(options: SimulatorOptions = {}) {
  const started = await startSimulator(options);
  const token = await started.token("sinch");
  return {
    ...started,
    send: (body: unknown, headers?: Record<string, string>) =>
      started.post(SINCH_BATCHES, token, body, headers),
    find: (query: string) => started.get(`${SINCH_BATCHES}${query}`, token),
    token,
  };
}

describe("a batch that is taken", () => {
  test("is answered with the documented body, numbers without their plus", async () => {
    const { send, simulator } = await setup();
    const { status, json } = await send(EXAMPLE);
    expect(status).toBe(201);
    expect(json).toEqual({
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      to: ["447700900001", "447700900002"],
      from: "Volley",
      canceled: false,
      body: EXAMPLE.body,
      type: "mt_text",
      created_at: "2026-01-01T00:00:00.000Z",
      modified_at: "2026-01-01T00:00:00.000Z",
      delivery_report: "per_recipient",
      callback_url: "https://cb.example/r/abc",
      expire_at: "2026-01-04T00:00:00.000Z",
      client_reference: "att_01",
      flash_message: false,
    });
    expect(simulator.accepted("sinch")).toBe(2);
    expect(simulator.texts("sinch", "+447700900001")).toEqual(["Hi Ana"]);
    expect(simulator.texts("sinch", "447700900002")).toEqual(["Hi there"]);
    expect(simulator.calls("sinch")).toEqual([
      {
        atMs: 5000,
        reference: "att_01",
        recipients: 2,
        segments: 2,
        status: 201,
        accepted: true,
        replay: false,
        numbers: ["447700900001", "447700900002"],
      },
    ]);
  });

  test("may have a thousand recipients, each number in any of its three forms", async () => {
    const { send, simulator } = await setup();
    const forms = ["", "+", "00"];
    const to = Array.from({ length: 1000 }, (_, index) => `${forms[index % 3]}${447700900000 + index}`);
    expect((await send({ to, body: "Hello" })).status).toBe(201);
    expect(simulator.acceptedPerRecipient("sinch").size).toBe(1000);
    expect(simulator.acceptedPerRecipient("sinch").get("447700900999")).toBe(1);
  });

  test("twice under one reference is taken twice, and the journal says so", async () => {
    const { send, simulator } = await setup();
    await send({ ...PLAIN, client_reference: "same" });
    await send({ ...PLAIN, client_reference: "same" });
    expect(simulator.acceptedPerReference("sinch").get("same")).toBe(2);
    expect(simulator.duplicates("sinch")).toEqual([{ recipient: "447700900001", count: 2 }]);
  });

  test("gives each person a text of their own, without expanding a value again", async () => {
    const { send, simulator } = await setup();
    const parameters = {
      name: { "+447700900001": "${code}", default: "you" },
      code: { "447700900001": "1", "00447700900002": "2" },
    };
    const to = ["447700900001", "447700900002", "447700900003"];
    const body = "${name}: ${code}, ${other} $name ${Name}";
    expect((await send({ to, body, parameters })).status).toBe(201);
    expect(simulator.texts("sinch", "447700900001")).toEqual(["${code}: 1, ${other} $name ${Name}"]);
    expect(simulator.texts("sinch", "447700900002")).toEqual(["you: 2, ${other} $name ${Name}"]);
    // Neither a value nor a default: accepted now, code 405 later, never a text.
    expect(simulator.texts("sinch", "447700900003")).toEqual([null]);
    expect(simulator.accepted("sinch")).toBe(3);
  });

  test("is counted in segments, person by person", async () => {
    const { send, simulator } = await setup();
    const parameters = { t: { "447700900001": "x".repeat(161), "447700900002": "ж".repeat(71) } };
    await send({ to: ["447700900001", "447700900002"], body: "${t}", parameters });
    expect(simulator.calls("sinch")[0]?.segments).toBe(4);
  });
});

describe("a batch that is refused", () => {
  const refusals: [string, unknown, number, string][] = [
    ["broken JSON", '{"to":', 400, "syntax_invalid_json"],
    ["a list", [], 400, "syntax_invalid_json"],
    ["a field that no document has", { ...PLAIN, sender: "X" }, 400, "syntax_invalid_json"],
    ["no recipients field", { body: "Hello" }, 400, "syntax_constraint_violation"],
    ["no body", { to: PLAIN.to }, 400, "syntax_constraint_violation"],
    ["no recipients", { ...PLAIN, to: [] }, 400, "syntax_constraint_violation"],
    [
      "1001 recipients",
      { ...PLAIN, to: Array(1001).fill("447700900001") },
      400,
      "syntax_constraint_violation",
    ],
    ["a number that is a JSON number", { ...PLAIN, to: [447700900001] }, 400, "syntax_invalid_json"],
    [
      "a group, of which there is none",
      { ...PLAIN, to: ["01FC66621VHDBN119Z8PMV1QPU"] },
      403,
      "unknown_group",
    ],
    ["an empty text", { ...PLAIN, body: "" }, 400, "syntax_constraint_violation"],
    ["2001 characters", { ...PLAIN, body: "x".repeat(2001) }, 400, "syntax_constraint_violation"],
    ["another type", { ...PLAIN, type: "mt_video" }, 400, "syntax_invalid_json"],
    [
      "a key of 17 characters",
      { ...PLAIN, parameters: { [`k${"x".repeat(16)}`]: {} } },
      400,
      "syntax_invalid_parameter_format",
    ],
    [
      "a value for nobody",
      { ...PLAIN, parameters: { k: { bob: "x" } } },
      400,
      "syntax_invalid_parameter_format",
    ],
    ["a value that is no text", { ...PLAIN, parameters: { k: { default: 1 } } }, 400, "syntax_invalid_json"],
    ["an unknown report kind", { ...PLAIN, delivery_report: "all" }, 400, "syntax_invalid_json"],
    ["reports without an address", { ...PLAIN, delivery_report: "full" }, 403, "missing_callback_url"],
    [
      "an address that is none",
      { ...PLAIN, callback_url: "nowhere" },
      400,
      "syntax_invalid_parameter_format",
    ],
    [
      "a reference of 129",
      { ...PLAIN, client_reference: "r".repeat(129) },
      400,
      "syntax_constraint_violation",
    ],
    ["a sender of 12 letters", { ...PLAIN, from: "TwelveLetter" }, 400, "syntax_invalid_parameter_format"],
    ["a date that is none", { ...PLAIN, send_at: "tomorrow" }, 400, "syntax_invalid_parameter_format"],
    [
      "a life above three days",
      { ...PLAIN, expire_at: "2026-01-05T00:00:00Z" },
      400,
      "syntax_constraint_violation",
    ],
    ["a flag that is a text", { ...PLAIN, flash_message: "yes" }, 400, "syntax_invalid_json"],
    ["zero parts", { ...PLAIN, max_number_of_message_parts: 0 }, 400, "syntax_constraint_violation"],
  ];
  test.each(refusals)("for %s", async (_name, body, status, code) => {
    const { send, simulator } = await setup();
    const answer = await send(body);
    expect([answer.status, answer.json]).toEqual([status, { code, text: expect.any(String) }]);
    expect(simulator.accepted("sinch")).toBe(0);
    expect(simulator.calls("sinch")).toMatchObject([{ status, accepted: false }]);
  });

  test.each(["07700900001", "44", "+44 7700 900001", "447700900001x", "4477009000011223", ""])(
    "for the number %j, naming its place, and nobody of the batch gets anything",
    async (number) => {
      const { send, simulator } = await setup();
      const { status, json } = await send({ ...PLAIN, to: ["447700900001", number, "447700900003"] });
      expect(status).toBe(400);
      expect(json).toEqual({
        code: "syntax_invalid_parameter_format",
        text: expect.stringMatching(/\bto\[1\]/),
      });
      expect(simulator.accepted("sinch")).toBe(0);
    },
  );

  test("takes reports without an address where the account has one, and `none` without any", async () => {
    const { send } = await setup({ providers: { sinch: { defaultCallbackUrl: "https://cb.example/" } } });
    expect((await send({ ...PLAIN, delivery_report: "full" })).status).toBe(201);
    const other = await setup();
    expect((await other.send({ ...PLAIN, delivery_report: "none" })).status).toBe(201);
  });

  test("for a wrong path 404, a wrong project 404, a wrong verb 405, a wrong media type 415", async () => {
    const { send, post, token, simulator } = await setup();
    expect((await post("/sinch/xms/v2/demo-project/batches", token, PLAIN)).status).toBe(404);
    expect((await post("/sinch/xms/v1/other-project/batches", token, PLAIN)).status).toBe(404);
    expect((await send(PLAIN, { "content-type": "text/plain" })).status).toBe(415);
    expect((await send(PLAIN, { "content-type": "Application/JSON; charset=utf-8" })).status).toBe(201);
    const put = await fetch(simulator.url + SINCH_BATCHES, { method: "PUT", body: "{}" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, POST"]);
  });
});

describe("a look-up", () => {
  test("by reference finds all its batches, newest first, as they were answered", async () => {
    const { send, find, passMs, simulator } = await setup();
    const first = await send({ ...PLAIN, client_reference: "a" });
    passMs(1000);
    await send({ ...PLAIN, client_reference: "b" });
    const third = await send({ ...PLAIN, client_reference: "a" });
    const found = await find("?client_reference=a&start_date=2026-01-01T00:00:00Z");
    expect(found.status).toBe(200);
    expect(found.json).toEqual({ count: 2, page: 0, page_size: 30, batches: [third.json, first.json] });
    expect((await find("?client_reference=c")).json).toMatchObject({ count: 0, batches: [] });
    expect((await find("?client_reference=a&start_date=2026-01-01T00:00:01Z")).json).toMatchObject({
      count: 1,
    });
    expect((await find("?client_reference=a&end_date=2026-01-01T00:00:01Z")).json).toMatchObject({
      count: 1,
    });
    expect(simulator.lookUps("sinch")).toBe(4);
  });

  test("without start_date sees the last 24 hours only", async () => {
    const { send, find, passMs } = await setup({ tokenLifeSeconds: 100_000 });
    await send({ ...PLAIN, client_reference: "a" });
    passMs(24 * 3_600_000 + 1);
    expect((await find("?client_reference=a")).json).toMatchObject({ count: 0 });
    expect((await find("?client_reference=a&start_date=2026-01-01")).json).toMatchObject({ count: 1 });
  });

  test("comes in pages", async () => {
    const { send, find } = await setup();
    const ids: unknown[] = [];
    for (let index = 0; index < 5; index += 1) {
      ids.unshift(((await send(PLAIN)).json as { id: string }).id);
    }
    const page = (await find("?page=1&page_size=2")).json as { batches: { id: string }[] };
    expect(page).toMatchObject({ count: 5, page: 1, page_size: 2 });
    expect(page.batches.map(({ id }) => id)).toEqual(ids.slice(2, 4));
  });

  test.each(["?page_size=101", "?page_size=0", "?page=-1", "?start_date=yesterday"])(
    "refuses %s",
    async (query) => {
      const { find } = await setup();
      const { status, json } = await find(query);
      expect([status, json]).toEqual([
        400,
        { code: expect.stringMatching(/^syntax_/), text: expect.any(String) },
      ]);
    },
  );

  test("by id finds the batch, or nothing", async () => {
    const { send, find } = await setup();
    const { json } = await send(PLAIN);
    expect((await find(`/${(json as { id: string }).id}`)).json).toEqual(json);
    expect((await find("/01FC66621VHDBN119Z8PMV1QPU")).status).toBe(404);
  });

  test("needs the login, and can be down", async () => {
    const { get, find, simulator } = await setup();
    expect((await get(SINCH_BATCHES, "invented")).status).toBe(401);
    simulator.setFaults("sinch", [{ name: "look-up-down", count: 1 }]);
    expect((await find("")).status).toBe(503);
    expect((await find("")).status).toBe(200);
  });

  test("shows a batch only when the lag is over", async () => {
    const { send, find, passMs } = await setup({ faults: [{ name: "look-up-lag-ms", ms: 2000 }] });
    await send({ ...PLAIN, client_reference: "a" });
    passMs(1999);
    expect((await find("?client_reference=a")).json).toMatchObject({ count: 0 });
    passMs(1);
    expect((await find("?client_reference=a")).json).toMatchObject({ count: 1 });
  });
});
