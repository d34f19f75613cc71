// mobile.digital's one call: the documented request, and every refusal in one of its two shapes.

import { describe, expect, test } from "vitest";
import { ask, MOBILE_DIGITAL_SEND, startSimulator } from "./setup.ts";

const EXAMPLE = { recipient: "+61400000000", message: "Hello" };

async function setup() {
  const started = await startSimulator();
  const token = await started.token("mobile-digital", "write");
  return { ...started, token, send: (body: unknown) => started.post(MOBILE_DIGITAL_SEND, token, body) };
}

describe("a message", () => {
  test("in the documented form is taken and gets an id", async () => {
    const { send, simulator } = await setup();
    const { status, json } = await send(EXAMPLE);
    expect(status).toBe(200);
    expect(json).toEqual({
      success: true,
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: "queued",
    });
    expect([...simulator.acceptedPerRecipient("mobile-digital")]).toEqual([["61400000000", 1]]);
    expect(simulator.texts("mobile-digital", "61400000000")).toEqual(["Hello"]);
    expect(simulator.calls("mobile-digital")).toMatchObject([{ reference: null, status: 200, segments: 1 }]);
  });

  test("sent twice is taken twice: nothing tells them apart", async () => {
    const { send, simulator } = await setup();
    await send(EXAMPLE);
    await send(EXAMPLE);
    expect(simulator.accepted("mobile-digital")).toBe(2);
    expect(simulator.duplicates()).toEqual([{ recipient: "61400000000", count: 2 }]);
  });

  test("may have 306 characters", async () => {
    const { send, simulator } = await setup();
    expect((await send({ ...EXAMPLE, message: "x".repeat(306) })).status).toBe(200);
    expect(simulator.calls("mobile-digital")[0]?.segments).toBe(2);
  });

  test.each([
    ["307 characters", { ...EXAMPLE, message: "x".repeat(307) }],
    ["no text", { ...EXAMPLE, message: "" }],
    ["no message", { recipient: "+61400000000" }],
    ["no recipient", { message: "Hello" }],
    ["a list of recipients", { ...EXAMPLE, recipient: ["+61400000000"] }],
    ["a number without its plus", { ...EXAMPLE, recipient: "61400000000" }],
    ["a local number", { ...EXAMPLE, recipient: "0400000000" }],
    ["one field more", { ...EXAMPLE, sender: "Acme" }],
    ["broken JSON", '{"recipient"'],
    ["the JSON null", "null"],
  ])("with %s is a 400", async (_name, body) => {
    const { send, simulator } = await setup();
    const { status, json } = await send(body);
    expect([status, json]).toEqual([
      400,
      { error: "invalid_request", error_description: expect.any(String) },
    ]);
    expect(simulator.accepted("mobile-digital")).toBe(0);
  });

  test("in broken UTF-8 is a 400", async () => {
    const { simulator, token } = await setup();
    const body = Buffer.concat([
      Buffer.from('{"recipient":"+61400000000","message":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await ask(simulator.url + MOBILE_DIGITAL_SEND, { method: "POST", headers, body });
    expect(answer.status).toBe(400);
  });

  test("as text/plain is a 415 of the gateway", async () => {
    const { post, token } = await setup();
    const answer = await post(MOBILE_DIGITAL_SEND, token, EXAMPLE, { "content-type": "text/plain" });
    expect([answer.status, answer.json]).toEqual([415, { message: "Unsupported Media Type" }]);
  });

  test.each(["/mobile-digital/sendsms", "/mobile-digital/", "/mobile-digital"])(
    "to %s sounds like a login fault and is a wrong path",
    async (path) => {
      const { post, token } = await setup();
      const answer = await post(path, token, EXAMPLE);
      expect([answer.status, answer.json]).toEqual([403, { message: "Missing Authentication Token" }]);
    },
  );

  test("by GET is refused the same way", async () => {
    const { get, token } = await setup();
    expect((await get(MOBILE_DIGITAL_SEND, token)).status).toBe(403);
  });
});
