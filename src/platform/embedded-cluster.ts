// Where the embedded database keeps its files, and how they come into being.
//
//   <dataDir>/postgres/cluster        Postgres' own data directory, when the user that Postgres runs as can get there
//   <dataDir>/postgres/cluster-place  else: the path of that directory, under /var/lib/volley
//   <dataDir>/postgres/password       of the database's only user; 0600
//   <dataDir>/postgres/{server.log,port,lock}
//
// A cluster is made under a passing name and renamed (or its place written down) when it is whole, so that a
// process that dies on the way leaves nothing that looks like a database. Everything here runs under the lock.

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { appendFile, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { VolleyError } from "../domain/errors.ts";
import {
  findPostgresBinaries,
  makeSharedDirectory,
  type PostgresBinaries,
  postgresEnvironment,
  SHARED_DIRECTORY,
} from "./postgres-binaries.ts";
import { canEnter, findSystemUser, type SystemUser } from "./system-user.ts";

const run = promisify(execFile);
const INITDB_MS_MAX = 120_000;
const PASSWORD_BYTES = 24;

export const EMBEDDED_USER = "volley";

export type EmbeddedHome = {
  readonly directory: string;
  readonly lockFile: string;
  readonly logFile: string;
  readonly portFile: string;
  readonly passwordFile: string;
  readonly placeFile: string;
};

export type EmbeddedCluster = {
  readonly home: EmbeddedHome;
  /** Postgres' data directory. */
  readonly directory: string;
  readonly password: string;
  readonly user: SystemUser | null;
  readonly binaries: PostgresBinaries;
};

export async function makeHome(dataDir: string): Promise<EmbeddedHome> {
  const directory = join(resolve(dataDir), "postgres");
  // Others may pass through (the system user must), and read nothing: each file within is 0600 or deeper.
  await mkdir(directory, { recursive: true, mode: 0o711 });
  return {
    directory,
    lockFile: join(directory, "lock"),
    logFile: join(directory, "server.log"),
    portFile: join(directory, "port"),
    passwordFile: join(directory, "password"),
    placeFile: join(directory, "cluster-place"),
  };
}

/** Finds the cluster of this home, or makes it. */
export async function prepareCluster(home: EmbeddedHome): Promise<EmbeddedCluster> {
  const found = await findCluster(home);
  return found === null ? createCluster(home) : openCluster(home, found);
}

async function openCluster(home: EmbeddedHome, found: FoundCluster): Promise<EmbeddedCluster> {
  const password = await readFile(home.passwordFile, "utf8").catch((cause: unknown) => {
    throw new VolleyError(
      "database_unreachable",
      `Cannot read ${home.passwordFile}, without which the database in ${found.directory} stays closed. Restore the file or run as its owner; to begin afresh, remove ${home.directory}.`,
      { cause },
    );
  });
  const user = findOwner(found.directory, found);
  const binaries = await findPostgresBinaries(user);
  await checkVersion(found.directory, binaries, user);
  return { home, directory: found.directory, password: password.trim(), user, binaries };
}

type FoundCluster = { readonly directory: string; readonly uid: number; readonly gid: number };

async function findCluster(home: EmbeddedHome): Promise<FoundCluster | null> {
  const written = await readFile(home.placeFile, "utf8").catch(() => "");
  const directory = written.trim() || join(home.directory, "cluster");
  const found = await stat(directory).catch(() => null);
  if (found !== null) return { directory, uid: found.uid, gid: found.gid };
  if (written.trim() === "") return null;
  throw new VolleyError(
    "database_unreachable",
    `The database should be in ${directory}, as ${home.placeFile} says, and is not there. Restore it; to begin afresh, remove ${home.directory}.`,
  );
}

/** Root runs a cluster as the user who made it: that may have been an ordinary user, before. */
function findOwner(directory: string, { uid, gid }: FoundCluster): SystemUser | null {
  const own = process.getuid?.();
  if (own === undefined || own === uid) return null;
  if (own === 0) return { name: String(uid), uid, gid };
  throw new VolleyError(
    "database_unreachable",
    `The database in ${directory} belongs to another user (uid ${uid}). Run as that user, or choose another dataDir.`,
  );
}

async function checkVersion(
  directory: string,
  binaries: PostgresBinaries,
  user: SystemUser | null,
): Promise<void> {
  const made = (await readFile(join(directory, "PG_VERSION"), "utf8")).trim();
  const { stdout } = await run(binaries.postgres, ["--version"], asUser(user));
  const installed = /(\d+)(?:\.\d+|\w+\d+)\s*$/.exec(stdout.trim())?.[1];
  if (made === installed) return;
  throw new VolleyError(
    "database_unreachable",
    `The database in ${directory} was made by Postgres ${made}, and npm installed Postgres ${installed}. Install the version that made it, or move the data with pg_dump.`,
  );
}

async function createCluster(home: EmbeddedHome): Promise<EmbeddedCluster> {
  const user = await findSystemUser();
  const binaries = await findPostgresBinaries(user);
  const password = randomBytes(PASSWORD_BYTES).toString("hex");
  const directory = await choosePlace(home, user);
  const passingPrefix = join(dirname(directory), `new-${hashOf(home)}-`);
  // Never the same name twice: the initdb of a killed process may still be writing to the last one.
  const passing = `${passingPrefix}${randomBytes(4).toString("hex")}`;
  const passwordFile = `${passing}.password`;
  try {
    await mkdir(passing, { mode: 0o700 });
    // A copy that initdb's user can read, for the blink of an eye; never an argument, which all users see.
    await writeFile(passwordFile, password, { mode: 0o600, flag: "wx" });
    if (user !== null) {
      await chown(passing, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    await runInitdb({ binaries, user, directory: passing, passwordFile, home });
    await writeFile(home.passwordFile, password, { mode: 0o600, flush: true });
    await rename(passing, directory);
    if (directory !== join(home.directory, "cluster")) await writePlace(home, directory);
  } finally {
    await removeLeftovers(passingPrefix);
  }
  return { home, directory, password, user, binaries };
}

/** Also those of processes that died. What cannot be removed yet does no harm, and goes another time. */
async function removeLeftovers(prefix: string): Promise<void> {
  const parent = dirname(prefix);
  const names = (await readdir(parent)).filter((name) => join(parent, name).startsWith(prefix));
  await Promise.allSettled(names.map((name) => rm(join(parent, name), { recursive: true, force: true })));
}

function hashOf(home: EmbeddedHome): string {
  return createHash("sha256").update(home.directory).digest("hex").slice(0, 12);
}

/** The name outside dataDir has a random part: a dataDir that was removed and made again is a new database. */
async function choosePlace(home: EmbeddedHome, user: SystemUser | null): Promise<string> {
  if (user === null || (await canEnter(user, home.directory))) return join(home.directory, "cluster");
  if ((await makeSharedDirectory(SHARED_DIRECTORY)) && (await canEnter(user, SHARED_DIRECTORY))) {
    return join(SHARED_DIRECTORY, `cluster-${hashOf(home)}-${randomBytes(4).toString("hex")}`);
  }
  throw new VolleyError(
    "database_unreachable",
    `Postgres cannot run as root, and the user "${user.name}" can enter neither ${home.directory} nor ${SHARED_DIRECTORY}. Choose another dataDir, or run as an ordinary user.`,
  );
}

async function writePlace(home: EmbeddedHome, directory: string): Promise<void> {
  await writeFile(`${home.placeFile}.new`, `${directory}\n`, { flush: true });
  await rename(`${home.placeFile}.new`, home.placeFile);
}

type InitdbSettings = {
  readonly binaries: PostgresBinaries;
  readonly user: SystemUser | null;
  readonly directory: string;
  readonly passwordFile: string;
  readonly home: EmbeddedHome;
};

/** The built-in C.UTF-8 is the same on every machine, so an upgraded C library never breaks an index. */
async function runInitdb({ binaries, user, directory, passwordFile, home }: InitdbSettings): Promise<void> {
  const flags = `--username=${EMBEDDED_USER} --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-instructions`;
  const locale = "--locale-provider=builtin --builtin-locale=C.UTF-8";
  const args = [...flags.split(" "), ...locale.split(" "), `--pwfile=${passwordFile}`, "-D", directory];
  try {
    await run(binaries.initdb, args, { ...asUser(user), timeout: INITDB_MS_MAX });
  } catch (cause) {
    const output = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : "";
    await appendFile(home.logFile, output, { mode: 0o600 }).catch(() => undefined);
    throw new VolleyError(
      "database_unreachable",
      `Cannot make a database in ${home.directory}. What Postgres said is in ${home.logFile}.`,
      { cause, details: { logFile: home.logFile } },
    );
  }
}

/** How to run one of the programs. The working directory is one that every user can enter. */
export function asUser(user: SystemUser | null): {
  uid?: number;
  gid?: number;
  cwd: string;
  env: typeof postgresEnvironment;
} {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  return { ...identity, cwd: "/", env: postgresEnvironment };
}
