// Reminders on the whole route: due ones reach the provider once, others never, and no outage leaves a burst.

import { DateTime } from "luxon";
import { describe, expect, it } from "vitest";
import { releaseDue } from "../../jobs/release-due.ts";
import {
  cancelReminder,
  moveReminder,
  putReminder,
  type ReminderWish,
} from "../../src/intake/put-reminder.ts";
import type { Reminder } from "../../src/ledger/list-reminders.ts";
import { accountQueue, lanes, openQueue } from "../../src/queue/queues.ts";
import { silent } from "../support/ledger.ts";
import { engines, openRoute, type Route } from "../support/route.ts";

const ZONE = "Europe/Stockholm";
const DAY_HOURS = 24;
/** By the clock there, so that no test sees it come. */
const farHour = (DateTime.now().setZone(ZONE).hour + 6) % 24;
const farMinute = (DateTime.now().minute + 30) % 60;

const later = (ms: number) => new Date(Date.now() + ms).toISOString();
const put = (route: Route, changes: Partial<ReminderWish> = {}) =>
  putReminder(
    route.parts,
    {
      ...{ key: "visit-17", to: "+46701000000", text: "See you tomorrow.", class: "reminder", from: null },
      ...{ account: null, at: later(3_600_000), timeZone: ZONE, repeat: null, expiresAt: null, ...changes },
    },
    route.parts.rules,
  );
const find = (route: Route, key = "visit-17") => route.parts.ledger.reminders.find(key as Reminder["key"]);

/** As if so much time had gone by: reminders, their messages and what holds them. */
async function pass(route: Route, hours: number): Promise<void> {
  const back = `- interval '1 hour' * ${hours}`;
  await route.pool.query(`update volley.reminder set due_at = due_at ${back}`);
  await route.pool.query(`update volley.chunk set due_at = due_at ${back} where state = 'waiting'`);
  await route.pool.query(
    `update volley.message set due_at = due_at ${back}, expires_at = expires_at ${back} where state = 'scheduled'`,
  );
}

async function states(route: Route): Promise<string[]> {
  const { rows } = await route.pool.query<{ state: string }>("select state from volley.message");
  return rows.map(({ state }) => state).sort();
}

const untilStates = (route: Route, expected: string[]) => expect.poll(() => states(route)).toEqual(expected);

async function jobs(route: Route): Promise<number> {
  let count = 0;
  for (const lane of lanes) {
    const queue = openQueue(accountQueue("sinch", lane), route.parts.engine.queueBackend, silent);
    count += await queue.count();
    await queue.close();
  }
  return count;
}

describe.each(engines)("on engine %s", (engine) => {
  it("those that are due reach the provider once, with two workers at once; moved and cancelled ones never", async () => {
    const route = await openRoute({ engine });
    const due = Array.from({ length: 20 }, (_, index) => `due-${index}`);
    for (const [index, key] of due.entries()) {
      await put(route, { key, to: `+467010000${String(index).padStart(2, "0")}` });
    }
    await put(route, { key: "moved", to: "+46701000090" });
    await put(route, { key: "cancelled", to: "+46701000091" });
    await releaseDue(route.parts);
    expect(await jobs(route), "what waits for its time is not in the queue").toBe(0);
    await moveReminder(route.parts, { key: "moved", at: later(20 * 3_600_000) }, route.parts.rules);
    await cancelReminder(route.parts, "cancelled");
    await pass(route, 2);

    const other = await route.openSet();
    await Promise.all([route.work(), route.work(other)]);
    await untilStates(
      route,
      [...due.map(() => "accepted"), "cancelled", "cancelled", "scheduled"].toSorted(),
    );
    expect(route.simulator.accepted("sinch")).toBe(20);
    expect(route.simulator.duplicates("sinch")).toEqual([]);
    expect(
      await put(route, { key: "due-0", at: (await find(route, "due-0"))?.at ?? "", to: "+46701000000" }),
    ).toMatchObject({ outcome: "unchanged" });
    expect(await find(route, "moved")).toMatchObject({ occurrence: { state: "scheduled" } });
  });
});

it("a reminder for now leaves at once", async () => {
  const route = await openRoute();
  await route.work();
  const { chunk } = await put(route, { at: later(0) });
  if (chunk !== null) await route.parts.enqueue.chunks([chunk]);
  await untilStates(route, ["accepted"]);
  expect(await find(route)).toMatchObject({ nextAt: null, occurrence: { state: "accepted" } });
});

it("one that recurs is sent at its time, and its next one lies at the next time by its clock", async () => {
  const route = await openRoute();
  await put(route, { repeat: `30 ${farHour} * * *` });
  await pass(route, 2);
  await route.work();
  await untilStates(route, ["accepted", "scheduled"]);
  const found = await find(route);
  expect(found).toMatchObject({ occurrence: { state: "scheduled" }, previous: { state: "accepted" } });
  expect(found?.nextLocal).toMatch(new RegExp(`T${String(farHour).padStart(2, "0")}:30$`));
  expect(found?.nextAt?.getTime()).toBeGreaterThan(Date.now());
  expect(route.simulator.accepted("sinch")).toBe(1);
});

it("after a day without workers one is too late, those between are not made, and the next lies ahead", async () => {
  const route = await openRoute();
  await put(route, { repeat: `${farMinute} * * * *` });
  await pass(route, DAY_HOURS + 2);
  const other = await route.openSet();
  await Promise.all([route.work(), route.work(other)]);
  await untilStates(route, ["expired", "scheduled"]);
  const found = await find(route);
  const aheadMs = (found?.nextAt?.getTime() ?? 0) - Date.now();
  expect(aheadMs).toBeGreaterThan(0);
  expect(aheadMs).toBeLessThanOrEqual(3_600_000);
  expect(route.simulator.accepted("sinch")).toBe(0);
});

it("steps at once, one after the other and again make one next occurrence", async () => {
  const route = await openRoute();
  const other = await route.openSet();
  await put(route, { repeat: `0 ${farHour} * * *` });
  await pass(route, 2);
  await Promise.all([route.parts, other, route.parts, other].map((parts) => releaseDue(parts)));
  await releaseDue(other);
  expect(await states(route)).toEqual(["scheduled", "scheduled"]);
  await route.work();
  await untilStates(route, ["accepted", "scheduled"]);
});
