// Unknown messages from the command line: a provider that cannot be asked lost three replies; a person decides.

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
  await folder.write("people.csv", "phone\n+61412345671\n+61412345672\n+61412345673\n+61412345674\n");
  simulator.setFaults("mobile-digital", [
    { name: "drop-after-accept", count: 1 },
    { name: "drop-before", count: 2 },
  ]);
  const args = ["--csv", "people.csv", "--name", "lost", "--template", "Hello", "--wait", "--json"];
  campaign = (await json<{ id: string }>(["campaign", "create", ...args])).id;
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function json<T>(args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await folder.run(args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

type Unknown = { readonly id: string; readonly callId: string; readonly nextAt: string | null };
const list = () => json<Unknown[]>(["unknown", "list", "--campaign", campaign, "--json"]);
const show = () => json<{ state: string; counts: object }>(["campaign", "show", campaign, "--json"]);

it("lists them with the reference to look for, and moves each as the person says", async () => {
  expect(await show()).toMatchObject({
    state: "completed_with_failures",
    counts: { accepted: 1, unknown: 3 },
  });
  const [sent, again, lost] = await list();
  if (sent === undefined || again === undefined || lost === undefined) throw new Error("three are unknown");
  expect(sent).toMatchObject({ account: "mobile-digital", class: "marketing", nextAt: null });

  expect((await folder.run(["unknown", "resolve", sent.id, "--as", "accepted"])).code).toBe(0);
  expect((await folder.run(["unknown", "resolve", lost.id, "--as", "failed"])).code).toBe(0);
  expect((await folder.run(["unknown", "resolve", again.id, "--as", "resend"])).code).toBe(0);
  expect(await list()).toEqual([]);
  expect(await show()).toMatchObject({ state: "running", counts: { accepted: 2, failed: 1, queued: 1 } });

  const worker = folder.start(["start", "--role", "worker"]);
  await expect.poll(async () => (await show()).state, { interval: 250 }).toBe("completed_with_failures");
  worker.signal("SIGTERM");
  await worker.ended;
  expect(await show()).toMatchObject({ counts: { accepted: 3, failed: 1 } });
});

it.each([
  ["one that is not unknown", () => "resolved", "state_conflict"],
  ["one that is not there", () => "018f0000-0000-7000-8000-000000000000", "not_found"],
])("%s is refused and told so", async (_what, which, code) => {
  const messages = await json<{ id: string }[]>(["message", "list", "--campaign", campaign, "--json"]);
  const id = which() === "resolved" ? (messages[0]?.id ?? "") : which();
  const refused = await folder.run(["unknown", "resolve", id, "--as", "resend"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(code === "not_found" ? /There is no message/ : /not unknown/);
});

it("a decision that does not exist is bad usage", async () => {
  const refused = await folder.run(["unknown", "resolve", "x", "--as", "maybe"]);
  expect(refused.code).toBe(2);
});
