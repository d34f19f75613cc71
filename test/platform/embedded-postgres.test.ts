// The embedded database, with real processes that come, go and are killed.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../src/platform/embedded-postgres.ts";
import { isAlive } from "../../src/platform/file-lock.ts";
import { createLog } from "../../src/platform/log.ts";
import { createPool, waitForDatabase } from "../../src/platform/postgres.ts";
import { SHARED_DIRECTORY } from "../../src/platform/postgres-binaries.ts";
import { canEnter, findSystemUser, type SystemUser } from "../../src/platform/system-user.ts";
import {
  copyProject,
  countInLog,
  type EmbeddedProcess,
  findClusterDirectory,
  killWhileOpening,
  type ProcessSettings,
  readPostmasterPid,
  removeDataDir,
  startProcess,
} from "../support/embedded-processes.ts";
import { findRoom } from "../support/postgres-server.ts";

const log = createLog("silent");
const STARTING = "starting PostgreSQL";
const isRoot = process.getuid?.() === 0;
const nobody: SystemUser = { name: "nobody", uid: 65_534, gid: 65_534 };
const run = promisify(execFile);
let made: Promise<string> | undefined;

afterAll(async () => {
  if (made !== undefined) await removeDataDir(await made);
});

test("a server is made, shared by the next process, and stopped by the last to leave", async () => {
  const dataDir = await setup();
  const first = await startOne(dataDir);
  await runSql(first.url, "create table kept as select 42 as n");
  const second = await startOne(dataDir);
  expect(second.url).toBe(first.url);
  await first.close();
  expect(await runSql(second.url, "select n from kept")).toEqual([{ n: 42 }]);
  const pid = await readPostmasterPid(dataDir);
  await second.close();
  expect(pid !== null && isAlive(pid)).toBe(false);
  expect(await countInLog(dataDir, STARTING)).toBe(1);

  const third = await startOne(dataDir);
  expect(await runSql(third.url, "select n from kept")).toEqual([{ n: 42 }]);
  expect(third.url).toBe(first.url);
  await third.close();
});

