// What a person sees when a command cannot do its work: one line that says what to do, and the exit code that
// scripts go by. 0 done, 1 failed, 2 bad usage, 3 configuration.

import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  accountAt,
  type CommandFolder,
  createCommandFolder,
  type Ended,
  type RunOptions,
} from "../support/volley-command.ts";

const NOBODY = "01900000-0000-7000-8000-000000000000";
const SECRET = { SINCH_KEY_SECRET: "demo-secret" };
/** As it is written in volley.yaml. */
const VARIABLE = `$${"{SINCH_KEY_SECRET}"}`;

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
let config: { database: string; accounts: object[]; log: string; server: object };
const folders: CommandFolder[] = [];

beforeAll(async () => {
  database = await createDatabase({ empty: true });
  simulator = await createSimulator({ providers: { "mobile-digital": { scopes: ["read"] } } });
  config = {
    database: database.url,
    log: "silent",
    server: { port: 0 },
    accounts: [
      accountAt(simulator.url, "sinch", { name: "main", secret: VARIABLE }),
      accountAt(simulator.url, "mobile-digital", { name: "mobile" }),
      accountAt(`http://127.0.0.1:${await findFreePort()}`, "sinch", { name: "away" }),
    ],
  };
  folder = await openFolder(config);
  await folder.write("people.csv", "phone,name\n+46701740605,Ada\n");
  await folder.write("cities.csv", "name,city\nAda,Lund\n");
  await folder.write("broken.csv", 'phone,name\n+46701740605,Ada\n+46701740606,"Bo\n');
  await folder.write("nobody.csv", "phone,name\n12,Ada\n");
  // The commands of this file run side by side; the schema is there when they start.
  expect(await run(["migrate"])).toEqual({
    code: 0,
    stdout: "",
    stderr: "Ledger, engine and queue are up to date.\n",
  });
});
afterAll(async () => {
  await Promise.all(folders.map((one) => one.remove()));
  await simulator.close();
  await database.drop();
});

async function openFolder(source: object): Promise<CommandFolder> {
  const opened = await createCommandFolder(source);
  folders.push(opened);
  return opened;
}

function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return folder.run(args, { ...options, env: options.env ?? SECRET });
}

/** Exactly one line, on stderr. */
function expectFault(ended: Ended, code: number, fault: string | RegExp): void {
  expect(ended.stderr).toMatch(/^volley: [^\n]+\n$/);
  if (typeof fault === "string") expect(ended.stderr).toBe(`volley: ${fault}\n`);
  else expect(ended.stderr).toMatch(fault);
  expect(ended.stdout).toBe("");
  expect(ended.code).toBe(code);
}

const create = (...args: string[]) => ["campaign", "create", "--name", "spring", ...args];

describe.concurrent("3, configuration:", () => {
  it("a variable that is not set", async () => {
    expectFault(
      await run(["campaign", "list"], { env: {} }),
      3,
      `${folder.path}/volley.yaml: accounts[0].credentials.keySecret: environment variable SINCH_KEY_SECRET is not set`,
    );
  });

  it("a configuration file that is not there", async () => {
    const ended = await run(["campaign", "list", "--config", "other.yaml"]);
    expectFault(ended, 3, `Cannot read the configuration ${folder.path}/other.yaml: it does not exist.`);
  });

  it("a secret that the provider refuses: the line names the variable", async () => {
    const ended = await run(["token", "refresh", "main"], { env: { SINCH_KEY_SECRET: "mistyped" } });
    const host = new URL(simulator.url).host;
    expectFault(ended, 3, `Cannot get a token for account main: 401 from ${host}. Check SINCH_KEY_SECRET.`);
  });

  it("a scope that the account lacks: the line names the scope", async () => {
    expectFault(
      await run(["token", "refresh", "mobile"]),
      3,
      /Cannot get a token with scope "write" for account mobile: .* Ask the provider/,
    );
  });

  it("a service whose accounts can all not log in does not start", async () => {
    const fresh = await createDatabase({ empty: true });
    const [main, mobile] = config.accounts;
    const alone = await openFolder({ ...config, database: fresh.url, accounts: [main] });
    const ended = await alone.run(["start"], { env: { SINCH_KEY_SECRET: "mistyped" } });
    expectFault(ended, 3, /Cannot get a token for account main: 401 .* Check SINCH_KEY_SECRET\.$/m);
    const both = await openFolder({ ...config, database: fresh.url, accounts: [main, mobile] });
    expect((await both.run(["start"], { env: { SINCH_KEY_SECRET: "mistyped" } })).code).toBe(3);
    await fresh.drop();
  });
});

