// Reminders as they are asked for: read, planned by clock and zone, kept; or refused by the field, and nothing kept.

import { DateTime } from "luxon";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { VolleyError } from "../../src/domain/errors.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import type { ReminderDraft, ReminderKey } from "../../src/domain/reminder.ts";
import type { IntakeRules } from "../../src/intake/choose-accounts.ts";
import { planNextOccurrence } from "../../src/intake/plan-reminder.ts";
import {
  cancelReminder,
  findReminder,
  moveReminder,
  putReminder,
  type ReminderWish,
} from "../../src/intake/put-reminder.ts";
import { accountOf } from "../providers/support.ts";
import { type LedgerBench, openLedgerBench } from "../support/ledger.ts";

const rules: IntakeRules = {
  quietHours: { fromMinute: 21 * 60, toMinute: 8 * 60, classes: ["reminder"] },
  currency: null,
  caps: { messages: null, costMicros: null },
  routes: [{ class: null, prefixes: ["+46", "+1"], accounts: [{ name: "main", weight: null }] }],
  accounts: new Map([
    [
      "main",
      {
        account: accountOf("sinch", { name: "main" }),
        segmentsMax: 10,
        batchMax: 1000,
        textFault: () => null,
        senderFault: () => null,
      },
    ],
  ]),
};

const ZONE = "Europe/Stockholm";
/** Noon, some days from now: no quiet hour, no change of clocks. */
const noon = DateTime.now()
  .setZone(ZONE)
  .plus({ days: 3 })
  .set({ hour: 12, minute: 0, second: 0, millisecond: 0 });
const LOCAL = noon.toFormat("yyyy-MM-dd'T'HH:mm");

const wishOf = (changes: Partial<ReminderWish> = {}): ReminderWish => ({
  key: "visit-17",
  to: "+46 70-174 06 05",
  text: "See you tomorrow.",
  class: "reminder",
  from: null,
  account: null,
  at: LOCAL,
  timeZone: ZONE,
  repeat: null,
  expiresAt: null,
  ...changes,
});

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
afterEach(() => bench.pool.query("truncate volley.reminder, volley.message, volley.chunk"));

const put = (changes: Partial<ReminderWish> = {}) => putReminder(bench, wishOf(changes), rules);

async function texts(): Promise<string[]> {
  const { rows } = await bench.pool.query<{ text: string }>("select text from volley.message order by id");
  return rows.map(({ text }) => text);
}

it("a local time in a zone is kept for its instant, and told in both", async () => {
  const { outcome, left, chunk, reminder } = await put();
  expect({ outcome, left, chunk }).toEqual({ outcome: "created", left: null, chunk: null });
  expect(reminder).toMatchObject({
    ...{ key: "visit-17", to: "+46701740605", at: LOCAL, timeZone: ZONE, zone: ZONE, repeat: null },
    ...{ nextAt: noon.toJSDate(), nextLocal: LOCAL, occurrence: { state: "scheduled" }, previous: null },
  });
  expect(JSON.stringify(reminder)).not.toContain("See you");
});

it("the same again, its number written in another way, changes nothing", async () => {
  await put();
  expect(await put({ to: "0046701740605" })).toMatchObject({ outcome: "unchanged" });
  expect(await texts()).toHaveLength(1);
});

it("one for now is for the queue, and the same again is not", async () => {
  const at = DateTime.now().minus({ seconds: 20 }).toISO();
  const { outcome, chunk } = await put({ at, timeZone: null });
  expect(outcome).toBe("created");
  expect(chunk).toMatchObject({ account: "main", class: "reminder", messages: 1 });
  expect(await put({ at, timeZone: null })).toMatchObject({ outcome: "unchanged", chunk: null });
});

it("fields are filled in at once, and never expanded again", async () => {
  await put({
    text: { template: "Hi {{name}}, see you {{when}}.", fields: { name: "{{when}}", when: "at 9" } },
  });
  expect(await texts()).toEqual(["Hi {{when}}, see you at 9."]);
});

it("a time in quiet hours comes after them", async () => {
  const { reminder } = await put({ at: noon.set({ hour: 23 }).toFormat("yyyy-MM-dd'T'HH:mm") });
  expect(reminder.nextAt).toEqual(noon.plus({ days: 1 }).set({ hour: 8 }).toJSDate());
});

it("moved, it keeps its zone unless it gets another one", async () => {
  await put();
  const later = noon.plus({ days: 1 });
  const at = later.toFormat("yyyy-MM-dd'T'HH:mm");
  const moved = await moveReminder(bench, { key: "visit-17", at }, rules);
  expect(moved).toMatchObject({ outcome: "changed", reminder: { nextAt: later.toJSDate(), timeZone: ZONE } });
  const away = await moveReminder(bench, { key: "visit-17", at, timeZone: "Europe/London" }, rules);
  expect(away.reminder).toMatchObject({ nextLocal: at, zone: "Europe/London" });
  expect(await texts()).toEqual(["See you tomorrow.", "See you tomorrow.", "See you tomorrow."]);
});

const LATE = noon.plus({ hours: 2 });
const written = (time: DateTime) => time.toFormat("yyyy-MM-dd'T'HH:mm");
async function expiries(): Promise<Date[]> {
  const { rows } = await bench.pool.query<{ expires_at: Date }>(
    "select expires_at from volley.message where state = 'scheduled'",
  );
  return rows.map(({ expires_at }) => expires_at);
}

it("it is too late when its writer says so, else four hours after its time", async () => {
  const { reminder } = await put({ expiresAt: written(LATE) });
  expect(reminder.expiresAt).toBe(written(LATE));
  expect(await expiries()).toEqual([LATE.toJSDate()]);
  await put({ expiresAt: null });
  expect(await expiries()).toEqual([noon.plus({ hours: 4 }).toJSDate()]);
});

