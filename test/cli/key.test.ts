// `volley key ...` in processes of its own: the key is printed once, and opens the API of a running service.

import { afterAll, beforeAll, expect, it } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
let database: TestDatabase;
let folder: CommandFolder;
let port: number;

beforeAll(async () => {
  [database, port] = await Promise.all([createDatabase(), findFreePort()]);
  folder = await createCommandFolder({ database: database.url, server: { port } });
});
afterAll(async () => {
  await folder.remove();
  await database.drop();
});

const run = (...args: string[]) => folder.run(["key", ...args]);
const json = async (...args: string[]) => JSON.parse((await run(...args, "--json")).stdout);

it("create prints the key and nothing else on stdout, list never shows it, and revoke takes it out", async () => {
  const made = await run("create", "--name", "shop", "--scope", "messages:send", "messages:read");
  expect(made.code, made.stderr).toBe(0);
  expect(made.stdout).toMatch(/^vk_[A-Za-z0-9_-]{43}\n$/);
  const [id = ""] = UUID.exec(made.stderr) ?? [];
  expect(made.stderr).not.toContain(made.stdout.trim());

  const listed = await run("list");
  expect(listed.stdout).toMatch(/^ID +NAME +SCOPES +STATE +CREATED +LAST USED/);
  expect(listed.stdout).toContain("messages:send,messages:read");
  expect(await json("list")).toMatchObject([{ id, name: "shop", revokedAt: null }]);
  expect(JSON.stringify(await json("list"))).not.toContain(made.stdout.trim());

  expect((await run("revoke", id)).code).toBe(0);
  expect(await json("list")).toMatchObject([{ id, revokedAt: expect.any(String) }]);
  expect((await run("list")).stdout).toContain("revoked 20");
  expect(await run("revoke", id)).toMatchObject({ code: 1, stdout: "" });
});

it("a key opens the API of a running service, with its scopes only", async () => {
  const { key } = await json("create", "--name", "reader", "--scope", "messages:read,campaigns:read");
  const service = folder.start(["start", "--role", "api"]);
  await service.untilSays("Volley is up");
  const get = async (path: string, headers = {}) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status;
  const authorization = `Bearer ${key}`;
  expect(await get("/v1/messages", { authorization })).toBe(200);
  expect(await get("/v1/accounts", { authorization })).toBe(403);
  expect(await get("/v1/messages")).toBe(401);
  expect(await get("/openapi.json")).toBe(200);
  expect(await get("/healthz")).toBe(200);
  service.signal("SIGTERM");
  expect((await service.ended).code).toBe(0);
});

it.each([
  ["no name", ["create", "--scope", "admin"], "--name"],
  ["no scope", ["create", "--name", "x"], "--scope"],
  ["a scope that there is not", ["create", "--name", "x", "--scope", "messages:write"], "messages:send"],
  ["an empty name", ["create", "--name", " ", "--scope", "admin"], "--name"],
  ["a name that is too long", ["create", "--name", "x".repeat(201), "--scope", "admin"], "--name"],
  ["an id that is none", ["revoke", "12"], "not a key's id"],
])("%s is refused in one line", async (_name, args, words) => {
  const ended = await run(...args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(words);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
});
