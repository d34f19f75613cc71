// A campaign looked at before it is sent, from the command line: a dry run leaves nothing, and caps refuse.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createPool } from "../../src/platform/postgres.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { silent } from "../support/ledger.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    currency: "EUR",
    accounts: [accountAt(simulator.url, "sinch", { prices: { "+46": 0.045 }, from: "Volley" })],
    caps: { campaignMessages: 3 },
  });
  await folder.write("people.csv", "phone,name\n+46701740605,Ada\n+46701740606,Bo\n0,Nobody\n");
  await folder.write(
    "many.csv",
    `phone,name\n${[5, 6, 7, 8].map((digit) => `+4670174060${digit},Ada\n`).join("")}`,
  );
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

const create = (file: string, ...more: string[]) => [
  ...["campaign", "create", "--csv", file, "--name", "spring", "--template", "Hi {{name}}"],
  ...more,
];

async function rowsLeft(): Promise<unknown> {
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 1, log: silent });
  const { rows } = await pool.query(
    `select (select count(*) from volley.campaign)::int as campaigns,
       (select count(*) from volley.chunk)::int as chunks, (select count(*) from volley.message)::int as messages`,
  );
  await pool.end();
  return rows[0];
}
const NOTHING = { campaigns: 0, chunks: 0, messages: 0 };

it("a dry run shows what the campaign would be, and leaves nothing behind", async () => {
  const shown = await folder.run(create("people.csv", "--dry-run"));
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stdout).toContain("2 messages, 2 segments, 0.09 EUR");
  expect(shown.stdout).toMatch(/^SE +\+46 +2 +2 +0\.09$/m);
  expect(shown.stdout).toMatch(/^Hi Ada +1 +gsm-7$/m);
  expect(shown.stderr).toContain("2 accepted, 0 duplicates, 0 suppressed, 1 invalid");
  const asJson = await folder.run(create("people.csv", "--dry-run", "--json"));
  expect(JSON.parse(asJson.stdout)).toMatchObject({
    accepted: 2,
    invalid: 1,
    preview: { messages: 2, cost: { amount: "0.09", unpriced: 0 }, currency: "EUR", warnings: [] },
  });
  expect(await rowsLeft()).toEqual(NOTHING);
});

it("a dry run that is refused leaves nothing behind either", async () => {
  const ended = await folder.run([
    ...["campaign", "create", "--csv", "people.csv", "--name", "x", "--template", "{{other}}", "--dry-run"],
  ]);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain("{{other}}");
  expect((await folder.run(create("people.csv", "--dry-run", "--wait"))).code).toBe(2);
  expect(await rowsLeft()).toEqual(NOTHING);
});

it("a campaign beyond the cap is refused with both figures and leaves nothing; its dry run warns of it", async () => {
  const refused = "Cannot start the campaign: it has 4 messages, and caps.campaignMessages is 3.";
  const tried = await folder.run(create("many.csv", "--dry-run"));
  expect(tried.stdout).toContain(`warning: ${refused}`);
  const ended = await folder.run(create("many.csv"));
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toContain(refused);
  expect(await rowsLeft()).toEqual(NOTHING);
});

it("a campaign that is there has a preview, too", async () => {
  const { stdout } = await folder.run(create("people.csv", "--json"));
  const { id } = JSON.parse(stdout);
  const shown = await folder.run(["campaign", "preview", id, "--json"]);
  expect(shown.code, shown.stderr).toBe(0);
  expect(JSON.parse(shown.stdout)).toMatchObject({ messages: 2, segments: 2, cost: { amount: "0.09" } });
  const nobody = await folder.run(["campaign", "preview", "01900000-0000-7000-8000-000000000000"]);
  expect(nobody).toMatchObject({ code: 1, stdout: "" });
});