it("moved beyond its expiry it is refused, unless that moves along", async () => {
  await put({ expiresAt: written(LATE) });
  const day = { days: 1 };
  const wish = { key: "visit-17", at: written(noon.plus(day)) };
  await expect(moveReminder(bench, wish, rules)).rejects.toMatchObject({
    details: { faults: [{ path: "expiresAt" }] },
  });
  expect(await expiries()).toEqual([LATE.toJSDate()]);
  await moveReminder(bench, { ...wish, expiresAt: written(LATE.plus(day)) }, rules);
  expect(await expiries()).toEqual([LATE.plus(day).toJSDate()]);
});

it("what is not there cannot be moved, found or cancelled", async () => {
  const missing = { code: "not_found" };
  await expect(moveReminder(bench, { key: "none", at: LOCAL }, rules)).rejects.toMatchObject(missing);
  await expect(findReminder(bench, "none")).rejects.toMatchObject(missing);
  await expect(cancelReminder(bench, "none")).rejects.toMatchObject(missing);
});

it.each<[what: string, changes: Partial<ReminderWish>, path: string]>([
  ["no key", { key: "" }, "key"],
  ["a key that is too long", { key: "k".repeat(201) }, "key"],
  ["a key with a control character", { key: "a\nb" }, "key"],
  ["a key that is a folder", { key: ".." }, "key"],
  ["no number", { to: "hello" }, "to"],
  ["a number without a route", { to: "+4520123456" }, "to"],
  ["no text", { text: " " }, "text"],
  ["an unknown account", { account: "other" }, "account"],
  ["a time that is past", { at: "2020-01-01T09:00" }, "at"],
  ["a time that is none", { at: "tomorrow" }, "at"],
  ["a local time without a zone", { timeZone: null }, "at"],
  ["a zone that there is not", { timeZone: "Europe/Nowhere" }, "timeZone"],
  ["an expiry before the time", { expiresAt: written(noon) }, "expiresAt"],
  ["an expiry that is none", { expiresAt: "soon" }, "expiresAt"],
  ["a repetition that is none", { repeat: "every monday" }, "repeat"],
  ["a repetition without a zone", { at: noon.toISO() ?? "", timeZone: null, repeat: "0 9 * * *" }, "repeat"],
  [
    "a repetition in one of many zones",
    { to: "+12015550123", timeZone: "recipient", repeat: "0 12 * * *" },
    "repeat",
  ],
  ["a repetition once in four years", { repeat: "0 9 29 2 *" }, "repeat"],
  ["a template that is none", { text: { template: "Hi {{", fields: {} } }, "template"],
  ["a field that nobody gave", { text: { template: "Hi {{constructor}}", fields: {} } }, "fields"],
])("%s is refused by its field", async (_, changes, path) => {
  const error: unknown = await put(changes).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(VolleyError);
  expect(error).toMatchObject({ details: { faults: [{ path }] } });
  expect(String(error)).not.toMatch(/\d{5,}/);
  expect(await texts()).toEqual([]);
  expect((await bench.ledger.reminders.list({ limit: 1 })).reminders).toEqual([]);
});

it("the longest key is a key", async () => {
  const key = "å".repeat(200);
  await put({ key });
  expect(await findReminder(bench, key)).toMatchObject({ key });
});

const weekly: ReminderDraft = {
  ...wishOf({ repeat: "0 9 * * MON" }),
  key: "weekly" as ReminderKey,
  to: "+46701740605" as PhoneNumber,
  text: "Bins out.",
  reference: null,
  metadata: null,
};
const next = (draft: ReminderDraft, now: string) =>
  planNextOccurrence(draft, rules, DateTime.fromISO(now, { zone: ZONE }).toMillis());
const local = (at: Date | null) =>
  at === null ? null : DateTime.fromJSDate(at, { zone: ZONE }).toFormat("yyyy-MM-dd HH:mm");

it.each([
  ["before a change of clocks", "2027-03-22T09:00", "2027-03-29 09:00"],
  ["after months without a worker", "2027-06-16T17:30", "2027-06-21 09:00"],
  ["at the very moment", "2027-06-21T09:00", "2027-06-28 09:00"],
])("the next one is on the wall's own clock, computed from now: %s", (_, now, expected) => {
  const planned = next(weekly, now);
  expect(local(planned.dueAt)).toBe(expected);
  expect(planned.occurrence?.chunk.messages).toHaveLength(1);
});

it("each later one lives as long as the first", () => {
  const draft = { ...weekly, expiresAt: written(noon.plus({ minutes: 90 })) };
  for (const now of ["2027-03-22T12:00", "2027-06-16T12:00"]) {
    const { dueAt, occurrence } = next(draft, now);
    const [message] = occurrence?.chunk.messages ?? [];
    expect(message?.expiresAt).toEqual(new Date((dueAt?.getTime() ?? 0) + 90 * 60_000));
  }
});

it("one that falls into quiet hours comes after them", () => {
  expect(local(next({ ...weekly, repeat: "0 6 * * *" }, "2027-06-16T12:00").dueAt)).toBe("2027-06-17 08:00");
});

it("one that no route takes any more is skipped, and looked at again at its next time", () => {
  const lost = next({ ...weekly, to: "+4520123456" as PhoneNumber }, "2027-06-16T12:00");
  expect(lost.occurrence).toBeNull();
  expect(local(lost.dueAt)).toBe("2027-06-21 09:00");
});

it("one whose zone nobody knows any more is looked at again tomorrow", () => {
  const lost = next({ ...weekly, timeZone: "Europe/Nowhere" }, "2027-06-16T12:00");
  expect(lost.occurrence).toBeNull();
  expect(local(lost.dueAt)).toBe("2027-06-17 12:00");
});
