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
    expect(circuits.isClosed(main)).toBe(true);
    await fail(1);
    expect(circuits.isClosed(main)).toBe(false);
    expect(circuits.isClosed(other)).toBe(true);
    expect(pauses).toEqual([["main", 1_000, "http-500"]]);
  });

  it("counts anew after each success", async () => {
    const { circuits, pauses, fail } = setup();
    for (let round = 0; round < 5; round += 1) {
      await fail(4);
      circuits.succeeded(main);
    }
    expect(pauses).toEqual([]);
    expect(circuits.isClosed(main)).toBe(true);
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
    circuits.succeeded(main);
    expect(circuits.isClosed(main)).toBe(true);
    await fail(4);
    expect(pauses).toHaveLength(1);
    await fail(1);
    expect(pauses.at(-1)).toEqual(["main", 1_000, "http-500"]);
  });
});
