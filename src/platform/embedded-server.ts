// The embedded database's server process: found running, started, or stopped.
//
// The server is a daemon in a session of its own: it outlives the process that started it, also a killed one,
// and the next process finds it by Postgres' own postmaster.pid. `postgres` is started directly and not by
// `pg_ctl start`, which hands the path to a shell in double quotes: a `$` or a backtick in it would be run.
//
//   no postmaster.pid, or its pid is dead                start (Postgres recovers by itself)
//   its pid is a program that is not this postmaster     remove the file, start (after a reboot, in a container)
//   its pid is the postmaster, which does not answer     wait: it starts, recovers or shuts down
//   it answers                                           done
//
// Two processes that start it at once do no harm: Postgres itself lets only one server use a data directory.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { VolleyError } from "../domain/errors.ts";
import { asUser, EMBEDDED_USER, type EmbeddedCluster } from "./embedded-cluster.ts";
import { hasPid, isAlive } from "./file-lock.ts";
import { findFreePort } from "./free-port.ts";
import type { Logger } from "./log.ts";
import { isUnreachable } from "./postgres.ts";

const run = promisify(execFile);
const START_MS_MAX = 60_000;
const STOP_SECONDS_MAX = 30;
const LOOK_MS = 50;
const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 30_000;
const LOG_BYTES_MAX = 10_000_000;
const LOG_TAIL_BYTES = 4_096;
/** A start may fail for a port that was just taken. While a killed server's children go on, it is tried until START_MS_MAX. */
const TRIES_MAX = 3;
const RETRY_WAIT_MS = 500;

const serverSettings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "128MB",
  // Bulk writes: few checkpoints. A crash costs some seconds of recovery more, never data.
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  synchronous_commit: "on",
  fsync: "on",
  random_page_cost: "1.1",
  // Parallel queries need /dev/shm, of which containers have little.
  max_parallel_workers_per_gather: "0",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  // Failed statements go to the client that made them. In a file their values, numbers and texts, would stay.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
} as const;

/** Resolves with the port of the running server. */
export async function ensureRunning(cluster: EmbeddedCluster, log: Logger): Promise<number> {
  const deadline = performance.now() + START_MS_MAX;
  for (let failures = 0; ; ) {
    const found = await readPostmaster(cluster);
    if (found !== null && (await isPostmaster(found.pid, cluster))) {
      if (found.port !== null && (await answers(cluster, found.port))) return found.port;
      await sleep(LOOK_MS);
    } else {
      // Postgres itself removes the file of a pid that is gone, and trusts one that is not.
      if (found !== null && hasPid(found.pid)) {
        log.warn(
          { pid: found.pid },
          "The database's postmaster.pid names a process that is no server; removing it.",
        );
        await rm(join(cluster.directory, "postmaster.pid"), { force: true });
      }
      const isHindered = await hasProcesses(cluster);
      const port = await start(cluster, found?.port ?? null, deadline);
      if (port !== null) return port;
      if (!isHindered) failures += 1;
      if (failures >= TRIES_MAX) throw await startFailure(cluster, "does not start");
      log.warn({ logFile: cluster.home.logFile }, "The embedded Postgres did not start; trying again.");
      await sleep(RETRY_WAIT_MS);
    }
    if (performance.now() > deadline) throw await startFailure(cluster, "is not ready within 60 s");
  }
}

/** Fast mode: clients are cut off, everything committed is on disk. */
export async function stopServer({ binaries, directory, user }: EmbeddedCluster): Promise<void> {
  const args = ["stop", "-D", directory, "-m", "fast", "-w", "-s", "-t", String(STOP_SECONDS_MAX)];
  await run(binaries.pgCtl, args, { ...asUser(user), timeout: (STOP_SECONDS_MAX + 5) * 1_000 });
}

export type ClientSettings = {
  readonly port: number;
  readonly applicationName: string;
  readonly socket: Socket;
};

export function createClient({ password }: EmbeddedCluster, settings: ClientSettings): Client {
  const client = new Client({
    stream: () => settings.socket,
    host: "127.0.0.1",
    port: settings.port,
    user: EMBEDDED_USER,
    password,
    // The maintenance database: whoever drops or copies the database "volley" must not find us in it.
    database: "postgres",
    application_name: settings.applicationName,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
  });
  // The promises of connect and query tell of failures; without a listener they would also end the process.
  client.on("error", () => undefined);
  return client;
}

