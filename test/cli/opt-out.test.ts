// Opt-outs from the command line: by hand, from a file, into a file, and what a person has to decide about.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder, type Ended } from "../support/volley-command.ts";

let database: TestDatabase;
let folder: CommandFolder;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt("http://127.0.0.1:9", "sinch")],
  });
});
afterAll(async () => {
  await folder.remove();
  await client.end();
  await database.drop();
});
beforeEach(async () => {
  await client.query("truncate volley.suppression, volley.inbound");
});

const optOut = (...args: string[]): Promise<Ended> => folder.run(["opt-out", ...args]);

async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await optOut(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

it("whoever is added is on the list, however the number is written, and is sent nothing until removed", async () => {
  const to = ["--to", "+46701740605", "--text", "Hello", "--json"];
  const sent = JSON.parse((await folder.run(["send", ...to])).stdout);
  expect(await optOut("add", "070-174 06 05", "--country", "SE", "--reason", "complaint")).toEqual({
    code: 0,
    stdout: "",
    stderr: "Opted out. 1 waiting message suppressed.\n",
  });
  expect(JSON.parse((await folder.run(["message", "show", sent.id, "--json"])).stdout)).toMatchObject({
    state: "suppressed",
    reason: "opted-out",
  });
  expect(await json("add", "+46701740605")).toEqual({ added: false, suppressed: 0 });
  expect(await json("list")).toEqual([
    { number: "+46701740605", source: "person", reason: "complaint", createdAt: expect.any(String) },
  ]);
  const listed = await optOut("list");
  expect(listed.stdout).toMatch(/^NUMBER +SOURCE +REASON +SINCE\n\+46701740605 {2}person {2}complaint {2}20/);
  expect(listed.stderr).toBe("1 in all: person 1.\n");
  const refused = await folder.run(["send", ...to]);
  expect(refused).toMatchObject({ code: 1, stderr: "volley: Cannot send: this person has opted out.\n" });

  expect(await optOut("remove", "0046701740605")).toMatchObject({ code: 0, stdout: "" });
  expect((await folder.run(["send", ...to])).code).toBe(0);
  expect(await optOut("remove", "+46701740605")).toEqual({
    code: 1,
    stdout: "",
    stderr: "volley: This person has not opted out. See: volley opt-out list\n",
  });
  expect(await optOut("list")).toMatchObject({ code: 0, stderr: "Nobody has opted out.\n" });
});

describe("import", () => {
  const FILE = `name;mobile\nAda;0701740605\nBo;+46701740606\nAda again;+46 70 174 06 05\nCy;12\nDi;+46701740608;x\n`;

  it("opts everybody in the file out, and names the rows that hold nobody", async () => {
    await folder.write("people.csv", FILE);
    const ended = await optOut("import", "people.csv", "--country", "SE");
    expect(ended).toMatchObject({ code: 0, stdout: "" });
    expect(ended.stderr).toContain("2 added, 1 already there, 2 invalid.");
    expect(ended.stderr).toContain("\n  row 5: The number is not a valid one in SE or abroad");
    expect(ended.stderr).toContain("\n  row 6: The row has 3 cells, the header has 2.\n");
    expect(ended.stderr).toContain("mend those rows");
    expect(ended.stderr).not.toContain("4670");
    expect(await json("import", "people.csv", "--country", "SE", "--column", "mobile")).toMatchObject({
      ...{ rows: 5, added: 0, already: 3, invalid: 2, suppressed: 0 },
      errors: [{ row: 5 }, { row: 6 }],
    });
  });

  it("reads standard input, and thousands of rows", async () => {
    const rows = Array.from({ length: 3_500 }, (_, index) => `+4670${1_740_000 + index}\n`);
    const ended = await folder.run(["opt-out", "import", "-", "--json"], {
      input: `phone\n${rows.join("")}`,
    });
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ added: 3_500, already: 0, invalid: 0 });
    expect(await optOut("list", "--limit", "1")).toMatchObject({ stderr: "3,500 in all: import 3,500.\n" });
  });

  it("keeps what it read of a file that breaks off, and says so", async () => {
    const rows = Array.from({ length: 1_500 }, (_, index) => `+4670${1_740_000 + index}\n`);
    await folder.write("broken.csv", `phone\n${rows.join("")}"+4670`);
    const ended = await optOut("import", "broken.csv");
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(
      /1,\d{3} added.*\nThese are kept\..*\nvolley: Cannot read the CSV file: row 1502/s,
    );
  });

  it.each<[what: string, text: string, args: string[], code: number, fault: RegExp]>([
    ["has no number in it", "phone\n12\n", [], 1, /volley: Nobody was opted out/],
    ["has no column of numbers", "name,city\nAda,Lund\n", [], 2, /volley: No column of the file is plainly/],
    ["is empty", "", [], 1, /volley: Cannot read the CSV file: it is empty/],
    ["is for no country", "phone\n0701740605\n", ["--country", "UK"], 2, /volley: --country: .*GB/],
    ["has a blank reason", "phone\n+46701740605\n", ["--reason", " "], 2, /volley: --reason must have/],
  ])("of a file that %s ends with one line", async (_what, text, args, code, fault) => {
    await folder.write("odd.csv", text);
    const ended = await optOut("import", "odd.csv", ...args);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toMatch(fault);
    expect(await json("list")).toEqual([]);
  });
});

