// Sliding seconds: the limiter and the meter against a slow and obvious count, and both over HTTP.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPeakMeter, createRateWindow } from "../../src/simulator/rate-window.ts";
import { MOBILE_DIGITAL_SEND, SINCH_BATCHES, startSimulator } from "./setup.ts";

const MESSAGE = { recipient: "+61400000000", message: "Hello" };

type Event = { readonly atMs: number; readonly recipients: number; readonly segments: number };

/** Steps between events, so that times never go back; many are 0 and many land on the edge of a second. */
const events = fc
  .array(
    fc.record({
      stepMs: fc.oneof(fc.constantFrom(0, 0, 1, 250, 500, 999, 1000, 1001), fc.integer({ min: 0, max: 300 })),
      recipients: fc.integer({ min: 1, max: 5 }),
      segments: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 80 },
  )
  .map((steps) => {
    let atMs = 0;
    return steps.map(({ stepMs, ...rest }): Event => {
      atMs += stepMs;
      return { atMs, ...rest };
    });
  });

const within = (all: readonly Event[], endMs: number) =>
  all.filter(({ atMs }) => atMs > endMs - 1000 && atMs <= endMs);
const sum = (all: readonly Event[], pick: (event: Event) => number) =>
  all.reduce((total, event) => total + pick(event), 0);

describe("the sliding second", () => {
  test("the meter finds the worst one of each kind", () => {
    fc.assert(
      fc.property(events, (all) => {
        const meter = createPeakMeter();
        for (const { atMs, recipients, segments } of all) meter.see(atMs, recipients, segments);
        const windows = all.map(({ atMs }) => within(all, atMs));
        expect(meter.peak()).toEqual({
          requests: Math.max(0, ...windows.map((window) => window.length)),
          recipients: Math.max(0, ...windows.map((window) => sum(window, (event) => event.recipients))),
          segments: Math.max(0, ...windows.map((window) => sum(window, (event) => event.segments))),
        });
      }),
    );
  });

  test("the limiter admits exactly what fits", () => {
    fc.assert(
      fc.property(
        events,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 9, max: 30 }),
        (all, requests, segments) => {
          const window = createRateWindow({ requestsPerSecond: requests, segmentsPerSecond: segments });
          const admitted: Event[] = [];
          for (const event of all) {
            const before = within(admitted, event.atMs);
            const fits =
              before.length + 1 <= requests &&
              sum(before, (other) => other.segments) + event.segments <= segments;
            expect(window.admit(event.atMs, event.segments)).toBe(fits);
            if (fits) admitted.push(event);
          }
        },
      ),
    );
  });

  test("stays exact when its log has been cut many times", () => {
    const meter = createPeakMeter();
    for (let index = 0; index < 100_000; index += 1) meter.see(index / 8, 1, 2);
    // 8 a millisecond, in a second whose beginning does not belong to it.
    expect(meter.peak()).toEqual({ requests: 8000, recipients: 8000, segments: 16_000 });
  });
});

describe("a provider with a limit", () => {
  test("refuses the request that would be one too many in any sliding second", async () => {
    const { simulator, token, post, passMs } = await startSimulator({ requestsPerSecond: 2 });
    const bearer = await token("mobile-digital");
    const send = async () => (await post(MOBILE_DIGITAL_SEND, bearer, MESSAGE)).status;
    expect(await send()).toBe(200);
    passMs(600);
    expect([await send(), await send()]).toEqual([200, 429]);
    passMs(399);
    expect(await send()).toBe(429);
    passMs(1);
    expect([await send(), await send()]).toEqual([200, 429]);
    expect(simulator.accepted("mobile-digital")).toBe(3);
    expect(simulator.refusedPerRecipient("mobile-digital").get("61400000000")).toBe(3);
    // The refused ones arrived, too.
    expect(simulator.peakInSlidingSecond("mobile-digital").requests).toBe(5);
  });

  test("counts a Sinch batch by its segments and says when to come back", async () => {
    const { token, post, passMs } = await startSimulator({ segmentsPerSecond: 3, retryAfterSeconds: 1 });
    const bearer = await token("sinch");
    const send = (to: string[]) => post(SINCH_BATCHES, bearer, { to, body: "Hello" });
    expect((await send(["447700900001", "447700900002"])).status).toBe(201);
    const refused = await send(["447700900003", "447700900004"]);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await send(["447700900005"])).status).toBe(201);
    passMs(1000);
    expect((await send(["447700900003", "447700900004"])).status).toBe(201);
  });

  test("takes a new limit while it runs, and forgets nothing", async () => {
    const { simulator, token, post } = await startSimulator();
    const bearer = await token("mobile-digital");
    const send = async () => (await post(MOBILE_DIGITAL_SEND, bearer, MESSAGE)).status;
    expect([await send(), await send()]).toEqual([200, 200]);
    simulator.setRate("mobile-digital", { requestsPerSecond: 2 });
    expect(await send()).toBe(429);
    simulator.setRate("mobile-digital", { requestsPerSecond: null });
    expect(await send()).toBe(200);
    expect(() => simulator.setRate("mobile-digital", { requestsPerSecond: 0 })).toThrow(/above 0/);
  });

  test("accepts on arrival and answers after its latency", async () => {
    const { simulator, token, post } = await startSimulator();
    const bearer = await token("mobile-digital");
    simulator.setLatency("mobile-digital", { latencyMs: 200, latencyJitterMs: 50 });
    let answered = false;
    const answer = post(MOBILE_DIGITAL_SEND, bearer, MESSAGE).finally(() => {
      answered = true;
    });
    // This settles in the very turn in which the message was accepted, so no timer can have run yet.
    await simulator.untilAccepted("mobile-digital", 1);
    expect(answered).toBe(false);
    expect((await answer).status).toBe(200);
  });
});
