// The example programs, run as their readers would run them: as processes, against a real ledger and providers.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startWorker, type Worker } from "../jobs/worker.ts";
import { parseConfig } from "../src/config.ts";
import { openParts, type Parts } from "../src/parts.ts";
import { createSimulator, type Simulator } from "../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "./support/database.ts";
import { silent } from "./support/ledger.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "./support/volley-command.ts";

const PROGRAMS = join(import.meta.dirname, "../examples/programs");

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
let parts: Parts;
let worker: Worker;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator({ keepDetails: true })]);
  const config = {
    database: database.url,
    accounts: [accountAt(simulator.url, "sinch"), accountAt(simulator.url, "sinch", { name: "spare" })],
    routes: [{ accounts: ["sinch"] }],
    log: "error",
  };
  folder = await createCommandFolder(config);
  const source = parseConfig(JSON.stringify(config), { file: null, environment: {} });
  parts = await openParts(source, { log: silent, waitMs: 10_000 });
  worker = await startWorker(parts);
});
afterAll(async () => {
  await worker.close(5_000);
  await parts.close();
  await folder.remove();
  await simulator.close();
  await database.drop();
});

const run: string[] = [];

function start(program: string, args: readonly string[] = []) {
  run.push(program);
  const child = spawn(
    process.execPath,
    ["--conditions=volley-source", "--disable-warning=ExperimentalWarning", join(PROGRAMS, program), ...args],
    { env: { ...process.env, VOLLEY_CONFIG: join(folder.path, "volley.yaml"), PORT: "0" } },
  );
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return {
    line: async () => (await lines.next()).value as string,
    ended: async () => {
      expect(await ended, errors).toBe(0);
      return errors;
    },
    stop: () => child.kill("SIGTERM"),
  };
}

const REFUSED = ["+46701740003", "+46701740004"];

it("a queued campaign reaches everybody, and names the number that is none", async () => {
  simulator.setFaults("sinch", [{ name: "reject-recipient", numbers: REFUSED }]);
  const program = start("queued-campaign.ts");
  const { id, ...counts } = JSON.parse(await program.line());
  expect(counts).toEqual({ accepted: 250, invalid: 1 });
  expect(await program.ended()).toContain("customer 251: ");
  await expect
    .poll(async () => (await parts.ledger.campaigns.find(id))?.state)
    .toBe("completed_with_failures");
  expect(simulator.texts("sinch", "+46701740001")).toEqual([
    "Hi Customer 1, our shop in Malmö opens on Monday.",
  ]);
});

it("a retry of what failed goes through the other account, once", async () => {
  simulator.setFaults("sinch", []);
  const [campaign] = await parts.ledger.campaigns.list({ limit: 1 });
  const id = campaign?.id ?? "";
  const first = start("retry-failed.ts", [id, "spare"]);
  const { retry, ...seen } = JSON.parse(await first.line());
  expect(seen).toMatchObject({ counts: { accepted: 248, rejected: 2 }, accepted: 2 });
  await first.ended();
  await expect.poll(async () => (await parts.ledger.campaigns.find(retry))?.state).toBe("completed");
  for (const number of REFUSED) expect(simulator.texts("sinch", number)).toHaveLength(1);

  const second = start("retry-failed.ts", [id, "spare"]);
  expect(JSON.parse(await second.line())).toMatchObject({ retry: null, skipped: { alreadyRetried: 2 } });
  await second.ended();
});

it("a reminder is kept once under its key, moved, called off; at ten where the customer is, summer or winter", async () => {
  const program = start("scheduled-reminder.ts");
  const seen = [];
  for (let line = 0; line < 5; line += 1) seen.push(JSON.parse(await program.line()));
  const localThen = (time: string) => expect.stringMatching(new RegExp(`^20\\d\\d-${time}$`));
  const winter = { local: localThen("01-19T10:00"), next: localThen("01-19T09:00:00.000Z") };
  expect(seen).toEqual([
    { key: "appointment-1", outcome: "created", ...winter },
    { key: "appointment-2", outcome: "created", ...winter, next: localThen("01-19T15:00:00.000Z") },
    { key: "appointment-1", outcome: "unchanged", ...winter },
    {
      ...{ key: "appointment-1", outcome: "changed" },
      ...{ local: localThen("07-05T10:00"), next: localThen("07-05T08:00:00.000Z") },
    },
    { key: "appointment-2", takenBack: true },
  ]);
  await program.ended();
  const { reminders } = await parts.ledger.reminders.list({ limit: 10 });
  expect(reminders.map(({ key }) => key)).toEqual(["appointment-1"]);
});

it("a web application sends one code a minute, however often it is asked", async () => {
  const program = start("fastify-producer.ts");
  const url = await program.line();
  const ask = (phone: string) =>
    fetch(`${url}/codes`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ phone }),
    });
  const before = simulator.accepted("sinch");
  const replies = await Promise.all(Array.from({ length: 10 }, () => ask("+46701749999")));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
  expect((await ask("12")).status).toBe(400);
  await expect.poll(() => simulator.accepted("sinch")).toBe(before + 1);
  program.stop();
  await program.ended();
});

it("every example program is run here", () => {
  expect([...new Set(run)].toSorted()).toEqual(readdirSync(PROGRAMS).toSorted());
});
