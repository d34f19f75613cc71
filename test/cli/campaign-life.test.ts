// A campaign's life from the command line: scheduled, paused, resumed, cancelled; and messages once under a key.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt(simulator.url, "sinch")],
  });
  await folder.write("people.csv", "phone,name\n+46701740605,Ada\n+46701740606,Bo\n");
  await folder.write("times.csv", "phone,when\n+46701740605,2020-01-01T09:00Z\n+46701740606,\n");
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function json(...args: string[]) {
  const { code, stdout, stderr } = await folder.run([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const create = (...more: string[]) =>
  json("campaign", "create", "--csv", "people.csv", "--name", "spring", "--template", "Hello", ...more);

it("a campaign is paused, resumed and cancelled, and says so", async () => {
  const { id } = await create();
  expect(await json("campaign", "pause", id)).toEqual({ id, state: "paused" });
  const twice = await folder.run(["campaign", "pause", id]);
  expect(twice).toMatchObject({ code: 1, stdout: "" });
  expect(twice.stderr).toBe("volley: Cannot pause the campaign: it is paused.\n");
  expect(await json("campaign", "resume", id)).toEqual({ id, state: "running" });
  expect(await json("campaign", "cancel", id)).toEqual({ id, state: "cancelled" });
  expect(await json("campaign", "show", id)).toMatchObject({ state: "cancelled", counts: { cancelled: 2 } });
});

it("a campaign with a time is scheduled for it", async () => {
  const { stdout, stderr } = await folder.run(
    `campaign create --csv people.csv --name later --template Hello --at 2027-06-01T09:00 --time-zone Europe/Stockholm`.split(
      " ",
    ),
  );
  expect(stderr).toContain("From 2027-06-01T07:00:00.000Z on");
  expect(await json("campaign", "show", stdout.trim())).toMatchObject({
    state: "scheduled",
    startAt: "2027-06-01T07:00:00.000Z",
  });
});

it("a campaign in the recipients' own zones holds each message for its own time", async () => {
  const { id } = await create("--at", "2027-06-01T09:00", "--time-zone", "recipient");
  expect(await json("campaign", "show", id)).toMatchObject({ state: "running", counts: { scheduled: 2 } });
});

it("each recipient's own time may stand in a column, and one that is past is a bad row", async () => {
  const args = "campaign create --csv times.csv --name own --template Hello --at-column when".split(" ");
  expect(await json(...args)).toMatchObject({ accepted: 1, invalid: 1 });
});

it.each([
  ["--at 2020-01-01T00:00Z", "The time is in the past."],
  ["--at 2027-06-01T09:00", "The time has no zone"],
  ["--at soon --time-zone recipient", "A time is written"],
  ["--at 2027-06-01T09:00 --time-zone Mars/Olympus", "A time zone is a name such as Europe/Stockholm."],
  ["--at-column nowhere", "has no column"],
])("create %s is refused, and nothing is left behind", async (options, reason) => {
  const before = await json("campaign", "list");
  const args = `campaign create --csv people.csv --name x --template Hello ${options}`.split(" ");
  const ended = await folder.run(args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(reason);
  expect(await json("campaign", "list")).toEqual(before);
});

it("a message under a key is sent once, and another message under it is refused", async () => {
  const send = (text: string) =>
    folder.run(["send", "--to", "+46701740605", "--text", text, "--idempotency-key", "k1", "--json"]);
  const first = JSON.parse((await send("Hello")).stdout);
  expect(JSON.parse((await send("Hello")).stdout)).toEqual(first);
  expect(await send("Bye")).toMatchObject({ code: 2, stdout: "" });
  const messages = await json("message", "list", "--to", "+46701740605");
  expect(messages.filter(({ id }: { id: string }) => id === first.id)).toHaveLength(1);
});

it("a message waits for its time, in the zone of its recipient, until it is too late", async () => {
  const message = await json(
    ...["send", "--to", "+46701740605", "--text", "Hello", "--class", "reminder"],
    ...["--at", "2027-06-01T09:00", "--time-zone", "recipient", "--expires-at", "2027-06-01T12:00"],
  );
  expect(message.state).toBe("scheduled");
  expect(await json("message", "show", message.id)).toMatchObject({
    ...{ state: "scheduled", class: "reminder" },
    ...{ dueAt: "2027-06-01T07:00:00.000Z", expiresAt: "2027-06-01T10:00:00.000Z" },
  });
});
