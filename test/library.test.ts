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
  await expect.poll(async () => (await volley.messages.get(id))?.state, { timeout: 15_000 }).toBe("accepted");
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
