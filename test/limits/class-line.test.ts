// Who is served next, by class: the urgent first, and nobody never.

import { expect, it } from "vitest";
import type { MessageClass } from "../../src/domain/message.ts";
import { createClassLine } from "../../src/limits/class-line.ts";
import { createInFlight } from "../../src/limits/in-flight.ts";

function lineOf(counts: Partial<Record<MessageClass, number>>) {
  const line = createClassLine<string>();
  for (const [name, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index += 1) line.add(`${name} ${index}`, name as MessageClass, "back");
  }
  return line;
}

const classOf = (item: string) => item.split(" ")[0];

it("an urgent one that comes last is served first", () => {
  const line = lineOf({ marketing: 100 });
  line.add("code", "transactional", "back");
  expect(line.head(2)).toEqual(["code", "marketing 0"]);
});

it("each class keeps its order, and those who missed their slot stand in front of it", () => {
  const line = lineOf({ reminder: 2, marketing: 2 });
  line.add("again", "marketing", "front");
  expect(line.head(10).filter((item) => classOf(item) !== "reminder")).toEqual([
    "again",
    "marketing 0",
    "marketing 1",
  ]);
});

it("of ten served while all classes wait, one at least is of each", () => {
  const line = lineOf({ transactional: 100, reminder: 100, marketing: 100 });
  for (let round = 0; round < 5; round += 1) {
    // Asked for in pieces, the turns go on where they were.
    const served = [3, 3, 4].flatMap((count) => {
      const head = line.head(count);
      line.served(count);
      line.keep((item) => !head.includes(item));
      return head.map(classOf);
    });
    expect(served.filter((one) => one === "transactional")).toHaveLength(8);
    expect(served.filter((one) => one === "reminder")).toHaveLength(1);
    expect(served.filter((one) => one === "marketing")).toHaveLength(1);
  }
});

it("a class alone gets everything, in its order", () => {
  expect(lineOf({ marketing: 25 }).head(30)).toEqual(
    Array.from({ length: 25 }, (_, index) => `marketing ${index}`),
  );
});

it("asking for the head takes nobody out of the line", () => {
  const line = lineOf({ marketing: 3 });
  expect(line.head(3)).toEqual(line.head(3));
  line.keep(() => false);
  expect(line.isEmpty()).toBe(true);
});

it.each([1, 4])(
  "of %i places in flight an urgent call gets the next free one, and never one too many",
  async (max) => {
    const inFlight = createInFlight(max);
    const ends: (() => void)[] = [];
    const started: string[] = [];
    const call = (name: string, messageClass: MessageClass) =>
      inFlight(messageClass, () => {
        started.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      });
    const calls = Array.from({ length: 10 }, (_, index) => call(`campaign ${index}`, "marketing"));
    await new Promise(setImmediate);
    const code = call("code", "transactional");
    await new Promise(setImmediate);
    expect(started).toHaveLength(max);
    ends.shift()?.();
    await expect.poll(() => started.length).toBe(max + 1);
    expect(started.at(-1)).toBe("code");
    while (started.length < 11) {
      for (const end of ends.splice(0)) end();
      await new Promise(setImmediate);
    }
    for (const end of ends.splice(0)) end();
    await Promise.all([...calls, code]);
  },
);
