// The server around the providers: connections, the journal, and the door for other processes.

import { Agent, request as httpRequest } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { createSimulator } from "../../src/simulator/server.ts";
import { ask, MOBILE_DIGITAL_SEND, SINCH_BATCHES, startSimulator } from "./setup.ts";

const MESSAGE = { recipient: "+61400000000", message: "Hello" };

describe("the server", () => {
  test("keeps a connection alive over many requests to several providers", async () => {
    const { simulator, token } = await startSimulator();
    const bearer = await token("mobile-digital");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ports = new Set<number | undefined>();
    for (const path of [MOBILE_DIGITAL_SEND, "/sinch/nowhere", MOBILE_DIGITAL_SEND, "/_/summary"]) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const call = httpRequest(simulator.url + path, { method: "POST", agent, headers }, (response) => {
        ports.add(response.socket.localPort);
        response.resume().on("end", resolve);
      });
      call.on("error", reject).end(JSON.stringify(MESSAGE));
      await promise;
    }
    expect(ports.size).toBe(1);
    expect(simulator.accepted("mobile-digital")).toBe(2);
  });

  test("refuses a body above 4 MiB and goes on", async () => {
    const { post, token } = await startSimulator();
    const bearer = await token("sinch");
    const huge = { to: ["447700900001"], body: "x".repeat(5_000_000) };
    // The client may see the answer or the end of the connection that it was writing to.
    const seen = await post(SINCH_BATCHES, bearer, huge).then(
      ({ status }) => status,
      () => 413,
    );
    expect(seen).toBe(413);
    expect((await post(SINCH_BATCHES, bearer, { ...huge, body: "x" })).status).toBe(201);
  });

  test("says what it does not simulate", async () => {
    const { get } = await startSimulator();
    const { status, json } = await get("/other/sms", null);
    expect([status, json]).toEqual([404, { error: expect.stringContaining("/other") }]);
  });

  test("takes the port it is told, or says that it is taken", async () => {
    const { simulator } = await startSimulator();
    const port = Number(new URL(simulator.url).port);
    await expect(createSimulator({ port })).rejects.toMatchObject({ code: "port_taken" });
  });

  test("refuses settings that make no sense", async () => {
    await expect(createSimulator({ requestsPerSecond: -1 })).rejects.toMatchObject({ code: "usage" });
    await expect(createSimulator({ latencyMs: Number.NaN })).rejects.toMatchObject({ code: "usage" });
    await expect(createSimulator({ faults: [{ name: "500", share: 2 }] })).rejects.toMatchObject({
      code: "usage",
    });
  });

  test("gives one provider a setting that the other does not have", async () => {
    const { askToken } = await startSimulator({
      clientId: "x",
      providers: { sinch: { clientId: "demo-id" } },
    });
    expect((await askToken("sinch")).status).toBe(200);
    expect((await askToken("mobile-digital")).status).toBe(401);
  });
});

describe("the control door", () => {
  async function setup() {
    const started = await startSimulator();
    const bearer = await started.token("mobile-digital");
    const send = (recipient: string) => started.post(MOBILE_DIGITAL_SEND, bearer, { ...MESSAGE, recipient });
    const control = (path: string, body: unknown) => started.post(path, null, body);
    return { ...started, send, control };
  }

  test("sums up what each provider saw", async () => {
    const { get, send } = await setup();
    for (const number of ["+61400000001", "+61400000001", "+61400000002", "0400"]) await send(number);
    const { json } = await get("/_/summary", null);
    expect(json).toMatchObject({
      sinch: { accepted: 0, calls: 0, callsByStatus: {}, tokenCalls: 0 },
      "mobile-digital": {
        accepted: 3,
        recipients: 2,
        duplicates: 1,
        calls: 4,
        callsByStatus: { "200": 3, "400": 1 },
        tokenCalls: 1,
        peakInSlidingSecond: { requests: 4, recipients: 3, segments: 3 },
      },
    });
  });

  test("lists who was accepted, and how often", async () => {
    const { get, send } = await setup();
    for (const number of ["+61400000001", "+61400000002", "+61400000001"]) await send(number);
    const { text, headers } = await get("/_/recipients?provider=mobile-digital", null);
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(text).toBe('{"number":"61400000001","count":2}\n{"number":"61400000002","count":1}\n');
  });

  test("sets faults, rates and latency, revokes tokens and resets", async () => {
    const { control, send, simulator } = await setup();
    const provider = "mobile-digital";
    expect((await control("/_/faults", { provider, faults: ["503=1x"] })).json).toEqual({ ok: true });
    expect((await send("+61400000001")).status).toBe(503);
    await control("/_/rate", { provider, requestsPerSecond: 2, retryAfterSeconds: 7 });
    expect((await send("+61400000001")).status).toBe(200);
    expect((await send("+61400000001")).headers.get("retry-after")).toBe("7");
    await control("/_/rate", { provider, requestsPerSecond: null });
    expect((await send("+61400000001")).status).toBe(200);
    expect((await control("/_/latency", { latencyMs: 1 })).status).toBe(200);
    await control("/_/revoke-tokens", {});
    expect((await send("+61400000001")).status).toBe(401);
    await control("/_/reset", { provider });
    expect([simulator.accepted(provider), simulator.callCount(provider)]).toEqual([0, 0]);
    expect(simulator.peakInSlidingSecond(provider)).toEqual({ requests: 0, recipients: 0, segments: 0 });
  });

  test.each([
    ["/_/faults", { faults: ["nonsense"] }],
    ["/_/faults", { faults: "503" }],
    ["/_/rate", { requestsPerSecond: "5" }],
    ["/_/rate", { requestsPerSecond: 0 }],
    ["/_/latency", { latencyMs: null }],
    ["/_/reset", { provider: "smtp" }],
    ["/_/reset", "[]"],
  ])("refuses %s %j", async (path, body) => {
    const { control } = await setup();
    const { status, json } = await control(path, body);
    expect([status, json]).toEqual([400, { error: expect.any(String) }]);
  });

  test("has nothing else", async () => {
    const { control, get, simulator } = await setup();
    expect((await control("/_/stop", {})).status).toBe(404);
    expect((await get("/_/faults", null)).status).toBe(404);
    expect((await get("/_/recipients", null)).status).toBe(400);
    expect((await ask(`${simulator.url}/_/reset`, { method: "DELETE" })).status).toBe(404);
  });
});

describe("the journal", () => {
  test("keeps counts and no details unless it is told to", async () => {
    const { simulator, token, post } = await startSimulator({ keepDetails: false });
    await post(MOBILE_DIGITAL_SEND, await token("mobile-digital"), MESSAGE);
    expect(simulator.acceptedPerRecipient("mobile-digital").get("61400000000")).toBe(1);
    expect(simulator.calls("mobile-digital")).toMatchObject([{ recipients: 1, numbers: null }]);
    expect(simulator.texts("mobile-digital", "61400000000")).toEqual([]);
  });

  test("tells who waits for a number of calls or of accepted messages", async () => {
    const { simulator, token, post } = await startSimulator();
    const bearer = await token("sinch");
    const calls = simulator.untilCalls("sinch", 2);
    const accepted = simulator.untilAccepted("sinch", 2);
    await post(SINCH_BATCHES, bearer, {});
    await post(SINCH_BATCHES, bearer, { to: ["447700900001", "447700900002"], body: "Hello" });
    await Promise.all([calls, accepted]);
    expect(simulator.callCount("sinch")).toBe(2);
  });
});
