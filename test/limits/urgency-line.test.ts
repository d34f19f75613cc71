// Who is served next: the urgent first, and nobody never.

import { expect, it } from "vitest";
import type { Urgency } from "../../src/domain/urgency.ts";
import { createInFlight, openPlaces } from "../../src/limits/in-flight.ts";
import { createUrgencyLine } from "../../src/limits/urgency-line.ts";

function lineOf(counts: Readonly<Partial<Record<Urgency, number>>>) {
  const line = createUrgencyLine<string>();
  for (const urgency of ["urgent", "transactional", "reminder", "marketing"] as const) {
    for (let index = 0; index < (counts[urgency] ?? 0); index += 1) {
      line.add(`${urgency} ${index}`, urgency, "back");
    }
  }
  return line;
}

const items = (line: ReturnType<typeof lineOf>, count: number) => line.head(count).map(({ item }) => item);

it("an urgent one that comes last is served first", () => {
  const line = lineOf({ marketing: 100 });
  line.add("code", "urgent", "back");
  expect(items(line, 3)).toEqual(["code", "marketing 0", "marketing 1"]);
});

it("a one-time code passes a transactional campaign, too", () => {
  const line = lineOf({ transactional: 100, reminder: 100 });
  line.add("code", "urgent", "back");
  expect(items(line, 2)).toEqual(["code", "transactional 0"]);
});

it("each urgency keeps its order, and those who missed their slot stand in front of it", () => {
  const line = lineOf({ reminder: 2, marketing: 2 });
  line.add("again", "marketing", "front");
  expect(items(line, 10).filter((item) => !item.startsWith("reminder"))).toEqual([
    "again",
    "marketing 0",
    "marketing 1",
  ]);
});

it("of ten served while all wait, one is of each that is not urgent, also when they are asked for in pieces", () => {
  const line = lineOf({ urgent: 100, transactional: 100, reminder: 100, marketing: 100 });
  for (let round = 0; round < 5; round += 1) {
    const served = [3, 3, 4].flatMap((count) => {
      const head = line.head(count);
      line.served(count);
      const gone = new Set(head.map(({ item }) => item));
      line.keep((item) => !gone.has(item));
      return head.map(({ urgency }) => urgency);
    });
    expect(served.toSorted()).toEqual(
      ["marketing", "reminder", "transactional", ...Array.from({ length: 7 }, () => "urgent")].toSorted(),
    );
  }
});

it("one urgency alone gets everything, in its order", () => {
  expect(items(lineOf({ marketing: 25 }), 30)).toEqual(
    Array.from({ length: 25 }, (_, index) => `marketing ${index}`),
  );
});

it("asking for the head takes nobody out of the line", () => {
  const line = lineOf({ marketing: 3 });
  expect(line.head(3)).toEqual(line.head(3));
  line.keep(() => false);
  expect(line.isEmpty()).toBe(true);
});

/** Calls that last until they are told to end. */
function openPlacesOf(max: number) {
  const inFlight = createInFlight(max);
  const running = new Map<string, () => void>();
  const started: string[] = [];
  return {
    started,
    running,
    call: (name: string, urgency: Urgency) =>
      inFlight(urgency, () => {
        started.push(name);
        return new Promise<void>((resolve) => running.set(name, resolve));
      }),
    async end(name: string) {
      running.get(name)?.();
      running.delete(name);
      await settled();
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it.each([2, 9, 10, 50])("of %i places in flight one at least is kept for urgent calls", async (max) => {
  const places = openPlacesOf(max);
  for (let index = 0; index < 2 * max; index += 1) void places.call(`campaign ${index}`, "marketing");
  await settled();
  expect(places.running.size).toBe(openPlaces(max));
  expect(openPlaces(max)).toBeLessThan(max);
  for (let index = 0; index < max; index += 1) void places.call(`code ${index}`, "urgent");
  await settled();
  expect(places.running.size).toBe(max);
  expect(places.started.at(-1)).toBe(`code ${max - openPlaces(max) - 1}`);
});

it("where there is one place only, a campaign has it, and an urgent call gets it next", async () => {
  const places = openPlacesOf(1);
  void places.call("campaign 0", "marketing");
  void places.call("campaign 1", "marketing");
  await settled();
  void places.call("code", "urgent");
  await settled();
  expect(places.started).toEqual(["campaign 0"]);
  await places.end("campaign 0");
  expect(places.started).toEqual(["campaign 0", "code"]);
  await places.end("code");
  expect(places.started).toEqual(["campaign 0", "code", "campaign 1"]);
});

it.each([1, 4, 20])(
  "with %i places, urgent calls that come later do not pass the first of the others",
  async (max) => {
    const places = openPlacesOf(max);
    for (let index = 0; index < max; index += 1) void places.call(`code ${index}`, "urgent");
    void places.call("campaign", "marketing");
    await settled();
    for (let index = 0; index < 100; index += 1) void places.call(`later ${index}`, "urgent");
    const [first = ""] = places.running.keys();
    await places.end(first);
    expect(places.started.at(-1)).toBe("campaign");
  },
);

it("a call that throws gives its place back", async () => {
  const inFlight = createInFlight(1);
  await expect(inFlight("marketing", () => Promise.reject(new Error("reset")))).rejects.toThrow("reset");
  expect(await inFlight("urgent", async () => "sent")).toBe("sent");
});
