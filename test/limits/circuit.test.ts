// The circuit of an account: what opens it, how long it stays open, and what closes it.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCircuits } from "../../src/limits/circuit.ts";
import { accountOf } from "../providers/support.ts";
import { silent } from "../support/ledger.ts";

const main = accountOf("sinch", { name: "main" });
const other = accountOf("sinch", { name: "other" });

function setup() {
  const pauses: [account: string, ms: number, reason: string][] = [];
  const circuits = createCircuits({
    pause: async ({ name }, ms, reason) => void pauses.push([name, ms, reason]),
    log: silent,
  });
  const fail = async (times: number, account = main) => {
    for (let count = 0; count < times; count += 1) await circuits.failed(account, "http-500");
  };
  return { circuits, pauses, fail };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a circuit", () => {
  it("opens at the fifth failure in a row, for this account alone", async () => {
    const { circuits, pauses, fail } = setup();
    await fail(4);
    expect(pauses).toEqual([]);
    await fail(1);
    expect(circuits.isSuspect(main)).toBe(true);
    expect(circuits.isSuspect(other)).toBe(false);
    expect(pauses).toEqual([["main", 1_000, "http-500"]]);
  });

  it("is suspect from the second bad call in a row on, and blames nobody else until then", async () => {
    const { circuits, fail } = setup();
    await fail(1);
    expect(circuits.isSuspect(main)).toBe(false);
    await fail(1);
    expect(circuits.isSuspect(main)).toBe(true);
    await circuits.succeeded(main, 10);
    expect(circuits.isSuspect(main)).toBe(false);
  });

  it("stays closed when fewer than half of the calls fail, and opens when half of the last twenty do", async () => {
    const { circuits, pauses, fail } = setup();
    for (let round = 0; round < 20; round += 1) {
      await fail(1);
      await circuits.succeeded(main, 10);
      await circuits.succeeded(main, 10);
    }
    expect(pauses).toEqual([]);
    for (let round = 0; round < 20 && pauses.length === 0; round += 1) {
      await fail(1);
      if (pauses.length === 0) await circuits.succeeded(main, 10);
    }
    expect(pauses).toEqual([["main", 1_000, "http-500"]]);
  });

  it("takes a call that crawled for a bad one, though it was answered", async () => {
    const { circuits, pauses } = setup();
    for (let count = 0; count < 5; count += 1) await circuits.succeeded(main, 10_000);
    expect(pauses).toEqual([["main", 1_000, "slow"]]);
  });

  it("does not count calls that were in flight when it opened", async () => {
    const { pauses, fail } = setup();
    await fail(50);
    expect(pauses).toHaveLength(1);
  });

  it("opens at once when the first call after the pause fails, for twice as long, up to a minute", async () => {
    const { pauses, fail } = setup();
    await fail(5);
    for (let round = 0; round < 8; round += 1) {
      vi.advanceTimersByTime(pauses.at(-1)?.[1] ?? 0);
      await fail(1);
    }
    expect(pauses.map(([, ms]) => ms / 1_000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it("closes at the first success, and then needs five failures again", async () => {
    const { circuits, pauses, fail } = setup();
    await fail(5);
    vi.advanceTimersByTime(1_000);
    await circuits.succeeded(main, 10);
    expect(circuits.isSuspect(main)).toBe(false);
    await fail(4);
    expect(pauses).toHaveLength(1);
    await fail(1);
    expect(pauses.at(-1)).toEqual(["main", 1_000, "http-500"]);
  });

  it("says when it opens and when it closes, also after a hold that its provider asked for", async () => {
    const { circuits } = setup();
    const verdicts = [];
    for (let count = 0; count < 5; count += 1) verdicts.push(await circuits.failed(main, "http-500"));
    verdicts.push(await circuits.succeeded(main, 10), await circuits.succeeded(main, 10));
    circuits.held(main);
    verdicts.push(await circuits.succeeded(main, 10));
    const before = Array(4).fill("as-before");
    expect(verdicts).toEqual([...before, "opened", "closed", "as-before", "closed"]);
  });
});
