// What `npm run build` makes runs without the sources: the program, its SQL, its Lua and the dashboard.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, globSync, readFileSync, symlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase } from "./support/database.ts";
import { redisUrl } from "./support/redis.ts";

const ROOT = join(import.meta.dirname, "..");
const run = promisify(execFile);
let copy: string;

/** In a copy, so that nobody's dist is touched; the packages are the project's own. */
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "volley-build-"));
  for (const path of [
    "src",
    "jobs",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "copy-assets.ts",
  ]) {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  await run("npm", ["run", "build"], {
    cwd: copy,
    env: { ...process.env, npm_config_update_notifier: "false" },
  });
  await Promise.all(["src", "jobs"].map((folder) => rm(join(copy, folder), { recursive: true })));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

function volley(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return run(process.execPath, [join(copy, "dist/src/cli.js"), ...args], {
    cwd: copy,
    env: { PATH: process.env.PATH ?? "", ...env },
  });
}

it("it holds every file that the program reads at run time", () => {
  const assets = globSync("src/**/*.{sql,lua,html,css,js}", { cwd: ROOT });
  expect(assets).toContain("src/dashboard/index.html");
  const built = new Set(globSync("src/**/*", { cwd: join(copy, "dist") }));
  expect(assets.filter((path) => !built.has(path))).toEqual([]);
});

it("it answers --help, and imports nothing by the name of a source file", async () => {
  const { stdout, stderr } = await volley(["--help"]);
  expect(stdout).toContain("Usage: volley");
  expect(stderr).toBe("");
});

it.each(["postgres", "redis"])("it migrates, and works, on the %s engine", async (engine) => {
  const database = await createDatabase({ empty: true });
  const config = join(copy, `${engine}.json`);
  await writeFile(
    config,
    JSON.stringify({ database: database.url, ...(engine === "redis" ? { redis: redisUrl() } : {}) }),
  );
  const env = { VOLLEY_CONFIG: config };
  expect((await volley(["migrate"], env)).stderr).toBe("Ledger, engine and queue are up to date.\n");
  expect((await volley(["campaign", "list", "--json"], env)).stdout).toBe("[]\n");
  await database.drop();
});

it("it shows the dashboard", async () => {
  const database = await createDatabase();
  const config = join(copy, "start.json");
  await writeFile(config, JSON.stringify({ database: database.url, server: { port: 0 } }));
  const args = [join(copy, "dist/src/cli.js"), "start", "--role", "api", "--config", config];
  const service = spawn(process.execPath, args, { cwd: copy, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(service, "exit");
  let url: string | undefined;
  for await (const line of createInterface({ input: service.stderr })) {
    url = /^Volley is up on (http:\S+):/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  const texts = await Promise.all(
    [["/", "index.html"] as const, ["/dashboard.js", "dashboard.js"] as const].map(async ([path, name]) => [
      await (await fetch(`${url}${path}`)).text(),
      readFileSync(join(ROOT, "src/dashboard", name), "utf8"),
    ]),
  );
  for (const [served, source] of texts) expect(served).toBe(source);
  service.kill("SIGTERM");
  await exited;
  await database.drop();
});
