// Reminders in the ledger: one message under a key, whatever happens at once, and the one that was asked for last.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import type { MessageId } from "../../src/domain/message.ts";
import type { ReminderKey } from "../../src/domain/reminder.ts";
import { erasePerson } from "../../src/intake/erase-person.ts";
import { claim, type LedgerBench, openLedgerBench, optOut, phone } from "../support/ledger.ts";
import { daily, draftOf, HOUR_MS, KEY, remindersOn, STOCKHOLM } from "../support/reminders.ts";

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

async function openAttempt(): Promise<MessageId> {
  const [released] = await bench.ledger.chunks.releaseDue(10);
  const chunk = released === undefined ? null : await claim(bench, released.id);
  const [message] = chunk === null ? [] : await bench.ledger.chunks.load(chunk.id);
  if (chunk === null || message === undefined) throw new Error("nothing is due");
  await bench.ledger.attempts.open([
    {
      ...{ messageId: message.id, chunkId: chunk.id, lease: chunk.lease, account: "main" },
      callId: createCallId(chunk.id),
    },
  ]);
  return message.id;
}

it("fifty at once under one key make one message", async () => {
  const ends = await Promise.all(Array.from({ length: 50 }, () => on.put()));
  expect(ends.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
  expect(ends.filter(({ outcome }) => outcome === "unchanged")).toHaveLength(49);
  expect(await on.states()).toEqual(["scheduled"]);
});

it("fifty different ones at once leave one that waits, and the others are taken back", async () => {
  await Promise.all(Array.from({ length: 50 }, (_, index) => on.put(draftOf({ text: `text ${index}` }))));
  expect(await on.states()).toEqual([...Array.from({ length: 49 }, () => "cancelled"), "scheduled"]);
  expect(await on.find()).toMatchObject({ occurrence: { state: "scheduled" } });
});

it("the same again changes nothing, also after it was sent; the order of metadata does not matter", async () => {
  const metadata = { a: "1", b: "2" };
  await on.put(draftOf({ metadata }));
  await on.pass(2);
  const id = await openAttempt();
  expect(await on.put(draftOf({ metadata: { b: "2", a: "1" } }))).toEqual({
    ...{ outcome: "unchanged", chunk: null, left: null },
  });
  await bench.pool.query("update volley.message set state = 'accepted' where id = $1", [id]);
  expect(await on.put(draftOf({ metadata }))).toMatchObject({ outcome: "unchanged" });
  expect(await on.states()).toEqual(["accepted"]);
  expect(await on.find()).toMatchObject({ nextAt: null, occurrence: { id, state: "accepted" } });
});

it("something else takes its place: what waited is taken back, with the reason", async () => {
  await on.put();
  const before = await on.find();
  expect(await on.put(draftOf({ at: "2030-02-01T09:00" }), 5)).toMatchObject({
    outcome: "changed",
    left: null,
  });
  const after = await on.find();
  expect(await on.messages()).toEqual([
    { id: before?.occurrence?.id, state: "cancelled", reason: "reminder-changed" },
    { id: after?.occurrence?.id, state: "scheduled", reason: null },
  ]);
  expect(after?.nextAt?.getTime()).toBeGreaterThan(Date.now() + 4 * HOUR_MS);
  expect(after).toMatchObject({ zone: STOCKHOLM, nextLocal: expect.stringMatching(/^\d{4}-.*T\d\d:\d\d$/) });
});

it("a chunk whose message was taken back is done, and costs nobody a look", async () => {
  await on.put();
  await on.put(draftOf({ text: "Other" }));
  const { rows } = await bench.pool.query("select state from volley.chunk order by id");
  expect(rows.map(({ state }) => state)).toEqual(["done", "waiting"]);
});

it("an occurrence that is being sent is left alone, and the answer names it", async () => {
  await on.put();
  await on.pass(2);
  const id = await openAttempt();
  expect(await on.put(draftOf({ text: "Other" }))).toMatchObject({ outcome: "changed", left: id });
  expect(await on.states()).toEqual(["scheduled", "sending"]);
  expect(await on.find()).toMatchObject({ previous: { id, state: "sending" } });
  expect(await on.cancel()).toEqual({ takenBack: true, left: id });
  expect(await on.states()).toEqual(["cancelled", "sending"]);
});

it("one that came back to wait is taken back by the next change", async () => {
  await on.put();
  await on.pass(2);
  const id = await openAttempt();
  await on.put(draftOf({ text: "Other" }));
  await bench.pool.query("update volley.message set state = 'queued' where id = $1", [id]);
  expect(await on.put(draftOf({ text: "Third" }))).toMatchObject({ left: null });
  expect(await on.states()).toEqual(["cancelled", "cancelled", "scheduled"]);
});

it("a plan that is refused leaves everything as it was; the same again is not planned", async () => {
  const refuse = () => {
    throw new Error("refused");
  };
  await expect(bench.ledger.reminders.put(draftOf(), refuse)).rejects.toThrow("refused");
  expect(await on.find()).toBeNull();
  await on.put();
  expect(await bench.ledger.reminders.put(draftOf(), refuse)).toMatchObject({ outcome: "unchanged" });
  const before = await on.find();
  await expect(bench.ledger.reminders.put(draftOf({ text: "Other" }), refuse)).rejects.toThrow("refused");
  expect(await on.find()).toEqual(before);
  expect(await on.states()).toEqual(["scheduled"]);
});

it("cancelled, its message is taken back, its key is free and it is not found", async () => {
  await on.put();
  expect(await on.cancel()).toEqual({ takenBack: true, left: null });
  expect(await on.cancel()).toBeNull();
  expect(await on.find()).toBeNull();
  expect(await on.put()).toMatchObject({ outcome: "created" });
  expect(await on.states()).toEqual(["cancelled", "scheduled"]);
});

it("cancel and put at once end in one of both: the one is there and waits, or neither is", async () => {
  for (let round = 0; round < 10; round += 1) {
    await on.put(draftOf({ text: `round ${round}` }));
    await Promise.all([on.cancel(), on.put(draftOf({ text: `then ${round}` }))]);
    const waiting = (await on.states()).filter((state) => state === "scheduled");
    expect(waiting).toHaveLength((await on.find()) === null ? 0 : 1);
    await on.cancel();
  }
});

it("edit changes what stands, and says when nothing does", async () => {
  const edit = () => on.edit((draft) => ({ ...draft, at: "later" }), 3);
  expect(await edit()).toBeNull();
  await on.put();
  expect(await edit()).toMatchObject({ outcome: "changed" });
  expect(await edit()).toMatchObject({ outcome: "unchanged" });
  expect(await on.find()).toMatchObject({ at: "later", to: phone(0) });
});

it("a person who opted out: one that comes once is refused, one that recurs is skipped", async () => {
  await bench.ledger.suppressions.add([optOut(phone(0))]);
  await expect(on.put()).rejects.toMatchObject({ code: "state_conflict" });
  expect(await on.find()).toBeNull();
  expect(await on.put(daily())).toMatchObject({ outcome: "created", chunk: null });
  expect(await on.find()).toMatchObject({ occurrence: null, reason: "opted-out", nextAt: expect.any(Date) });
  await bench.ledger.suppressions.remove(phone(0));
  await on.pass(2);
  expect(await on.renew()).toBe(1);
  expect(await on.find()).toMatchObject({ occurrence: { state: "scheduled" }, reason: null });
});

it("an opt-out takes back what waits, and the times that follow are skipped", async () => {
  await on.put(daily());
  await bench.ledger.suppressions.add([optOut(phone(0))]);
  expect(await on.find()).toMatchObject({ occurrence: { state: "suppressed" }, reason: "opted-out" });
  await on.pass(2);
  expect(await on.renew()).toBe(1);
  expect(await on.find()).toMatchObject({ occurrence: null, previous: { state: "suppressed" } });
  expect(await on.states()).toEqual(["suppressed"]);
});

it("the list comes in pages, newest first, each reminder once", async () => {
  for (const index of [0, 1, 2, 3, 4]) await on.put(draftOf({ key: `${index}` as ReminderKey }));
  const seen: string[] = [];
  let before: string | undefined;
  do {
    const page = await bench.ledger.reminders.list({ before, limit: 2 });
    seen.push(...page.reminders.map(({ key }) => key));
    before = page.next ?? undefined;
  } while (before !== undefined);
  expect(seen).toEqual(["4", "3", "2", "1", "0"]);
});

it("a person's erasure takes the reminders, and what they would have sent", async () => {
  await on.put(daily());
  await on.put(draftOf({ key: "other" as ReminderKey, to: phone(1) }));
  expect(await erasePerson(bench, phone(0))).toMatchObject({ cancelled: 1, inFlight: 0 });
  expect(await on.find()).toBeNull();
  expect((await bench.ledger.reminders.list({ limit: 10 })).reminders).toMatchObject([{ key: "other" }]);
});

it("retention takes what came once and is over, and nothing that recurs or is to come", async () => {
  await on.put(draftOf({ key: "over" as ReminderKey }));
  await on.put(daily());
  await on.pass(50);
  await on.put(draftOf({ key: "to come" as ReminderKey }));
  await bench.ledger.retention.emptyBodies(24 * HOUR_MS);
  const { reminders } = await bench.ledger.reminders.list({ limit: 10 });
  expect(reminders.map(({ key }) => key)).toEqual(["to come", KEY]);
});
