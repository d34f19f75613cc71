// Recurring reminders: one next occurrence of each, whoever renews it and whatever fails.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { ReminderKey } from "../../src/domain/reminder.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import type { PlanNext } from "../../src/ledger/renew-reminders.ts";
import { type LedgerBench, openLedgerBench, phone } from "../support/ledger.ts";
import { daily, HOUR_MS, occurrenceOf, remindersOn } from "../support/reminders.ts";

let bench: LedgerBench;
let on: ReturnType<typeof remindersOn>;
beforeAll(async () => {
  bench = await openLedgerBench();
  on = remindersOn(bench);
});
afterAll(() => bench.close());
beforeEach(() =>
  bench.pool.query(
    "truncate volley.reminder, volley.chunk, volley.message, volley.attempt, volley.suppression",
  ),
);

it("one that comes once is not renewed, and one that recurs not before its time", async () => {
  await on.put();
  await on.put(daily({ key: "daily" as ReminderKey }), 5);
  await on.pass(2);
  expect(await on.renew()).toBe(0);
});

it("what several processes renew at once has one next occurrence each", async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `key ${index}` as ReminderKey);
  for (const [index, key] of keys.entries()) await on.put(daily({ key, to: phone(index) }));
  await on.pass(2);
  const others = [1, 2, 3].map(() => createLedger({ pool: bench.pool }));
  const rounds = await Promise.all(
    [bench.ledger, ...others].map((one) => remindersOn({ ...bench, ledger: one }).renew(15)),
  );
  while ((await on.renew(15)) > 0) rounds.push(0);
  expect(await on.states()).toEqual(Array.from({ length: 80 }, () => "scheduled"));
  const { reminders } = await bench.ledger.reminders.list({ limit: 100 });
  const ids = reminders.flatMap(({ occurrence, previous }) => [occurrence?.id, previous?.id]);
  expect(new Set(ids).size).toBe(80);
  expect(await on.renew()).toBe(0);
});

it("next occurrences for the same moment share a chunk, and each can be taken back", async () => {
  const nextMs = Date.now() + 24 * HOUR_MS;
  const plan: PlanNext = (draft) => ({ dueAt: new Date(nextMs), occurrence: occurrenceOf(draft, nextMs) });
  for (const index of [0, 1, 2]) await on.put(daily({ key: `${index}` as ReminderKey, to: phone(index) }));
  await on.pass(2);
  expect(await on.renew(100, plan)).toBe(3);
  const { rows } = await bench.pool.query("select messages from volley.chunk where due_at > now()");
  expect(rows).toEqual([{ messages: 3 }]);
  await on.cancel("1" as ReminderKey);
  const next = await bench.pool.query(
    "select state from volley.message where due_at > now() or state = 'cancelled'",
  );
  expect(next.rows.map(({ state }) => state).sort()).toEqual([
    "cancelled",
    "cancelled",
    "scheduled",
    "scheduled",
  ]);
});

it("a renewal that fails leaves all as it was, and the next one makes it", async () => {
  await on.put(daily());
  await on.pass(2);
  const before = await on.find();
  await expect(
    on.renew(100, () => {
      throw new Error("died");
    }),
  ).rejects.toThrow("died");
  expect(await on.find()).toEqual(before);
  expect(await on.renew()).toBe(1);
  expect(await on.states()).toEqual(["scheduled", "scheduled"]);
});

it("what still waits when the next but one is made has been overtaken", async () => {
  await on.put(daily());
  await on.pass(2);
  await on.renew();
  await on.pass(25);
  await on.renew();
  expect((await on.messages()).filter(({ state }) => state === "expired")).toEqual([
    expect.objectContaining({ reason: "reminder-overtaken" }),
  ]);
  expect(await on.states()).toEqual(["expired", "scheduled", "scheduled"]);
});

it("cancelled while its time has come, the one that waits for a worker is taken back, too", async () => {
  await on.put(daily());
  await on.pass(2);
  await bench.ledger.chunks.releaseDue(10);
  await on.renew();
  expect(await on.cancel()).toEqual({ takenBack: true, left: null });
  expect(await on.states()).toEqual(["cancelled", "cancelled"]);
});

it("one that cannot be sent as things are is skipped, and looked at again at its next time", async () => {
  await on.put(daily());
  await on.pass(2);
  const dueAt = new Date(Date.now() + HOUR_MS);
  expect(await on.renew(100, () => ({ dueAt, occurrence: null }))).toBe(1);
  expect(await on.find()).toMatchObject({ occurrence: null, reason: "not-sendable", nextAt: dueAt });
  await on.pass(2);
  expect(await on.renew()).toBe(1);
  expect(await on.find()).toMatchObject({ occurrence: { state: "scheduled" }, reason: null });
});