/** Null when the server ended before it was ready. */
async function start(
  cluster: EmbeddedCluster,
  portBefore: number | null,
  deadline: number,
): Promise<number | null> {
  const port = await findFreePort(portBefore ?? (await readPort(cluster)));
  const server = await spawnServer(cluster, port);
  while (server.exitCode === null && server.signalCode === null) {
    const found = await readPostmaster(cluster);
    if (found?.pid === server.pid && found?.ready && (await answers(cluster, port))) {
      await writeFile(cluster.home.portFile, `${port}\n`);
      return port;
    }
    // It is left running: it may be recovering, and the next process will wait for it again.
    if (performance.now() > deadline) throw await startFailure(cluster, "is not ready within 60 s");
    await sleep(LOOK_MS);
  }
  return null;
}

async function spawnServer(cluster: EmbeddedCluster, port: number): Promise<ChildProcess> {
  const { logFile } = cluster.home;
  const size = await stat(logFile).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(logFile, `${logFile}.old`);
  const args = ["-D", cluster.directory, "-p", String(port)];
  for (const [name, value] of Object.entries(serverSettings)) args.push("-c", `${name}=${value}`);
  // Opened here and inherited: the server's user may be unable to reach the file by its path.
  const output = await open(logFile, "a", 0o600);
  try {
    const server = spawn(cluster.binaries.postgres, args, {
      ...asUser(cluster.user),
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
    });
    await once(server, "spawn");
    server.unref();
    return server;
  } finally {
    await output.close();
  }
}

/** The port of the last time, so that pools which outlived a crash of the server find it again. */
async function readPort(cluster: EmbeddedCluster): Promise<number> {
  return parsePort(await readFile(cluster.home.portFile, "utf8").catch(() => "")) ?? 0;
}

function parsePort(text: string | undefined): number | null {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

type Postmaster = { readonly pid: number; readonly port: number | null; readonly ready: boolean };

/** Lines of the file: pid, data directory, start time, port, socket directory, address, memory key, status. */
async function readPostmaster({ directory }: EmbeddedCluster): Promise<Postmaster | null> {
  const text = await readFile(join(directory, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid < 1) return null;
  return { pid, port: parsePort(lines[3]), ready: lines[7] === "ready" };
}

/**
 * Whether the pid is this cluster's postmaster. It is not when the pid was given to another program, nor
 * when it is a zombie.
 */
async function isPostmaster(pid: number, cluster: EmbeddedCluster): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === "linux") return worksIn(pid, await realpath(cluster.directory));
  // Where the system cannot be asked, a living pid counts as the server: waiting in vain is the lesser harm.
  return run("ps", ["-p", String(pid), "-o", "command="]).then(
    ({ stdout }) => stdout.includes("postgres") && stdout.includes(cluster.directory),
    () => true,
  );
}

/** Children of a killed postmaster end by themselves, but only after the statement they are at. */
async function hasProcesses(cluster: EmbeddedCluster): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const directory = await realpath(cluster.directory);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => worksIn(Number(pid), directory)));
  return found.includes(true);
}

/** Every Postgres process has its data directory as its working directory. */
async function worksIn(pid: number, directory: string): Promise<boolean> {
  const [cwd, name] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => ""),
    readFile(`/proc/${pid}/comm`, "utf8").catch(() => ""),
  ]);
  return name.trim() === "postgres" && cwd === directory;
}

/** A refused password and the like are thrown: no waiting mends them. */
async function answers(cluster: EmbeddedCluster, port: number): Promise<boolean> {
  const client = createClient(cluster, { port, applicationName: "volley start", socket: new Socket() });
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch (error) {
    if (isUnreachable(error)) return false;
    throw error;
  } finally {
    await client.end();
  }
}

async function startFailure(cluster: EmbeddedCluster, what: string): Promise<VolleyError> {
  const { logFile } = cluster.home;
  const said = await readLastFailure(logFile);
  return new VolleyError(
    "database_unreachable",
    `The embedded Postgres in ${cluster.directory} ${what}. It last said: ${said || "nothing"}. More is in ${logFile}.`,
    { details: { logFile } },
  );
}

async function readLastFailure(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.slice(-LOG_TAIL_BYTES).trim().split("\n");
  return (lines.findLast((line) => /\b(FATAL|PANIC)\b/.test(line)) ?? lines.at(-1) ?? "").trim();
}