describe.concurrent("2, bad usage:", () => {
  it.each<[what: string, args: readonly string[], fault: string | RegExp]>([
    [
      "a command that is none",
      ["sned"],
      "unknown command 'sned' (Did you mean send?) Run with --help for the options.",
    ],
    [
      "a subcommand that is none",
      ["campaign", "foo"],
      "unknown command 'foo'. Run with --help for the options.",
    ],
    [
      "an option that is none",
      ["migrate", "--fast"],
      "unknown option '--fast'. Run with --help for the options.",
    ],
    [
      "an option that is missing",
      ["send", "--text", "Hello"],
      "required option '--to <number>' not specified. Run with --help for the options.",
    ],
    [
      "a number out of bounds",
      ["campaign", "list", "--limit", "501"],
      /It must be a whole number from 1 to 500\./,
    ],
    [
      "a class that is none",
      ["send", "--to", "1", "--text", "x", "--class", "x"],
      /Allowed choices are transactional, reminder, marketing\./,
    ],
    [
      "a fault that is none",
      ["simulate", "--fault", "x=1"],
      /^volley: Cannot use the fault "x=1": known faults are /,
    ],
    [
      "an account that is none",
      ["token", "refresh", "nope"],
      'No account is named "nope". Configured: main, mobile, away.',
    ],
    [
      "a campaign's id that is none",
      ["campaign", "show", "spring"],
      '"spring" is not a campaign\'s id. See: volley campaign list',
    ],
    [
      "a message's id that is none",
      ["message", "show", "1"],
      '"1" is not a message\'s id. See: volley message list',
    ],
    [
      "a time that is none",
      // Not the fifth of a month in 2001.
      ["message", "list", "--since", "5"],
      "--since must be a time such as 2026-12-24 or 2026-12-24T09:00Z.",
    ],
    [
      "a number that is none",
      ["send", "--to", "12", "--text", "x"],
      /^volley: Cannot send: the number in "to": /,
    ],
    [
      "a text without characters",
      ["send", "--to", "+46701740605", "--text", " "],
      "Cannot send: The text is empty.",
    ],
    [
      "a country that is none",
      create("--csv", "people.csv", "--template", "Hi", "--country", "Sweden"),
      /^volley: --country: A country is a code of two letters/,
    ],
    [
      "a file without a phone column",
      create("--csv", "cities.csv", "--template", "Hi"),
      /it has "name", "city"\. Name the column with --column\./,
    ],
    [
      "a column that is none",
      create("--csv", "people.csv", "--template", "Hi", "--column", "tel"),
      'The file has no column "tel"; it has "phone", "name".',
    ],
    [
      "a template's field that is no column",
      create("--csv", "people.csv", "--template", "Hi {{Name}}"),
      /The template's field \{\{Name\}\} is not a column of the file\. Did you mean \{\{name\}\}\?/,
    ],
    [
      "a template that is not closed",
      create("--csv", "people.csv", "--template", "Hi {{name"),
      /The template has a "\{\{" without a "\}\}" after it\./,
    ],
  ])("%s", async (_what, args, fault) => {
    expectFault(await run(args), 2, fault);
  });
});

describe.concurrent("1, failed:", () => {
  it.each<[what: string, args: readonly string[], fault: string | RegExp]>([
    [
      "a campaign that is not there",
      ["campaign", "show", NOBODY],
      `There is no campaign ${NOBODY}. See: volley campaign list`,
    ],
    [
      "a message that is not there",
      ["message", "show", NOBODY],
      `There is no message ${NOBODY}. See: volley message list`,
    ],
    [
      "a file that is not there",
      create("--csv", "away.csv", "--template", "Hi"),
      "Cannot read away.csv: ENOENT. Check the path and its permissions.",
    ],
    [
      "a file that is a folder",
      create("--csv", ".", "--template", "Hi"),
      "Cannot read .: EISDIR. Check the path and its permissions.",
    ],
    [
      "a provider that is away",
      ["token", "refresh", "away"],
      /^volley: Cannot get a token for account away: connect-refused at 127\.0\.0\.1:/,
    ],
  ])("%s", async (_what, args, fault) => {
    expectFault(await run(args), 1, fault);
  });

  it.each<[what: string, file: string, fault: RegExp]>([
    ["a file that breaks off", "broken.csv", /^volley: .*row 3.*$/m],
    [
      "a file with nobody to send to",
      "nobody.csv",
      /^volley: Cannot create campaign "spring": none of its rows can be sent to\. Row 2: /m,
    ],
  ])("%s", async (_what, file, fault) => {
    const ended = await run(create("--csv", file, "--template", "Hi {{name}}", "--json"));
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(fault);
    expect(ended.stderr.split("\n").filter((line) => line.startsWith("volley:"))).toHaveLength(1);
  });

  it("a port that another program has", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const port = typeof address === "object" ? address?.port : null;
    const here = await openFolder({ ...config, server: { port } });
    const advice = "another program does. Set server.port, or stop that program.";
    expectFault(
      await here.run(["start"], { env: SECRET }),
      1,
      `Cannot listen on 127.0.0.1:${port}: ${advice}`,
    );
    expectFault(
      await here.run(["simulate", "--port", String(port)], { env: SECRET }),
      1,
      `Cannot listen on 127.0.0.1:${port} for the simulator.`,
    );
    other.close();
  });

  it("a database that does not answer, and one that is not there", async () => {
    const port = await findFreePort();
    const away = await openFolder({ ...config, database: `postgres://me:geheim@127.0.0.1:${port}/volley` });
    expectFault(
      await away.run(["migrate"], { env: SECRET }),
      1,
      `Cannot use the database 127.0.0.1:${port}/volley: connect ECONNREFUSED 127.0.0.1:${port}. Check that it runs and that the configured URL is right.`,
    );
    const other = await openFolder({ ...config, database: `${database.url}_other` });
    expectFault(
      await other.run(["campaign", "list"], { env: SECRET }),
      1,
      /database "test_\w+_other" does not exist \(3D000\)/,
    );
  });

  it("a Redis that does not answer", async () => {
    const port = await findFreePort();
    const away = await openFolder({ ...config, redis: `redis://:geheim@127.0.0.1:${port}` });
    const ended = await away.run(["migrate"], { env: SECRET });
    expectFault(ended, 1, new RegExp(`^volley: Cannot reach Redis at redis://127\\.0\\.0\\.1:${port}: `));
    expect(ended.stderr).not.toContain("geheim");
  });
});

it("0, done: --help prints on stdout, with a configuration or without", async () => {
  for (const command of [[], ["campaign"], ["campaign", "create"]]) {
    const ended = await run([...command, "--help"], { env: {} });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain(`Usage: ${["volley", ...command].join(" ")} `);
  }
});
