// `volley webhook ...` in processes of its own, against a receiver on loopback.

import { Client } from "pg";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { type HttpTestServer, type ReceivedCall, startHttpServer } from "../support/http-server.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;
let receiver: HttpTestServer;
let status = 200;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator({ keepDetails: true })]);
  receiver = await startHttpServer((_call, response) => void response.writeHead(status).end());
  folder = await createCommandFolder(settings({ webhooks: { allowPrivateAddresses: true } }));
});
afterAll(async () => {
  await folder.remove();
  await receiver.close();
  await simulator.close();
  await database.drop();
});

const settings = (more: object) => ({
  database: database.url,
  accounts: [accountAt(simulator.url, "mobile-digital")],
  ...more,
});

async function ok(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await folder.run(["webhook", ...args]);
  expect(code, stderr).toBe(0);
  return { stdout, stderr };
}

const json = async (args: readonly string[]) => JSON.parse((await ok([...args, "--json"])).stdout);

async function add(...events: string[]): Promise<{ id: string; secret: string }> {
  const wanted = events.length === 0 ? ["message.accepted"] : events;
  const added = await json(["add", `${receiver.url}/hook`, "--events", ...wanted]);
  onTestFinished(async () => void (await folder.run(["webhook", "remove", added.id])));
  return added;
}

function verify(call: ReceivedCall | undefined, secret: string): unknown {
  const headers = Object.entries(call?.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return new Webhook(secret).verify(call?.body ?? "", Object.fromEntries(headers));
}

it("add prints the id and the secret on stdout, and nothing shows the secret again", async () => {
  const { stdout } = await ok(["add", `${receiver.url}/hook`, "--events", "message.accepted,message.failed"]);
  const [id = "", secret = "", ...rest] = stdout.trimEnd().split("\n");
  expect(id).toMatch(UUID);
  expect(secret).toMatch(SECRET);
  expect(rest).toEqual([]);
  const list = await json(["list"]);
  expect(list).toMatchObject([
    { id, url: `${receiver.url}/hook`, events: ["message.accepted", "message.failed"], enabled: true },
  ]);
  expect(JSON.stringify(list)).not.toContain("whsec_");
  const { stdout: table } = await ok(["list"]);
  expect(table).toMatch(/^ID +URL +EVENTS +STATE/);
  expect(table).toContain("enabled");
  await ok(["remove", id]);
  expect(await json(["list"])).toEqual([]);
});

it("a running service delivers, deliveries shows it, and replay brings it again under the same id", async () => {
  const { id, secret } = await add("message.accepted", "campaign.completed");
  const before = receiver.calls.length;
  const service = folder.start(["start", "--role", "worker"]);
  await service.untilSays("Volley is up");
  expect((await folder.run(["send", "--to", "+61412345678", "--text", "Hi"])).code).toBe(0);
  await expect.poll(() => receiver.calls.length).toBe(before + 1);
  expect(verify(receiver.calls.at(-1), secret)).toMatchObject({
    type: "message.accepted",
    data: { to: "+61412345678", state: "accepted", account: "mobile-digital", campaign: null },
  });
  await expect
    .poll(async () => (await json(["deliveries", id])).deliveries)
    .toMatchObject([{ type: "message.accepted", state: "delivered", status: 200, tries: 1 }]);
  expect((await ok(["deliveries", id])).stdout).toMatch(/^EVENT +TYPE +HAPPENED +STATE/);
  expect(await json(["replay", id, "--since", "2020-01-01"])).toEqual({ id, events: 1 });
  await expect.poll(() => receiver.calls.length).toBe(before + 2);
  const ids = receiver.calls.slice(-2).map(({ headers }) => headers["webhook-id"]);
  expect(ids[0]).toBe(ids[1]);
  service.signal("SIGTERM");
  expect((await service.ended).code).toBe(0);
});

it("test sends at once and prints the status; a bad answer is exit code 1", async () => {
  const { id, secret } = await add();
  expect((await ok(["test", id])).stdout).toBe("delivered 200\n");
  expect(verify(receiver.calls.at(-1), secret)).toMatchObject({ type: "webhook.test" });
  status = 503;
  onTestFinished(() => {
    status = 200;
  });
  const failed = await folder.run(["webhook", "test", id]);
  expect(failed).toMatchObject({ code: 1, stdout: "failed 503 server-error\n" });
  const asJson = await folder.run(["webhook", "test", id, "--json"]);
  expect(asJson.code).toBe(1);
  expect(JSON.parse(asJson.stdout)).toEqual({ id, delivered: false, status: 503, reason: "server-error" });
});

it("rotate prints a new secret, and both sign", async () => {
  const { id, secret } = await add();
  const fresh = (await ok(["rotate", id])).stdout.trimEnd();
  expect(fresh).toMatch(SECRET);
  await ok(["test", id]);
  expect(verify(receiver.calls.at(-1), fresh)).toEqual(verify(receiver.calls.at(-1), secret));
});

it("enable takes a disabled endpoint back and names the replay of what it missed", async () => {
  const { id } = await add();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    "update volley.endpoint set enabled = false, disabled_reason = 'gone', disabled_at = now() where id = $1",
    [id],
  );
  await client.end();
  expect((await ok(["list"])).stdout).toContain("disabled: gone");
  expect((await ok(["enable", id])).stderr).toContain(`volley webhook replay ${id} --since 20`);
  expect(await json(["list"])).toMatchObject([{ id, enabled: true, disabledReason: null }]);
});

it.each([
  [
    "an event that is none",
    ["add", "https://example.com/", "--events", "message.sent"],
    2,
    "message.accepted",
  ],
  ["no events", ["add", "https://example.com/"], 2, "--events"],
  ["no URL", ["add", "example.com", "--events", "message.accepted"], 2, "not a URL"],
  [
    "a password in the URL",
    ["add", "https://u:p@example.com/", "--events", "message.accepted"],
    2,
    "password",
  ],
  ["an id that is none", ["test", "12"], 2, "not an endpoint's id"],
  [
    "an endpoint that is not there",
    ["test", "7f000000-0000-4000-8000-000000000000"],
    1,
    "no webhook endpoint",
  ],
  [
    "a time that is none",
    ["replay", "7f000000-0000-4000-8000-000000000000", "--since", "soon"],
    2,
    "--since",
  ],
])("%s is refused in one line", async (_name, args, code, words) => {
  const ended = await folder.run(["webhook", ...args]);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(words);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(ended.stdout).toBe("");
});

it("without the setting a private address is refused", async () => {
  const strict = await createCommandFolder(settings({}));
  onTestFinished(strict.remove);
  for (const url of [receiver.url, "https://127.0.0.1:8443/", "https://localhost/"]) {
    const { code, stderr } = await strict.run(["webhook", "add", url, "--events", "message.accepted"]);
    expect(code, url).toBe(2);
    expect(stderr).toContain("Cannot send webhooks to this URL");
  }
});
