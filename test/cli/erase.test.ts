// `volley erase` as people run it: a campaign was sent, one of its people wants to be forgotten.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
let campaign: string;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt(simulator.url, "mobile-digital")],
  });
  await folder.write("people.csv", "phone\n+61412345671\n+61412345672\n");
  const args = ["--csv", "people.csv", "--name", "sent", "--template", "Hello", "--wait", "--json"];
  campaign = JSON.parse((await folder.run(["campaign", "create", ...args])).stdout).id;
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

const exported = async () => (await folder.run(["campaign", "export", campaign])).stdout;

it("forgets the person, however the number is written, and says what was done", async () => {
  expect(await exported()).toMatch(/61412345671/);
  const ended = await folder.run(["erase", "0412 345 671", "--country", "AU", "--json"]);
  expect(ended.code, ended.stderr).toBe(0);
  expect(JSON.parse(ended.stdout)).toEqual({ messages: 1, cancelled: 0, drafted: 0, posts: 0 });
  expect(await exported()).not.toMatch(/61412345671/);
  expect(await exported()).toMatch(/61412345672/);
  const listed = await folder.run(["message", "list", "--to", "+61412345671", "--json"]);
  expect(JSON.parse(listed.stdout)).toEqual([]);
});

it("of somebody unknown is done at once, and of no number a fault that does not repeat it", async () => {
  const nobody = await folder.run(["erase", "+61412345679"]);
  expect(nobody).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Erased: 0 messages/) });
  const wrong = await folder.run(["erase", "0412345671"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).not.toMatch(/412345671/);
});

it("takes back what waits for the person", async () => {
  const at = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const sent = await folder.run(["send", "--to", "+61412345673", "--text", "Hi", "--at", at, "--json"]);
  expect(sent.code, sent.stderr).toBe(0);
  const ended = await folder.run(["erase", "+61412345673"]);
  expect(ended.stderr).toMatch(/^Erased: 1 messages \(1 taken back before they were sent\)\./);
  const { stdout } = await folder.run(["message", "show", JSON.parse(sent.stdout).id, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ to: "erased", state: "cancelled" });
});
