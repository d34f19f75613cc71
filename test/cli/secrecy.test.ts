// Everything that a day's work leaves on stderr, at the most talkative level, in success and in trouble: no
// secret, no token, no phone number, no text, no recipient's value.

import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder, type Ended } from "../support/volley-command.ts";

const SECRET = "Quetzalcoatl-9f3b";
const NUMBERS = ["46701748213", "46701748214", "46701748215", "61412748216"];
const WORDS = ["Pomegranate", "Xanthippe", "Zarathustra"];

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
const outputs: Ended[] = [];

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator({ clientSecret: SECRET })]);
  const variable = `$${"{SECRET}"}`;
  folder = await createCommandFolder({
    database: database.url,
    log: "debug",
    server: { port: 0 },
    accounts: [
      accountAt(simulator.url, "sinch", { secret: variable, unknown: { lookUpAfterSeconds: [0.1] } }),
      accountAt(simulator.url, "mobile-digital", { secret: variable }),
    ],
    routes: [{ prefix: "+61", accounts: ["mobile-digital"] }, { accounts: ["sinch"] }],
    retry: { baseMs: 10 },
  });
  const rows = NUMBERS.map((number) => `+${number},Xanthippe\n`);
  await folder.write("people.csv", `phone,name\n${rows.join("")}+46701748219999999,Xanthippe\n`);
  await folder.write("headless.csv", rows.join(""));
  await folder.write("broken.csv", `phone,name\n${rows.join("")}+46701748213,"Xanthippe\n`);
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function run(args: readonly string[], secret = SECRET): Promise<Ended> {
  const ended = await folder.run(args, { env: { SECRET: secret } });
  outputs.push(ended);
  return ended;
}

const create = (csv: string, ...more: string[]) => [
  ...["campaign", "create", "--csv", csv, "--name", "day", "--template", "Pomegranate {{name}}"],
  ...more,
];
const send = (...more: string[]) => ["send", "--to", `+${NUMBERS[0]}`, "--text", "Zarathustra", ...more];

it("a day's work leaves nothing on stderr that is anybody's secret", async () => {
  expect((await run(["token", "refresh", "sinch"], "Quetzalcoatl-wrong")).code).toBe(3);
  expect((await run(create("people.csv", "--wait"))).code).toBe(0);
  simulator.setFaults("sinch", [
    { name: "500-accepted", count: 1 },
    { name: "html-200", count: 1 },
    { name: "401", count: 1 },
  ]);
  simulator.setFaults("mobile-digital", [{ name: "half-json", count: 1 }]);
  expect((await run(create("people.csv", "--wait"))).code).toBe(0);
  simulator.setFaults("sinch", [{ name: "reject-recipient", numbers: [NUMBERS[0] ?? ""] }]);
  expect((await run(send("--wait"))).code).toBe(0);
  simulator.setFaults("sinch", []);

  const mistakes = [
    create("headless.csv"),
    create("broken.csv"),
    send("--text", "Zarathustra ".repeat(500)),
    send("--to", `${NUMBERS[0]}99999999`),
    send("--to", "0701748213"),
    send("Pomegranate", NUMBERS[0] ?? ""),
    [NUMBERS[0] ?? ""],
    ["message", "show", NUMBERS[0] ?? ""],
    ["message", "list", "--to", `${NUMBERS[0]}99999999`],
  ];
  const codes = await Promise.all(mistakes.map(async (args) => (await run(args)).code));
  expect(codes).toEqual([2, 1, 2, 2, 2, 2, 2, 2, 2]);

  const service = folder.start(["start"], { env: { SECRET } });
  await service.untilSays("Volley is up");
  expect((await run(send())).code).toBe(0);
  const { stdout: id } = await run(create("people.csv"));
  expect((await run(["campaign", "watch", id.trim()])).code).toBe(0);
  service.signal("SIGTERM");
  outputs.push(await service.ended);

  const tokens = await readTokens();
  expect(tokens.length).toBeGreaterThanOrEqual(2);
  expect(outputs.map(({ stderr }) => stderr).join("").length).toBeGreaterThan(1_000);
  const secrets = [
    "Quetzalcoatl",
    ...tokens,
    ...NUMBERS,
    ...NUMBERS.map((number) => number.slice(2)),
    ...WORDS,
  ];
  for (const { stderr } of outputs) {
    for (const secret of secrets) expect(stderr).not.toContain(secret);
  }
  const shown = await run(["token", "show", "--json"]);
  for (const token of tokens) expect(shown.stdout).not.toContain(token);
});

/** Without an encryption key they lie in the engine as they are. */
async function readTokens(): Promise<string[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ sealed: string }>("select sealed from volley_engine.token_cell");
  await client.end();
  return rows.map(({ sealed }) => sealed);
}
