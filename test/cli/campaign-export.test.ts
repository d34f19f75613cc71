// A campaign's messages as a file, and the end of a campaign, from the command line.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

// Each command is a process, which takes a busy machine some seconds.

const HEADER =
  "id,to,state,reason,account,attempts,segments,providerMessageId,reference,position,changedAt,retryOf";
const NOBODY = "0199a7b2-5f00-7c3e-8a55-0c8c4d2d7f11";

let database: TestDatabase;
let folder: CommandFolder;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt("http://127.0.0.1:9", "sinch", { from: "Acme" })],
  });
});
afterAll(async () => {
  await folder.remove();
  await client.end();
  await database.drop();
});

const campaign = (...args: string[]) => folder.run(["campaign", ...args]);

async function create(count: number): Promise<string> {
  const numbers = Array.from({ length: count }, (_, index) => `+${46_701_740_000 + index}\n`);
  const args = ["--csv", "-", "--name", "spring", "--template", "Hello", "--json"];
  const { code, stdout, stderr } = await folder.run(["campaign", "create", ...args], {
    input: `phone\n${numbers.join("")}`,
  });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout).id;
}

it("export writes every message once, in pages, to a file that is not there yet", async () => {
  const id = await create(2_345);
  // Another campaign of the same millisecond: its messages lie among the first one's.
  const twin = `${id.slice(0, 14)}7${id.slice(15, 24)}000000000000`;
  await client.query(
    `with twin as (
       insert into volley.campaign (id, name, class, template) values ($1, 'twin', 'marketing', 'Hello')
     ),
     chunk as (
       insert into volley.chunk (campaign_id, account, class, messages) values ($1, 'sinch', 'marketing', 1) returning id
     )
     insert into volley.message (id, chunk_id, position, recipient, segments)
     select $2, id, 2, '+46701749999', 1 from chunk`,
    [twin, `${id.slice(0, 14)}8fff-8000-000000000000`],
  );
  const done = await campaign("export", id, "--out", "out.csv");
  expect(done).toMatchObject({ code: 0, stdout: "" });
  expect(done.stderr).toContain("2,345 written.\n");
  const text = await readFile(join(folder.path, "out.csv"), "utf8");
  const [header, ...rows] = text.trimEnd().split("\n");
  expect(header).toBe(HEADER);
  expect(new Set(rows.map((row) => row.split(",")[1])).size).toBe(2_345);
  expect(rows).toHaveLength(2_345);
  expect(rows[0]).toMatch(/^[0-9a-f-]{36},\+467017\d{5},queued,,sinch,0,1,,,\d+,20[\d:.T-]+Z,$/);

  expect(await campaign("export", id, "--out", "out.csv")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      "volley: Cannot write out.csv: EEXIST. Choose another name, or remove it.\n",
    ),
  });
  expect(await readFile(join(folder.path, "out.csv"), "utf8")).toBe(text);
  expect(await campaign("export", id)).toEqual({ code: 0, stdout: text, stderr: "2,345 written.\n" });
  expect((await campaign("export", id, "--state", "queued")).stdout).toBe(text);
  expect(await campaign("export", id, "--state", "failed")).toMatchObject({ stdout: `${HEADER}\n` });
});

it("no cell of an export is a formula, and numbers stay as they are", async () => {
  const id = await create(1);
  await client.query(
    `update volley.message set reason = '@SUM(1;2)', reference = '=cmd|"x"!A1', provider_message_id = '-5'
     where chunk_id = (select id from volley.chunk where campaign_id = $1)`,
    [id],
  );
  const { stdout } = await campaign("export", id);
  expect(stdout.split("\n")[1]).toMatch(
    /^[0-9a-f-]{36},\+46701740000,queued,"'@SUM\(1;2\)",sinch,0,1,-5,"?'=cmd\|""x""!A1"?,2,/,
  );
});

it("whoever reads an export no further does not disturb", async () => {
  const command = folder.start(["campaign", "export", await create(3_000)]);
  await command.untilSays(HEADER);
  command.closeStdout();
  expect(await command.ended).toMatchObject({ code: 0 });
});

it("delete takes a finished campaign away, and tells what to do with one that runs", async () => {
  const id = await create(20);
  expect(await campaign("delete", id)).toEqual({
    code: 1,
    stdout: "",
    stderr: `volley: Cannot delete campaign ${id}: it is running. Cancel it first: volley campaign cancel ${id}.\n`,
  });
  await client.query("update volley.campaign set state = 'cancelled' where id = $1", [id]);
  expect((await campaign("delete", id)).stderr).toContain("still being taken back: try again in a moment.");
  await client.query("update volley.campaign set finished_at = now() where id = $1", [id]);
  const deleted = await campaign("delete", id, "--json");
  expect(deleted.code, deleted.stderr).toBe(0);
  expect(JSON.parse(deleted.stdout)).toEqual({ id, messages: 20 });
  const { rows } = await client.query("select from volley.chunk where campaign_id = $1", [id]);
  expect(rows).toEqual([]);
});

it.each([["export"], ["delete"]])(
  "%s of a campaign that is not there fails, of an id that is none is bad usage",
  async (verb) => {
    expect(await campaign(verb, NOBODY)).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: `volley: There is no campaign ${NOBODY}. See: volley campaign list\n`,
    });
    expect(await campaign(verb, "+46701740605")).toMatchObject({ code: 2, stdout: "" });
    expect((await campaign(verb, "--help")).stdout).toContain("Example:");
  },
);
