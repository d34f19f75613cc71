// [0] Reminders: put under a key, looked at, called off. A key may be a phone number, so no path is ever logged.

import type { z } from "zod";
import type { ReminderKey } from "../domain/reminder.ts";
import { cancelReminder, findReminder, putReminder, type ReminderWish } from "../intake/put-reminder.ts";
import type { Reminder } from "../ledger/list-reminders.ts";
import {
  cancelledReminder,
  keptReminder,
  reminder,
  reminderPage,
  reminderParams,
  reminderQuery,
  reminderWish,
} from "./contract/reminders.ts";
import { createCursor } from "./cursor.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { createTellQueue } from "./tell-queue.ts";

const TAGS = ["reminders"];
const write = { scope: "messages:send" } as const;
const read = { scope: "messages:read" } as const;

export function addReminders(api: Api, { ledger, rules, enqueue }: ApiDoors): void {
  const tellQueue = createTellQueue(enqueue);
  const cursor = createCursor("reminders", /^\d{1,16}$/);

  api.put(
    "/reminders/:key",
    {
      config: write,
      schema: {
        summary: "Keep a reminder under this key, or change it",
        description:
          "Safe to repeat: the same again changes nothing, also after it was sent. Anything else takes its place.",
        tags: TAGS,
        params: reminderParams,
        body: reminderWish,
        response: { 200: keptReminder.describe("It was there."), 201: keptReminder.describe("It is new.") },
      },
    },
    async ({ params: { key }, body }, reply) => {
      const kept = await putReminder({ ledger }, toWish(key, body), rules);
      if (kept.chunk !== null) tellQueue(kept.chunk);
      const { outcome, left } = kept;
      return reply
        .code(outcome === "created" ? 201 : 200)
        .send({ ...toReminder(kept.reminder), outcome, left });
    },
  );

  api.get(
    "/reminders",
    {
      config: read,
      schema: {
        summary: "List reminders, newest first",
        tags: TAGS,
        querystring: reminderQuery,
        response: { 200: reminderPage },
      },
    },
    async ({ query: { limit, cursor: after } }) => {
      const page = await ledger.reminders.list({ before: cursor.read(after), limit });
      return { data: page.reminders.map(toReminder), next: cursor.write(page.next) };
    },
  );

  api.get(
    "/reminders/:key",
    {
      config: read,
      schema: {
        summary: "One reminder, and when it comes",
        tags: TAGS,
        params: reminderParams,
        response: { 200: reminder },
      },
    },
    async ({ params: { key } }) => toReminder(await findReminder({ ledger }, key)),
  );

  api.delete(
    "/reminders/:key",
    {
      config: write,
      schema: {
        summary: "Call a reminder off",
        description: "What waits is taken back, and the key is free again.",
        tags: TAGS,
        params: reminderParams,
        response: { 200: cancelledReminder },
      },
    },
    async ({ params: { key } }) => ({ key, ...(await cancelReminder({ ledger }, key)) }),
  );
}

function toWish(key: ReminderKey, body: z.output<typeof reminderWish>): ReminderWish {
  const { to, text, template = "", fields = {}, at, reference, metadata } = body;
  return {
    key,
    to,
    text: text ?? { template, fields },
    class: body.class,
    from: body.from ?? null,
    account: body.account ?? null,
    at,
    timeZone: body.timeZone ?? null,
    repeat: body.repeat ?? null,
    expiresAt: body.expiresAt ?? null,
    reference,
    metadata,
  };
}

function toReminder(found: Reminder): z.output<typeof reminder> {
  return {
    ...found,
    nextAt: found.nextAt?.toISOString() ?? null,
    createdAt: found.createdAt.toISOString(),
    changedAt: found.changedAt.toISOString(),
  };
}
