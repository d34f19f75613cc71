// `volley doctor` as people run it: what it says of a good set-up, and of each thing that is wrong.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder, type Ended } from "../support/volley-command.ts";

type Check = { readonly check: string; readonly state: string; readonly text: string };
type Answer = { readonly ok: boolean; readonly checks: readonly Check[] };

const KEY = Buffer.alloc(32, 7).toString("base64");
const reports = { secret: "0123456789abcdef" };

let database: TestDatabase;
let simulator: Simulator;
const folders: CommandFolder[] = [];

beforeAll(async () => {
  database = await createDatabase({ empty: true });
  simulator = await createSimulator({});
});
afterAll(async () => {
  await Promise.all(folders.map((one) => one.remove()));
  await simulator.close();
  await database.drop();
});

async function openFolder(settings: object): Promise<CommandFolder> {
  const folder = await createCommandFolder({
    database: database.url,
    log: "silent",
    encryptionKey: KEY,
    server: { port: 0, publicUrl: "http://127.0.0.1:8080" },
    ...settings,
  });
  folders.push(folder);
  return folder;
}

async function examine(settings: object): Promise<Ended & Answer> {
  const folder = await openFolder(settings);
  const ended = await folder.run(["doctor", "--json"]);
  expect(ended.stderr).toBe("");
  const answer: Answer = JSON.parse(ended.stdout);
  return { ...ended, ...answer };
}

const faultsIn = ({ checks }: Answer) => checks.filter(({ state }) => state === "fault");
const allAccounts = () => [
  accountAt(simulator.url, "sinch", { reports, from: "Acme" }),
  accountAt(simulator.url, "infobip", { reports, from: "Acme" }),
  accountAt(simulator.url, "smscx", { reports, from: "Acme" }),
  accountAt(simulator.url, "mobile-digital"),
];

describe("a good set-up", () => {
  it("has no fault, whatever the provider, and each account has a token and a line of what it can do", async () => {
    const examined = await examine({ accounts: allAccounts() });
    expect(faultsIn(examined)).toEqual([]);
    expect(examined).toMatchObject({ code: 0, ok: true });
    for (const name of ["configuration", "database", "schema", "clock", "engine"]) {
      expect(examined.checks).toContainEqual(expect.objectContaining({ check: name, state: "ok" }));
    }
    for (const name of ["sinch", "infobip", "smscx", "mobile-digital"]) {
      const [can, token] = [`account ${name}`, `account ${name}, token`].map((check) =>
        examined.checks.find((one) => one.check === check),
      );
      expect(can?.text).toMatch(/^\S+, \d+ messages a request at most, 1000 requests\/s, /);
      expect(token).toMatchObject({ state: "ok", text: expect.stringMatching(/generation \d+, good for /) });
    }
  });

  it("prints a line a check, and repeats no secret", async () => {
    const folder = await openFolder({ accounts: allAccounts() });
    const ended = await folder.run(["doctor"]);
    expect(ended).toMatchObject({ code: 0, stderr: "No fault found.\n" });
    for (const line of ended.stdout.trimEnd().split("\n")) expect(line).toMatch(/^(ok|warning) {2,}\S/);
    for (const secret of ["demo-secret", reports.secret, KEY]) expect(ended.stdout).not.toContain(secret);
  });

  it("is found beside a running service, too", async () => {
    const folder = await openFolder({ accounts: [accountAt(simulator.url, "sinch", { from: "Acme" })] });
    const service = folder.start(["start"]);
    await service.untilSays("Volley is up");
    expect((await folder.run(["doctor"])).code).toBe(0);
    service.signal("SIGTERM");
    expect((await service.ended).code).toBe(0);
  });
});