test("the password is in no argument, no log and in a file for its owner only", async () => {
  const dataDir = await setup();
  const opened = await startOne(dataDir);
  const { password, hostname } = new URL(opened.url);
  expect(hostname).toBe("127.0.0.1");
  expect((await stat(join(dataDir, "postgres/password"))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(dataDir, "postgres/server.log"), "utf8")).not.toContain(password);
  const pid = await readPostmasterPid(dataDir);
  if (process.platform === "linux") {
    expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(password);
  }
  const wrong = new URL(opened.url);
  wrong.password = "wrong";
  await expect(runSql(wrong.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
  expect((await readdir(join(dataDir, "postgres"))).filter((name) => name.startsWith("new-"))).toEqual([]);
  await opened.close();
});

test("a failed statement leaves none of its values in the server's log", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  await expect(runSql(opened.url, "select 'to +447700900123'::int")).rejects.toMatchObject({ code: "22P02" });
  await opened.close();
  expect(await readFile(join(dataDir, "postgres/server.log"), "utf8")).not.toContain("+447700900123");
});

test("processes that open and close at the same moment share one server", async () => {
  const dataDir = await setup();
  const all = await Promise.all([1, 2, 3].map(() => startOne(dataDir)));
  expect(new Set(all.map((one) => one.url)).size).toBe(1);
  expect(all[0]?.url).not.toBe("");
  expect(await countInLog(dataDir, STARTING)).toBe(1);
  await Promise.all(all.map((one) => one.close()));
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

test("closing twice, also at once, is closing once", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  await Promise.all([opened.close(), opened.close()]);
  await opened.close();
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

test("a connection that somebody still uses keeps the server up", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  const client = new Client({ connectionString: opened.url });
  await client.connect();
  await opened.close();
  expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
  await client.end();
});

test("after kill -9 of the process that started it the server is found again, with its data", async () => {
  const dataDir = await setupMade();
  const first = await startOne(dataDir);
  await runSql(first.url, "create table kept as select 7 as n");
  const pid = await readPostmasterPid(dataDir);
  await first.kill();
  const second = await startOne(dataDir);
  expect(await readPostmasterPid(dataDir)).toBe(pid);
  expect(await runSql(second.url, "select n from kept")).toEqual([{ n: 7 }]);
  expect(await countInLog(dataDir, STARTING)).toBe(1);
  await second.close();
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

test("a process killed while it makes the database leaves nothing that stops the next", async () => {
  const dataDir = await setup();
  await killWhileOpening(dataDir, async () => {
    // The directory that initdb is filling; initdb itself goes on for a while without its parent.
    await until(async () => (await listHome(dataDir)).some((name) => name.startsWith("new-")));
  });
  expect(await listHome(dataDir)).toContain("lock");
  const next = await startOne(dataDir);
  expect(await runSql(next.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await next.close();
});

test("after kill -9 of the server and its users the next open recovers what was committed", async () => {
  const dataDir = await setupMade();
  const first = await startOne(dataDir);
  await runSql(first.url, "create table kept as select 9 as n");
  await first.kill();
  await killServer(dataDir);
  expect(await readPostmasterPid(dataDir)).not.toBeNull();
  const second = await startOne(dataDir);
  expect(await runSql(second.url, "select n from kept")).toEqual([{ n: 9 }]);
  await second.close();
});

test("a server that was killed starts again once its busy children are gone", async () => {
  const dataDir = await setupMade();
  const first = await startOne(dataDir);
  const busy = new Client({ connectionString: first.url });
  busy.on("error", () => undefined);
  await busy.connect();
  const { rows } = await busy.query<{ pid: number }>("select pg_backend_pid() as pid");
  const endless = busy.query("select count(*) from generate_series(1, 1e15)").catch(() => undefined);
  await first.kill();
  await killServer(dataDir);
  const opening = openHere(dataDir);
  await until(async () => (await countInLog(dataDir, "shared memory block")) > 3);
  process.kill(Number(rows[0]?.pid), "SIGKILL");
  const second = await opening;
  expect(await runSql(second.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await endless;
});

test("a dataDir that is removed under a process is not made anew", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  const moved = `${dataDir}.moved`;
  onTestFinished(() => removeDataDir(moved));
  await rename(dataDir, moved);
  await killServer(moved);
  await opened.close();
  await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a process whose server is killed starts it again at the same address", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  const pool = createPool({ url: opened.url, applicationName: "test", max: 2, log });
  await pool.query("create table kept as select 5 as n");
  // The children of a killed server still answer for a moment.
  const lost = once(pool, "error");
  await killServer(dataDir);
  await lost;
  await waitForDatabase(pool, { timeoutMs: 25_000, log });
  expect((await pool.query("select n from kept")).rows).toEqual([{ n: 5 }]);
  await pool.end();
  await opened.close();
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

test("a postmaster.pid whose pid now is another program does not stop the start", async () => {
  const dataDir = await setupMade();
  const first = await startOne(dataDir);
  const file = join(await findClusterDirectory(dataDir), "postmaster.pid");
  const text = await readFile(file, "utf8");
  const { uid, gid } = await stat(file);
  await first.close();
  // Of the server's own user: of a process of another user Postgres itself knows that it is no postmaster.
  const other = spawn("sleep", ["600"], { uid, gid, cwd: "/", stdio: "ignore" });
  onTestFinished(() => void other.kill());
  await once(other, "spawn");
  await writeFile(file, text.replace(/^\d+/, String(other.pid)), { mode: 0o600 });
  await chown(file, uid, gid);
  const second = await startOne(dataDir);
  expect(await runSql(second.url, "select 1 as n")).toEqual([{ n: 1 }]);
  expect(await readPostmasterPid(dataDir)).not.toBe(other.pid);
  expect(other.exitCode).toBeNull();
  await second.close();
});

test("paths with spaces, quotes and dollars work", async () => {
  const dataDir = join(await setup(), 'my data\'s "dir" $HOME `id`');
  const opened = await startOne(dataDir);
  expect(await runSql(opened.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await opened.close();
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

test("a home that cannot be written, and PG variables, play no part", async () => {
  const dataDir = await setup();
  const env = { HOME: "/proc", PGDATA: "/nowhere", PGPORT: "1", PGHOST: "nowhere.invalid", LC_ALL: "xx_XX" };
  const opened = await startOne(dataDir, { env });
  expect(await runSql(opened.url, "select lower('Ä') as a")).toEqual([{ a: "ä" }]);
  await opened.close();
});

test("a server that cannot start is reported with the name of its log", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  await opened.close();
  const cluster = await findClusterDirectory(dataDir);
  await rm(join(cluster, "global/pg_control"));
  await expect(openEmbeddedPostgres({ dataDir, log })).rejects.toMatchObject({
    code: "database_unreachable",
    message: expect.stringContaining(join(dataDir, "postgres/server.log")),
  });
});

test("a lost password file is reported, and nothing is thrown away", async () => {
  const dataDir = await setupMade();
  const opened = await openHere(dataDir);
  await opened.close();
  await rm(join(dataDir, "postgres/password"));
  await expect(openEmbeddedPostgres({ dataDir, log })).rejects.toMatchObject({
    code: "database_unreachable",
    message: expect.stringContaining(join(dataDir, "postgres/password")),
  });
  expect(await readdir(await findClusterDirectory(dataDir))).toContain("PG_VERSION");
});

test("an ordinary user runs the server as himself", async () => {
  const dataDir = await setup();
  const settings = isRoot ? await asNobody(dataDir) : {};
  const opened = await startOne(dataDir, settings);
  expect(opened.failure).toBeNull();
  expect(await runSql(opened.url, "select 1 as n")).toEqual([{ n: 1 }]);
  const { uid } = await stat(await findClusterDirectory(dataDir));
  expect(uid).toBe(isRoot ? nobody.uid : process.getuid?.());
  if (isRoot) {
    const shared = await startOne(dataDir);
    expect(shared.url).toBe(opened.url);
    await opened.close();
    await shared.close();
    const byRoot = await startOne(dataDir);
    expect(await runSql(byRoot.url, "select 1 as n")).toEqual([{ n: 1 }]);
    await byRoot.close();
  } else {
    await opened.close();
  }
  expect(await readPostmasterPid(dataDir)).toBeNull();
});

// Root's own troubles; an ordinary user has none of them.
if (isRoot) {
  test("under a directory that only root can enter the data goes elsewhere, and dataDir says where", async () => {
    const closedDir = await setup();
    await chmod(closedDir, 0o700);
    const dataDir = join(closedDir, "data dir");
    const opened = await startOne(dataDir);
    onTestFinished(() => removeDataDir(dataDir));
    expect(opened.failure).toBeNull();
    await runSql(opened.url, "create table kept as select 3 as n");
    await opened.close();
    expect((await stat(closedDir)).mode & 0o777).toBe(0o700);
    expect(await findClusterDirectory(dataDir)).toContain(SHARED_DIRECTORY);
    const again = await startOne(dataDir);
    expect(await runSql(again.url, "select n from kept")).toEqual([{ n: 3 }]);
    await again.close();
  });

  test("programs in a directory that only root can enter are copied once, and owned by root", async () => {
    const before = await listShared();
    const project = join(await setup(), "project");
    await copyProject(project);
    await chmod(project, 0o700);
    onTestFinished(async () => {
      for (const name of await listShared()) {
        if (!before.includes(name)) await rm(join(SHARED_DIRECTORY, name), { recursive: true, force: true });
      }
    });
    const dataDir = await setup();
    const opened = await startOne(dataDir, { root: project });
    expect(opened.failure).toBeNull();
    expect(await runSql(opened.url, "select 1 as n")).toEqual([{ n: 1 }]);
    await opened.close();
    const copies = (await listShared()).filter((name) => name.startsWith("postgres-"));
    expect(copies).toHaveLength(1);
    const copy = join(SHARED_DIRECTORY, String(copies[0]));
    const found = await stat(copy);
    expect([found.uid, found.mode & 0o022]).toEqual([0, 0]);
    const again = await startOne(dataDir, { root: project });
    expect((await stat(copy)).ino).toBe(found.ino);
    await again.close();
  });
}

/** As `setup`, with a database that was made before: most tests are about what comes afterwards. */
async function setupMade(): Promise<string> {
  const dataDir = await setup();
  made ??= makeDatabase();
  await run("cp", ["-a", join(await made, "postgres"), dataDir]);
  return dataDir;
}

async function makeDatabase(): Promise<string> {
  const dataDir = await makeDirectory();
  await (await openEmbeddedPostgres({ dataDir, log })).close();
  // What speaks of one server's run is not part of the database.
  for (const name of ["port", "server.log", "lock"])
    await rm(join(dataDir, "postgres", name), { force: true });
  return dataDir;
}

/** A directory that every user can enter, removed with its server after the test. */
async function setup(): Promise<string> {
  const directory = await makeDirectory();
  onTestFinished(() => removeDataDir(directory));
  return directory;
}

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(await findRoom(), "volley-embedded-"));
  await chmod(directory, 0o755);
  return directory;
}

async function startOne(dataDir: string, settings: ProcessSettings = {}): Promise<EmbeddedProcess> {
  const started = await startProcess(dataDir, settings);
  onTestFinished(started.kill);
  return started;
}

async function openHere(dataDir: string): Promise<EmbeddedPostgres> {
  const opened = await openEmbeddedPostgres({ dataDir, log });
  onTestFinished(opened.close);
  return opened;
}

/** The project itself may lie where only root can go; then from a copy. */
async function asNobody(dataDir: string): Promise<{ user: SystemUser; root?: string }> {
  await chown(dataDir, nobody.uid, nobody.gid);
  expect(await findSystemUser()).not.toBeNull();
  if (await canEnter(nobody, import.meta.dirname)) return { user: nobody };
  const root = join(await setup(), "project");
  await mkdir(root);
  await copyProject(root);
  return { user: nobody, root };
}

async function runSql(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function killServer(dataDir: string): Promise<void> {
  const pid = await readPostmasterPid(dataDir);
  if (pid === null) throw new Error("No server runs.");
  process.kill(pid, "SIGKILL");
  await until(async () => !isAlive(pid));
}

async function listHome(dataDir: string): Promise<string[]> {
  return readdir(join(dataDir, "postgres")).catch(() => []);
}

async function listShared(): Promise<string[]> {
  return readdir(SHARED_DIRECTORY).catch(() => []);
}

/** Bounded by the test's own timeout. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(10);
}
