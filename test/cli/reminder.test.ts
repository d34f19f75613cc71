// `volley reminder ...` in processes of its own.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

// Each command is a process, which takes a busy machine some seconds.

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NUMBER = "+46701740605";
const [JUNE, DECEMBER] = [6, 12].map((month) => {
  const today = new Date();
  return `${today.getUTCFullYear() + (today.getUTCMonth() + 1 < month ? 0 : 1)}-${String(month).padStart(2, "0")}-01`;
});

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt(simulator.url, "sinch")],
  });
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

const run = (...args: string[]) => folder.run(["reminder", ...args]);
const create = (key: string, ...more: string[]) =>
  run(
    ...["create", "--key", key, "--to", NUMBER, "--text", "See you tomorrow."],
    ...["--at", `${JUNE}T09:00`, "--time-zone", "Europe/Stockholm", ...more],
  );

async function json(...args: string[]) {
  const { code, stdout, stderr } = await run(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

it("a reminder is created once and listed by its key", async () => {
  const created = await create("visit-17");
  expect(created).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(
      `Created. It is scheduled: ${JUNE}T09:00 in Europe/Stockholm, ${JUNE}T07:00:00.000Z.`,
    ),
  });
  expect(created.stdout.trim()).toMatch(UUID);
  const again = await create("visit-17");
  expect(again).toMatchObject({
    code: 0,
    stdout: created.stdout,
    stderr: expect.stringContaining("Unchanged."),
  });

  const { stdout: table } = await run("list");
  const [head = "", row = ""] = table.split("\n");
  expect(head).toMatch(/^KEY +TO +NEXT +NEXT \(UTC\) +ZONE +REPEAT +STATE/);
  expect(row).toMatch(
    new RegExp(
      `^visit-17 +\\+46701740605 +${JUNE}T09:00 +${JUNE}T07:00:00.000Z +Europe/Stockholm +- +scheduled`,
    ),
  );
});

it("a reminder is moved and cancelled by its key, and not there any more", async () => {
  await create("visit-18");
  expect(await json("move", "visit-18", "--at", `${DECEMBER}T09:00`)).toMatchObject({
    ...{ key: "visit-18", outcome: "changed", left: null, nextAt: `${DECEMBER}T08:00:00.000Z` },
    ...{ timeZone: "Europe/Stockholm", occurrence: { state: "scheduled" } },
  });
  expect(await json("cancel", "visit-18")).toEqual({ key: "visit-18", takenBack: true, left: null });
  const gone = await run("cancel", "visit-18");
  expect(gone).toMatchObject({ code: 1, stdout: "", stderr: "volley: There is no such reminder.\n" });
});

it("one that recurs shows its repetition, and lists have pages", async () => {
  await create("weekly", "--repeat", "0 9 * * MON");
  await create("once");
  const page = await json("list", "--limit", "1");
  expect(page.reminders).toMatchObject([{ key: "once", repeat: null }]);
  const last = await json("list", "--limit", "1", "--before", page.next);
  expect(last.reminders).toMatchObject([{ key: "weekly", repeat: "0 9 * * MON", zone: "Europe/Stockholm" }]);
  expect((await run("list", "--limit", "1")).stderr).toContain(`--before ${page.next}`);
});

it.each([
  [["--repeat", "every day"], /five fields/],
  [["--time-zone", "Europe/Nowhere"], /time zone is a name/],
  [["--at", "2020-01-01T09:00"], /in the past/],
  [["--to", "07017"], /Cannot keep the reminder/],
])("%j is bad usage, told without the number or the text", async (args, reason) => {
  const { code, stdout, stderr } = await create("bad", ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(reason);
  expect(stderr).not.toMatch(/See you|\d{7}/);
});

it("help shows an example, and a missing option is bad usage", async () => {
  expect((await run("create", "--help")).stdout).toContain("volley reminder create --key visit-17");
  expect(await run("create", "--key", "k")).toMatchObject({ code: 2, stdout: "" });
});