describe("a fault", () => {
  it("of one account is told with what to do, and the others are checked all the same", async () => {
    const examined = await examine({
      accounts: [
        accountAt(simulator.url, "infobip", { secret: "mistyped", from: "Acme" }),
        accountAt(simulator.url, "sinch", { from: "Acme" }),
      ],
    });
    expect(examined.code).toBe(1);
    expect(faultsIn(examined)).toEqual([
      {
        check: "account infobip, token",
        state: "fault",
        text: `Cannot get a token for account infobip: 401 from ${new URL(simulator.url).host}. Check accounts[0].credentials.clientSecret.`,
      },
    ]);
    expect(examined.stdout).not.toContain("mistyped");
  });

  it("is a scope that the provider does not grant, named", async () => {
    const poor = await createSimulator({
      providers: { smscx: { scopes: ["reports"] }, "mobile-digital": { scopes: ["read"] } },
    });
    const examined = await examine({
      accounts: [accountAt(poor.url, "smscx", { from: "Acme" }), accountAt(poor.url, "mobile-digital")],
    });
    await poor.close();
    expect(faultsIn(examined).map(({ text }) => /scope "(\w+)" for account/.exec(text)?.[1])).toEqual([
      "sms",
      "write",
    ]);
  });

  it.each([
    ["http://sms.example.org", /is not https/],
    ["https://localhost:8443", /which the provider cannot reach/],
    ["https://[::1]", /which the provider cannot reach/],
  ])("is the report address %s, for a provider that is elsewhere", async (publicUrl, text) => {
    const account = accountAt(simulator.url, "sinch", {
      reports,
      from: "Acme",
      baseUrl: undefined,
      tokenUrl: `${simulator.url}/sinch/oauth2/token`,
    });
    const examined = await examine({ server: { publicUrl }, accounts: [account] });
    expect(examined.code).toBe(1);
    expect(faultsIn(examined)).toEqual([
      { check: "account sinch, reports", state: "fault", text: expect.stringMatching(text) },
    ]);
  });

  it("is a configuration without an account", async () => {
    const examined = await examine({ accounts: [] });
    expect(examined.code).toBe(1);
    expect(faultsIn(examined).map(({ check }) => check)).toEqual(["accounts"]);
  });

  it("is a database that does not answer: the accounts wait for it", async () => {
    const port = await findFreePort();
    const examined = await examine({
      database: `postgres://me:geheim@127.0.0.1:${port}/volley`,
      accounts: [accountAt(simulator.url, "sinch")],
    });
    expect(examined.code).toBe(1);
    expect(examined.stdout).not.toContain("geheim");
    expect(examined.checks.slice(-2)).toEqual([
      { check: "database", state: "fault", text: expect.stringMatching(/^Cannot use the database 127/) },
      { check: "account sinch", state: "warning", text: "not checked: the database comes first" },
    ]);
  });

  it("is a Redis that does not answer", async () => {
    const examined = await examine({
      redis: `redis://:geheim@127.0.0.1:${await findFreePort()}`,
      accounts: [accountAt(simulator.url, "sinch", { from: "Acme" })],
    });
    expect(examined.code).toBe(1);
    expect(examined.stdout).not.toContain("geheim");
    expect(faultsIn(examined)[0]).toMatchObject({
      check: "engine",
      text: expect.stringMatching(/^Cannot reach Redis/),
    });
  });

  it("of the configuration itself ends the command with 3 and the faults by path", async () => {
    const folder = await openFolder({ accounts: [{ name: "main", provider: "smscx", from: "AB" }] });
    const ended = await folder.run(["doctor", "--json"]);
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toMatch(/accounts\[0\]\.credentials: is missing/);
    expect(ended.stderr).toMatch(/accounts\[0\]\.from: is wanted by SMS\.CX/);
  });
});

it("a fixed key, a missing sender and what lies in plain are told, and are no fault", async () => {
  const examined = await examine({
    encryptionKey: undefined,
    accounts: [accountAt(simulator.url, "smscx", { credentials: { apiKey: "demo-key" } })],
  });
  expect(examined).toMatchObject({ code: 0, ok: true });
  const warned = examined.checks.filter(({ state }) => state === "warning").map(({ check }) => check);
  expect(warned).toEqual(["encryptionKey", "account smscx, from", "account smscx, reports"]);
  expect(examined.checks.at(-1)?.text).toMatch(/logs in with a fixed key/);
});
