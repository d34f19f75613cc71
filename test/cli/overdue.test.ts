// Overdue messages and their reports from the command line: two people whose reports do not come, until one does.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { MessageId } from "../../src/domain/message.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { silent } from "../support/ledger.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

// Half a dozen processes one after another, on machines that do other things meanwhile.

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [{ ...accountAt(simulator.url, "sinch"), from: "Volley" }],
  });
  await folder.write("people.csv", "phone\n+46701234501\n+46701234502\n");
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function run(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await folder.run(args);
  expect(code, stderr).toBe(0);
  return stdout;
}

it("campaign show counts them, and message show tells what was reported", async () => {
  const args = ["--csv", "people.csv", "--name", "waiting", "--template", "Hello", "--wait", "--json"];
  const { id, ...created } = JSON.parse(await run(["campaign", "create", ...args]));
  expect(created).not.toHaveProperty("overdue");

  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 2, log: silent });
  const { reports, inbox } = createLedger({ pool });
  await reports.findOverdue([{ name: "sinch", afterMs: 0, canAsk: true }], { chunks: 10 });
  expect(await run(["campaign", "show", id])).toContain("overdue: 2 accepted, without a final report");

  const [message] = JSON.parse(await run(["message", "list", "--campaign", id, "--json"]));
  const messageId: MessageId = message.id;
  const subject = { messageId, callId: null, providerMessageId: null, to: null };
  const said = { reason: "unknown-subscriber", code: "401", permanent: true, optedOut: false, at: null };
  await inbox.add([{ account: "sinch", report: { about: subject, state: "undelivered", ...said } }]);
  await reports.join(10);
  await pool.end();
  expect(JSON.parse(await run(["campaign", "show", id, "--json"]))).toMatchObject({ overdue: 1 });
  expect(await run(["message", "show", messageId])).toMatch(/undelivered +unknown-subscriber +401/);
  expect(JSON.parse(await run(["message", "show", messageId, "--json"]))).toMatchObject({
    state: "undelivered",
    reports: [{ state: "undelivered", reason: "unknown-subscriber", code: "401", waits: false }],
  });
});