describe("export", () => {
  it("writes a file that import reads, with no formula in it and never over another", async () => {
    await optOut("add", "+46701740605", "--reason", '=cmd|"calc", or so');
    await optOut("add", "+46701740606");
    const done = await optOut("export", "--out", "out.csv");
    expect(done).toEqual({ code: 0, stdout: "", stderr: "2 written.\n" });
    const text = await readFile(join(folder.path, "out.csv"), "utf8");
    expect(text).toMatch(/^phone,source,reason,since\n\+46701740606,person,added-by-hand,20\S+Z\n/);
    expect(text).toContain(`+46701740605,person,"'=cmd|""calc"", or so",20`);
    expect(await optOut("export", "--out", "out.csv")).toMatchObject({
      code: 2,
      stderr: "volley: Cannot write out.csv: EEXIST. Choose another name, or remove it.\n",
    });
    expect(await optOut("export")).toEqual({ code: 0, stdout: text, stderr: "2 written.\n" });
    await client.query("truncate volley.suppression");
    expect(await json("import", "out.csv")).toMatchObject({ added: 2, invalid: 0 });
  });

  it("pages through a long list and counts who was erased", async () => {
    await client.query(
      `insert into volley.suppression (hash, recipient, reason, source)
       select volley.recipient_hash(n::text), case when n > 10 then '+' || 46701740000 + n end, 'x', 'import'
       from generate_series(1, 1210) n`,
    );
    const { stdout, stderr } = await optOut("export");
    expect(stderr).toBe("1,200 written. 10 more have no number any more.\n");
    expect(new Set(stdout.trimEnd().split("\n")).size).toBe(1_201);
  });
});

it("what people wrote waits for a decision: dismissed, or opted out", async () => {
  await client.query(
    `insert into volley.inbound (account, sender, kind, text, keyword, review)
     select 'sinch', number, 'text', text, 'maybe-stop', true
     from (values ('+46701740605', 'please stop'), ('+46701740606', e'don''t stop\\u202e')) as w (number, text)`,
  );
  const [second, first] = (await json("list", "--review")) as { id: string }[];
  expect(first).toMatchObject({ from: "+46701740605", text: "please stop", keyword: "maybe-stop" });
  const table = await optOut("list", "--review");
  expect(table.stdout).toMatch(
    /^ID +FROM +ACCOUNT +RECEIVED +TEXT\n\d+ +\+46701740606 .*don't stop\\u202e\n/,
  );
  expect(await optOut("dismiss", second?.id ?? "")).toMatchObject({ code: 0, stderr: "Dismissed.\n" });
  expect(await optOut("dismiss", second?.id ?? "")).toMatchObject({ code: 1 });
  expect(await optOut("add", "+46701740605")).toMatchObject({ code: 0 });
  expect(await json("list", "--review")).toEqual([]);
});

it.each<[what: string, args: string[], fault: RegExp]>([
  ["a number that is none", ["add", "+12"], /^volley: The number is not a valid one/],
  ["a number without its country", ["remove", "0701740605"], /^volley: The number has no country code/],
  ["an id that is none", ["dismiss", "46701740605x"], /^volley: "\[hidden\]x" is not a message's id/],
  ["no number", ["add"], /^volley: missing required argument 'number'/],
])("2, bad usage: %s", async (_what, args, fault) => {
  const ended = await optOut(...args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toMatch(fault);
});

it.each([
  [["add", "--country", "--reason", "--json", "Example:"]],
  [["remove", "--country", "Example:"]],
  [["list", "--review", "--limit", "--json", "Example:"]],
  [["dismiss", "Example:"]],
  [["import", "--column", "--country", "--reason", "--json", "Example:"]],
  [["export", "--out", "Example:"]],
])("--help names every option of %j", async ([command = "", ...names]) => {
  const ended = await optOut(command, "--help");
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  for (const name of names) expect(ended.stdout).toContain(name);
});
