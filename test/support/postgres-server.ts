// Starts the one Postgres server of a test run, from the same npm binaries as the embedded database.
//
// It trusts every local connection and never syncs to disk: it lives for one run and in a temporary directory.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { chown, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findFreePort } from "../../src/platform/free-port.ts";
import {
  findPostgresBinaries,
  type PostgresBinaries,
  postgresEnvironment,
} from "../../src/platform/postgres-binaries.ts";
import { findSystemUser } from "../../src/platform/system-user.ts";

const TRIES_MAX = 5;
const MEMORY_FOLDER = "/dev/shm";
const MEMORY_BYTES_MIN = 6_000_000_000;
const run = promisify(execFile);
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "300",
  shared_buffers: "128MB",
  fsync: "off",
  full_page_writes: "off",
  max_wal_size: "2GB",
  log_min_messages: "log",
} as const;

export type PostgresServer = {
  readonly url: string;
  /** Stops it in immediate mode, as `pg_ctl -m immediate` does: every connection is cut, nothing is flushed. */
  readonly crash: () => Promise<void>;
  /** After a crash: starts it again on the same port and data; resolves when it takes connections. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

export async function startPostgres(): Promise<PostgresServer> {
  const user = await findSystemUser();
  const binaries = await findPostgresBinaries(user);
  const directory = await mkdtemp(join(await findRoom(), "volley-postgres-"));
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  if (user !== null) await chown(directory, user.uid, user.gid);
  const options = { ...identity, cwd: "/", env: postgresEnvironment };
  const dataDir = join(directory, "data");
  try {
    const flags = "--username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync --no-instructions";
    await run(binaries.initdb, [...flags.split(" "), "-D", dataDir], options);
    return await startOnAnyPort(binaries, directory, options);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** For databases, which come and go by the hundred: in memory, where the system has such a folder with room. */
export async function findRoom(): Promise<string> {
  const freeBytes = await statfs(MEMORY_FOLDER).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return freeBytes > MEMORY_BYTES_MIN ? MEMORY_FOLDER : tmpdir();
}

type Options = { uid?: number; gid?: number; cwd: string; env: typeof postgresEnvironment };

async function startOnAnyPort(
  binaries: PostgresBinaries,
  directory: string,
  options: Options,
): Promise<PostgresServer> {
  let failure: unknown;
  // A free port may be taken by another program before the server listens on it.
  for (let count = 0; count < TRIES_MAX; count += 1) {
    try {
      return await startOn(binaries, directory, options, await findFreePort());
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function startOn(
  binaries: PostgresBinaries,
  directory: string,
  options: Options,
  port: number,
): Promise<PostgresServer> {
  const start = () => spawnServer(binaries, join(directory, "data"), options, port);
  let server = await start();
  // SIGQUIT is the immediate shutdown: nothing of this server is worth a checkpoint.
  const crash = () => server.end("SIGQUIT");
  const endNow = () => {
    void crash();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", endNow);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    crash,
    restart: async () => {
      server = await start();
    },
    stop: async () => {
      await crash();
      process.off("exit", endNow);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

type ServerProcess = { readonly end: (signal: "SIGQUIT") => Promise<void> };

/** Resolves when the server takes connections. */
async function spawnServer(
  binaries: PostgresBinaries,
  dataDir: string,
  options: Options,
  port: number,
): Promise<ServerProcess> {
  const args = ["-D", dataDir, "-p", String(port)];
  for (const [name, value] of Object.entries(settings)) args.push("-c", `${name}=${value}`);
  const server = spawn(binaries.postgres, args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  const exited = new Promise<void>((resolve) => server.once("close", () => resolve()));
  let log = "";
  const ready = new Promise<void>((resolve) => {
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-10_000);
      if (log.includes("ready to accept connections")) resolve();
    });
  });
  await once(server, "spawn");
  const outcome = await Promise.race([ready.then(() => "ready"), exited.then(() => "exited")]);
  if (outcome === "exited") throw new Error(`Postgres did not start:\n${log}`);
  return {
    end: (signal) => {
      server.kill(signal);
      return exited;
    },
  };
}
