// The library's face, as a program of somebody else uses it.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type Campaign, openVolley, type Volley, VolleyError } from "../src/index.ts";
import { createSimulator, type Simulator } from "../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "./support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "./support/volley-command.ts";

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
let volley: Volley;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator({ keepDetails: true })]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt(simulator.url, "sinch")],
    log: "silent",
  });
  volley = await openVolley({ config: `${folder.path}/volley.yaml` });
});
afterAll(async () => {
  await volley.close();
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof VolleyError) return error.code;
  throw new Error("It was not refused.", { cause: error });
}

async function* customers(count: number) {
  for (let index = 0; index < count; index += 1) {
    yield { to: `+4670174${String(index).padStart(4, "0")}`, name: `Customer ${index}` };
  }
}

it("a message is committed when it is answered, and sent when somebody works", async () => {
  const { id, state, segments } = await volley.messages.send({ to: "+46701749001", text: "Hello" });
  expect({ state, segments }).toEqual({ state: "queued", segments: 1 });
  await volley.work();
  await expect.poll(async () => (await volley.messages.get(id))?.state).toBe("accepted");
  expect(simulator.texts("sinch", "+46701749001")).toEqual(["Hello"]);
});

it("fifty at once under one key are one message; another message under it is refused", async () => {
  const send = (text: string) =>
    volley.messages.send({ to: "+46701749002", text }, { idempotencyKey: "order 17" });
  const sent = await Promise.all(Array.from({ length: 50 }, () => send("Hello")));
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
  expect(await refusal(send("Bye"))).toBe("idempotency_key_reused");
});

it("a campaign takes recipients from any iterable, in several goes, and runs to its end", async () => {
  const campaign: Campaign = await volley.campaigns.create({ name: "spring", template: "Hi {{name}}" });
  expect(await campaign.addRecipients(customers(1_500))).toMatchObject({ accepted: 1_500, invalid: 0 });
  const more = [
    { to: "+46701740000", name: "again" },
    { to: "070-174 95 00", name: "Ada" },
    { to: "+46701749501" },
  ];
  const upload = await campaign.addRecipients(more, { country: "SE" });
  expect(upload).toMatchObject({ accepted: 1, duplicates: 1, invalid: 1 });
  expect(upload.errors).toEqual([{ row: 3, reason: 'The column "name" is empty.' }]);
  expect(await campaign.start()).toBe("running");
  await expect.poll(async () => (await campaign.progress()).state, { timeout: 30_000 }).toBe("completed");
  expect((await campaign.progress()).counts).toEqual({ accepted: 1_501 });
  expect((await volley.campaigns.get(campaign.id))?.id).toBe(campaign.id);
});

it("times may be Dates; what waits can be paused and cancelled", async () => {
  const inAnHour = new Date(Date.now() + 3_600_000);
  const { state } = await volley.messages.send({ to: "+46701749003", text: "Later", sendAt: inAnHour });
  expect(state).toBe("scheduled");
  const campaign = await volley.campaigns.create({ name: "later", template: "Hi", sendAt: inAnHour });
  await campaign.addRecipients([{ to: "+46701749004" }]);
  expect(await campaign.start()).toBe("scheduled");
  expect(await campaign.pause()).toBe("paused");
  expect(await campaign.resume()).toBe("scheduled");
  expect(await campaign.cancel()).toBe("cancelled");
  expect(await refusal(campaign.resume())).toBe("state_conflict");
});

it("a message is taken back before it is sent, and not afterwards", async () => {
  const sendAt = new Date(Date.now() + 3_600_000);
  const { id } = await volley.messages.send({ to: "+46701749007", text: "Later", sendAt });
  await volley.messages.cancel(id);
  await volley.messages.cancel(id);
  expect((await volley.messages.get(id))?.state).toBe("cancelled");
  const now = await volley.messages.send({ to: "+46701749007", text: "Now" });
  await expect.poll(async () => (await volley.messages.get(now.id))?.state).toBe("accepted");
  expect(await refusal(volley.messages.cancel(now.id))).toBe("state_conflict");
});

it("a campaign can be looked at before anybody sends it", async () => {
  const campaign = await volley.campaigns.create({ name: "look", template: "Hi {{name}}" });
  await campaign.addRecipients(customers(3));
  expect(await campaign.preview()).toMatchObject({
    ...{ messages: 3, segments: 3, cost: null },
    countries: [{ country: "SE", messages: 3 }],
    samples: expect.arrayContaining([{ text: "Hi Customer 0", encoding: "gsm-7", segments: 1 }]),
  });
});

it("a reminder is kept once under its key, moved, listed and called off", async () => {
  const { reminders } = volley;
  const at = new Date(Date.now() + 86_400_000);
  const visit = { to: "+46701749008", text: { template: "Hi {{name}}", fields: { name: "Ada" } }, at };
  expect(await reminders.put("visit", visit)).toMatchObject({ outcome: "created", reminder: { nextAt: at } });
  expect(await reminders.put("visit", visit)).toMatchObject({ outcome: "unchanged" });
  const later = new Date(at.getTime() + 3_600_000);
  const moved = await reminders.move("visit", { at: later });
  expect(moved).toMatchObject({ outcome: "changed", reminder: { nextAt: later, to: visit.to } });
  expect(await reminders.get("visit")).toEqual(moved.reminder);
  expect((await reminders.list()).reminders.map(({ key }) => key)).toEqual(["visit"]);
  expect(await reminders.cancel("visit")).toEqual({ takenBack: true, left: null });
  expect(await refusal(reminders.get("visit"))).toBe("not_found");
});

it("a reminder for now is sent by the one who works, once for all puts under its key", async () => {
  const reminder = { to: "+46701749009", text: "Now", at: new Date() };
  await Promise.all(Array.from({ length: 10 }, () => volley.reminders.put("now", reminder)));
  await expect.poll(async () => (await volley.reminders.get("now")).occurrence?.state).toBe("accepted");
  expect(simulator.texts("sinch", "+46701749009")).toEqual(["Now"]);
});

it("what is not there is null, also under an id that is none", async () => {
  for (const id of ["01890000-0000-7000-8000-000000000000", "no id"]) {
    expect(await volley.messages.get(id)).toBeNull();
    expect(await volley.campaigns.get(id)).toBeNull();
    expect(await refusal(volley.messages.cancel(id))).toBe("not_found");
  }
});

it("whoever opted out is refused, until he is back", async () => {
  await volley.optOuts.add("+46701749005");
  expect(await refusal(volley.messages.send({ to: "+46701749005", text: "Hello" }))).toBe("state_conflict");
  expect(await volley.optOuts.remove("+46701749005")).toBe(true);
  await volley.messages.send({ to: "+46701749005", text: "Hello" });
});

it.each<[what: string, work: () => Promise<unknown>, code: string]>([
  ["a number that is none", () => volley.messages.send({ to: "12", text: "x" }), "usage"],
  [
    "a time in the past",
    () => volley.messages.send({ to: "+46701749006", text: "x", sendAt: "2020-01-01T00:00Z" }),
    "usage",
  ],
  [
    "a template that is none",
    () => volley.campaigns.create({ name: "x", template: "{{" }),
    "template_invalid",
  ],
  [
    "an account that there is not",
    () => volley.campaigns.create({ name: "x", template: "x", account: "y" }),
    "usage",
  ],
  [
    "a campaign without people",
    async () => (await volley.campaigns.create({ name: "x", template: "x" })).start(),
    "state_conflict",
  ],
])("%s is refused with a code", async (_, work, code) => {
  expect(await refusal(work())).toBe(code);
});
