// The rate cell's promise, checked slot by slot against brute force, on both engines and a clock of the test's.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RateCells } from "../../src/engine/engine.ts";
import { type TestEngine, testEngines } from "./engines.ts";

const SECOND_US = 1_000_000;
const START_US = 1_700_000_000 * SECOND_US;

type TakenSlot = { readonly atUs: number; readonly segments: number };

describe.each(testEngines)("rate cell on $name", ({ open }) => {
  let bundle: TestEngine;
  let nowUs = START_US;
  let processes: readonly RateCells[];
  let accounts = 0;

  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
    processes = [bundle.openRates(() => nowUs), bundle.openRates(() => nowUs)];
  });
  afterAll(() => bundle.close());

  /** An account whose first silence is over. */
  async function openAccount(limits: Limits): Promise<string> {
    accounts += 1;
    nowUs += 10 * SECOND_US;
    await takeSlots(processes[0], `account-${accounts}`, limits, { segments: [1], leadMs: 0, horizonMs: 0 });
    nowUs += 10 * SECOND_US;
    return `account-${accounts}`;
  }

  test("no sliding second holds more than the limit of requests or of segments", async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(ask, { minLength: 5, maxLength: 25 }), async (limit, asks) => {
        const account = await openAccount(limit);
        const slots: TakenSlot[] = [];
        for (const { afterMs, process, ...more } of asks) {
          nowUs += Math.round(afterMs * 1_000);
          slots.push(...(await takeSlots(processes[process], account, limit, more)));
        }
        expectWithin(slots, limit);
      }),
      { numRuns: 60 },
    );
  });

  test("under load at least 98 % of the request limit is used, whoever asks and when", async () => {
    const turns = fc.array(
      fc.record({ afterMs: fc.double({ min: 0, max: 90, noNaN: true }), process: fc.nat(1) }),
      {
        minLength: 60,
        maxLength: 60,
      },
    );
    const rate = fc.constantFrom(20, 100, 333, 1_000, 5_000);
    await fc.assert(
      fc.asyncProperty(rate, turns, async (requestsPerSecond, asks) => {
        const limit = { requestsPerSecond, segmentsPerSecond: null };
        const account = await openAccount(limit);
        const slots: TakenSlot[] = [];
        const segments = Array<number>(1_000).fill(1);
        for (const { afterMs, process } of asks) {
          nowUs += Math.round(afterMs * 1_000);
          slots.push(
            ...(await takeSlots(processes[process], account, limit, { segments, leadMs: 0, horizonMs: 100 })),
          );
        }
        const spanSeconds = ((slots.at(-1)?.atUs ?? 0) - (slots[0]?.atUs ?? 0)) / SECOND_US;
        expect(slots.length - 1).toBeGreaterThanOrEqual(0.98 * requestsPerSecond * spanSeconds - 1e-6);
        expectWithin(slots, limit);
      }),
      { numRuns: 8 },
    );
  });

  test("equal messages use at least 97 % of the segment limit", async () => {
    const limit = { requestsPerSecond: 1_000, segmentsPerSecond: 300 };
    const account = await openAccount(limit);
    const slots: TakenSlot[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      nowUs += 50_000;
      const segments = Array<number>(200).fill(3);
      slots.push(
        ...(await takeSlots(processes[turn % 2], account, limit, { segments, leadMs: 0, horizonMs: 100 })),
      );
    }
    const spanSeconds = ((slots.at(-1)?.atUs ?? 0) - (slots[0]?.atUs ?? 0)) / SECOND_US;
    expect((slots.length - 1) * 3).toBeGreaterThanOrEqual(0.97 * 300 * spanSeconds);
    expectWithin(slots, limit);
  });

  test("a message longer than the segment limit gets a second for itself and does not block the line", async () => {
    const limit = { requestsPerSecond: 100, segmentsPerSecond: 4 };
    const account = await openAccount(limit);
    const slots = await takeSlots(processes[0], account, limit, {
      segments: [1, 9, 1],
      leadMs: 0,
      horizonMs: 20_000,
    });
    const [before, long, after] = slots.map(({ atUs }) => (atUs - nowUs) / 1_000);
    expect(before).toBe(0);
    expect(long).toBeCloseTo(1_020, 1);
    // Its nine segments are paid for: the average holds, too.
    expect(after).toBeCloseTo(1_020 + (9 / 4) * 1_020, 1);
  });
});

type Limits = { readonly requestsPerSecond: number; readonly segmentsPerSecond: number | null };
type Ask = { readonly segments: readonly number[]; readonly leadMs: number; readonly horizonMs: number };

const limits: fc.Arbitrary<Limits> = fc.record({
  requestsPerSecond: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 30, max: 3_000 })),
  segmentsPerSecond: fc.option(
    fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 30, max: 3_000 })),
  ),
});

const ask = fc
  .record({
    afterMs: fc.oneof(
      fc.double({ min: 0, max: 200, noNaN: true }),
      fc.double({ min: 0, max: 2_000, noNaN: true }),
    ),
    process: fc.nat(1),
    segments: fc.array(
      fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 400 })),
      {
        minLength: 1,
        maxLength: 60,
      },
    ),
    leadMs: fc.constantFrom(0, 0, 15, 200),
    leaseMs: fc.constantFrom(0, 100, 1_500),
  })
  .map(({ leaseMs, ...rest }) => ({ ...rest, horizonMs: rest.leadMs + leaseMs }));

async function takeSlots(
  rates: RateCells | undefined,
  account: string,
  limit: Limits,
  { segments, leadMs, horizonMs }: Ask,
): Promise<TakenSlot[]> {
  if (rates === undefined) throw new Error("No such process.");
  const grant = await rates.take(account, { ...limit, segments, leadMs, horizonMs });
  return grant.slotsMs.map((slotMs, index) => ({
    atUs: Math.round((grant.nowMs + slotMs) * 1_000),
    segments: segments[index] ?? 0,
  }));
}

/** Every half-open second that begins at a slot: no other can hold more. */
function expectWithin(slots: readonly TakenSlot[], { requestsPerSecond, segmentsPerSecond }: Limits): void {
  for (const [index, { atUs }] of slots.entries()) {
    let requests = 0;
    let segments = 0;
    for (const slot of slots.slice(index)) {
      if (slot.atUs >= atUs + SECOND_US) break;
      requests += 1;
      segments += Math.min(slot.segments, segmentsPerSecond ?? 0);
    }
    if (requests > requestsPerSecond)
      expect.fail(`${requests} requests in a second, ${requestsPerSecond} allowed`);
    if (segmentsPerSecond !== null && segments > segmentsPerSecond) {
      expect.fail(`${segments} segments in a second, ${segmentsPerSecond} allowed`);
    }
  }
}
