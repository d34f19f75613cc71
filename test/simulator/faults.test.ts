// Every fault, seen from the other end of the connection, and who of the recipients was accepted all the same.

import { request as httpRequest } from "node:http";
import { createGunzip } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { HUGE_BODY_BYTES } from "../../src/simulator/deliver.ts";
import { type FaultRule, faultNames, parseFault, sendFaults } from "../../src/simulator/faults.ts";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { MOBILE_DIGITAL_SEND, SINCH_BATCHES, startSimulator } from "./setup.ts";
import { openWire } from "./wire.ts";

const BATCH = { to: ["447700900001", "447700900002", "447700900003"], body: "Hello" };
const MESSAGE = { recipient: "+61400000000", message: "Hello" };

async function setup(options: SimulatorOptions = {}) {
  const started = await startSimulator(options);
  const [sinch, mobileDigital] = [await started.token("sinch"), await started.token("mobile-digital")];
  const { simulator } = started;
  return {
    ...started,
    sinch,
    fault: (...rules: FaultRule[]) => {
      simulator.setFaults("sinch", rules);
      simulator.setFaults("mobile-digital", rules);
    },
    sendSinch: () => started.post(SINCH_BATCHES, sinch, BATCH),
    sendMobileDigital: (body: unknown = MESSAGE) => started.post(MOBILE_DIGITAL_SEND, mobileDigital, body),
    wire: () => {
      const wire = openWire(simulator.url, SINCH_BATCHES, sinch, JSON.stringify(BATCH));
      onTestFinished(() => void wire.socket.destroy());
      return wire;
    },
  };
}

describe("a connection that is cut", () => {
  test.each([
    ["drop-before", 0],
    ["drop-after-accept", 3],
  ] as const)("by %s is a TCP reset, and %i of three are accepted", async (name, accepted) => {
    const { fault, wire, simulator, sendSinch } = await setup();
    fault({ name, count: 1 });
    const cut = wire();
    expect(await cut.over).toBe("ECONNRESET");
    expect(cut.head()).toBe("");
    expect(simulator.accepted("sinch")).toBe(accepted);
    expect(simulator.calls("sinch")).toMatchObject([{ status: null, recipients: 3, accepted: accepted > 0 }]);
    expect((await sendSinch()).status).toBe(201);
  });
});

describe("an answer that does not come", () => {
  test.each([
    ["hang", 0],
    ["hang-accepted", 3],
  ] as const)(
    "because of %s leaves the connection open, and %i of three are accepted",
    async (name, accepted) => {
      const { fault, wire, simulator, sendSinch } = await setup();
      fault({ name, count: 1 });
      const hanging = wire();
      await simulator.untilCalls("sinch", 1);
      // A second call over another connection is answered in the meantime: the simulator has not stopped.
      expect((await sendSinch()).status).toBe(201);
      expect([hanging.ended(), hanging.head()]).toEqual([null, ""]);
      expect(simulator.accepted("sinch")).toBe(accepted + 3);
      await simulator.close();
      await hanging.over;
    },
  );

  test("drips byte by byte and is far from done when the second one is there", async () => {
    const { fault, wire, simulator } = await setup();
    fault({ name: "drip", count: 1 });
    const dripping = wire();
    await dripping.untilBody(2);
    expect(dripping.head()).toMatch(/^HTTP\/1\.1 201 /);
    expect(dripping.body().toString()).toMatch(/^\{".{0,5}$/);
    expect(dripping.ended()).toBeNull();
    expect(simulator.accepted("sinch")).toBe(3);
  });
});

describe("a status", () => {
  test.each(["500", "502", "503", "504", "429", "401", "403"] as const)(
    "%s by itself accepts nobody",
    async (name) => {
      const { fault, simulator, sendSinch, sendMobileDigital } = await setup();
      fault({ name, share: 1 });
      const answer = await sendSinch();
      expect(answer.status).toBe(Number(name));
      expect(answer.headers.has("retry-after")).toBe(false);
      const other = await sendMobileDigital();
      expect([other.status, other.json]).toEqual([Number(name), { message: expect.any(String) }]);
      expect(simulator.accepted("sinch") + simulator.accepted("mobile-digital")).toBe(0);
      expect(simulator.refusedPerRecipient("sinch").get("447700900001")).toBe(1);
    },
  );

  test.each(["500-accepted", "502-accepted", "503-accepted", "504-accepted"] as const)(
    "%s accepts everybody",
    async (name) => {
      const { fault, simulator, sendSinch, sendMobileDigital } = await setup();
      fault({ name, share: 1 });
      expect((await sendSinch()).status).toBe(Number.parseInt(name, 10));
      expect((await sendMobileDigital()).status).toBe(Number.parseInt(name, 10));
      expect([simulator.accepted("sinch"), simulator.accepted("mobile-digital")]).toEqual([3, 1]);
    },
  );

  test("429-retry-after says how long, in whatever words it was given", async () => {
    const { fault, sendSinch } = await setup();
    fault({ name: "429-retry-after", count: 1 }, { name: "429-retry-after", count: 1, retryAfter: "abc" });
    const [first, second] = [await sendSinch(), await sendSinch()];
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "1"]);
    expect([second.status, second.headers.get("retry-after")]).toEqual([429, "abc"]);
  });
});

describe("a body that cannot be read", () => {
  test.each([
    ["html-200", 0],
    ["html-200-accepted", 3],
  ] as const)("%s is a page with status 200, and %i of three are accepted", async (name, accepted) => {
    const { fault, simulator, sendSinch } = await setup();
    fault({ name, share: 1 });
    const { status, headers, text } = await sendSinch();
    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(text).toMatch(/^<!DOCTYPE html>/);
    expect(simulator.accepted("sinch")).toBe(accepted);
    expect(simulator.calls("sinch")).toMatchObject([{ status: 200 }]);
  });

  test("half-json stops in the middle of a well-framed response", async () => {
    const { fault, simulator, sendSinch } = await setup();
    fault({ name: "half-json", share: 1 });
    const { status, text, json } = await sendSinch();
    expect([status, json]).toEqual([201, undefined]);
    expect(text).toMatch(/^\{"id":"/);
    expect(simulator.accepted("sinch")).toBe(3);
  });

  test("missing-items leaves people out at Sinch and the id out at mobile.digital", async () => {
    const { fault, simulator, sendSinch, sendMobileDigital } = await setup();
    fault({ name: "missing-items", share: 1 });
    expect((await sendSinch()).json).toMatchObject({ id: expect.any(String), to: ["447700900002"] });
    expect((await sendMobileDigital()).json).toEqual({ success: true, status: "queued" });
    expect([simulator.accepted("sinch"), simulator.accepted("mobile-digital")]).toEqual([3, 1]);
  });

  test("huge-body sends more than 64 MiB, or stops when the client goes", async () => {
    const { fault, simulator, sinch, wire } = await setup();
    fault({ name: "huge-body", share: 1 });
    const size = await measure(simulator.url + SINCH_BATCHES, sinch);
    expect(size).toBeGreaterThan(HUGE_BODY_BYTES);
    const impatient = wire();
    await impatient.untilBody(100_000);
    impatient.socket.destroy();
    expect(simulator.accepted("sinch")).toBe(6);
  });

  test("gzip-bomb unpacks to 256 MiB", async () => {
    const { fault, simulator, sinch } = await setup();
    fault({ name: "gzip-bomb", share: 1 });
    const unpacker = createGunzip();
    const size = await measure(simulator.url + SINCH_BATCHES, sinch, unpacker);
    expect(size).toBe(256 * 1024 ** 2);
    expect(simulator.accepted("sinch")).toBe(3);
  });
});

describe("a recipient who is on the list of the rejected", () => {
  test("takes the whole Sinch batch down, which names the place", async () => {
    const { fault, simulator, sendSinch } = await setup();
    fault({ name: "reject-recipient", numbers: ["+447700900003"] });
    const { status, json } = await sendSinch();
    expect(status).toBe(400);
    expect(json).toEqual({
      code: "syntax_invalid_parameter_format",
      text: expect.stringMatching(/\bto\[2\]/),
    });
    expect(simulator.accepted("sinch")).toBe(0);
    expect(simulator.refusedPerRecipient("sinch").get("447700900001")).toBe(1);
  });

  test("is a 400 at mobile.digital, others are not", async () => {
    const { fault, sendMobileDigital } = await setup();
    fault({ name: "reject-recipient", numbers: ["61400000000"] });
    expect((await sendMobileDigital()).status).toBe(400);
    expect((await sendMobileDigital({ ...MESSAGE, recipient: "+61400000001" })).status).toBe(200);
  });
});

describe("token calls", () => {
  test("token-down is a 503, token-drop a reset, token-hang silence; sends go on", async () => {
    const { fault, simulator, askToken, sendSinch } = await setup();
    fault(
      { name: "token-down", count: 1 },
      { name: "token-drop", count: 1 },
      { name: "token-hang", count: 1 },
    );
    expect((await askToken("sinch")).status).toBe(503);
    await expect(askToken("sinch")).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
    const hanging = askToken("sinch").catch((error: unknown) => error);
    expect((await sendSinch()).status).toBe(201);
    await expect.poll(() => simulator.tokenCalls("sinch").length).toBe(4);
    expect(simulator.tokenCalls("sinch").map(({ status }) => status)).toEqual([200, 503, null, null]);
    await simulator.close();
    expect(await hanging).toBeInstanceOf(Error);
  });
});

describe("how often", () => {
  test("counted faults hit the next calls and then stop, in their order", async () => {
    const { fault, sendSinch } = await setup();
    fault({ name: "503", count: 2 }, { name: "500", count: 1 });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) statuses.push((await sendSinch()).status);
    expect(statuses).toEqual([503, 503, 500, 201, 201]);
  });

  test("a share is kept, and the same seed fails the same calls", async () => {
    const run = async (seed: number) => {
      const { post, token } = await startSimulator({ seed, faults: [{ name: "500", share: 0.3 }] });
      const bearer = await token("mobile-digital");
      const statuses: number[] = [];
      for (let index = 0; index < 300; index += 1) {
        statuses.push((await post(MOBILE_DIGITAL_SEND, bearer, MESSAGE)).status);
      }
      return statuses;
    };
    const first = await run(7);
    const failed = first.filter((status) => status === 500).length;
    expect(failed).toBeGreaterThan(60);
    expect(failed).toBeLessThan(120);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });

  test("a call that is refused anyway uses no fault up", async () => {
    const { fault, post, sinch, sendSinch } = await setup();
    fault({ name: "500", count: 1 });
    expect((await post(SINCH_BATCHES, sinch, {})).status).toBe(400);
    expect((await sendSinch()).status).toBe(500);
  });

  test("every fault of the table is written NAME=SHARE and NAME=COUNTx", () => {
    for (const name of Object.keys(sendFaults)) {
      expect(parseFault(`${name}=0.1`)).toEqual({ name, share: 0.1 });
      expect(parseFault(`${name}=3x`)).toEqual({ name, count: 3 });
      expect(parseFault(name)).toEqual({ name, share: 1 });
    }
    expect(parseFault("look-up-lag-ms=2000")).toEqual({ name: "look-up-lag-ms", ms: 2000 });
    expect(parseFault("reject-recipient=+46700000001,46700000002")).toEqual({
      name: "reject-recipient",
      numbers: ["+46700000001", "46700000002"],
    });
  });

  test("an unknown name is refused with all known ones", () => {
    const message = () => {
      try {
        parseFault("drop-after=0.1");
      } catch (error) {
        return String(error);
      }
      return "";
    };
    for (const name of faultNames) expect(message()).toContain(name);
  });

  test.each([
    "500=1.1",
    "500=-1",
    "500=often",
    "500=",
    "500=1e-1",
    "500=0x1",
    "reject-recipient",
    "reject-recipient=bob",
    "look-up-lag-ms",
    "__proto__",
    "",
  ])("%j is refused", (text) => {
    expect(() => parseFault(text)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test("shares that add up to more than all calls are refused", async () => {
    const { fault, sendSinch } = await setup();
    expect(() => fault({ name: "500", share: 0.6 }, { name: "503", share: 0.6 })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
    expect((await sendSinch()).status).toBe(201);
  });
});

/** Sends a batch by node:http and counts what comes back, through `unpacker` if there is one. */
function measure(url: string, token: string, unpacker?: ReturnType<typeof createGunzip>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const call = httpRequest(url, { method: "POST", headers }, (response) => {
    let bytes = 0;
    const stream = unpacker === undefined ? response : response.pipe(unpacker);
    stream.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    stream.on("end", () => resolve(bytes));
    stream.on("error", reject);
  });
  call.on("error", reject);
  call.end(JSON.stringify(BATCH));
  return promise;
}
