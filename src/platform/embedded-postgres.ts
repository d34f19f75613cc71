// The database of a machine that has none: a real Postgres from npm, kept under dataDir.
//
// The first process starts the server, later ones share it, the last one to close stops it. Who is still here
// is asked of Postgres itself: every process holds one idle connection, the guard, from open to close, and a
// killed process' guard is gone with it. So there is no count of users to go wrong, and no process that must
// stay. Start and stop happen under a lock; if it is ever broken wrongly, Postgres' own interlock still lets
// only one server use the data, and a process whose server was stopped under it starts it again:
//
//   open -> guarded -> (connection lost) -> ensure the server runs, guard again -> guarded -> close
//
// One machine only: containers that share a dataDir but not their pids would not see each other's server.

import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, escapeIdentifier } from "pg";
import { VolleyError } from "../domain/errors.ts";
import { EMBEDDED_USER, type EmbeddedCluster, makeHome, prepareCluster } from "./embedded-cluster.ts";
import { createClient, ensureRunning, stopServer } from "./embedded-server.ts";
import { withFileLock } from "./file-lock.ts";
import type { Logger } from "./log.ts";
import { describeDatabaseError } from "./postgres.ts";

const DATABASE = "volley";
const GUARD_NAME = "volley guard";
/** Time for a person who restarts the server on purpose, before we start it ourselves. */
const RETURN_WAIT_MS_MIN = 1_000;
const RETURN_WAIT_MS_MAX = 15_000;
/** Connections that were just closed are seen for a moment longer. */
const LEAVE_MS_MAX = 2_000;
const LEAVE_LOOK_MS = 50;

export type EmbeddedPostgres = { readonly url: string; readonly close: () => Promise<void> };

type Guarded = { readonly cluster: EmbeddedCluster; readonly port: number; readonly client: Client };

export async function openEmbeddedPostgres(options: {
  readonly dataDir: string;
  readonly log: Logger;
}): Promise<EmbeddedPostgres> {
  const { dataDir, log } = options;
  const closing = new AbortController();
  let guarded = await enter(dataDir, log);
  const { cluster, port } = guarded;
  let returning = Promise.resolve();

  const watch = ({ client }: Guarded) => {
    client.once("end", () => {
      if (!closing.signal.aborted) returning = comeBack();
    });
  };
  const comeBack = async () => {
    log.warn("The embedded Postgres is gone; it is started again unless it comes back by itself.");
    const next = await enterAgain(cluster, log, closing.signal);
    if (next === null) return;
    guarded = next;
    watch(next);
    if (next.port === port) log.info("The embedded Postgres is back.");
    else
      log.error(
        { port: next.port },
        "The embedded Postgres had to move to another port: restart this process.",
      );
  };
  const close = async () => {
    closing.abort();
    await returning;
    await leave(guarded, log);
  };

  watch(guarded);
  let closed: Promise<void> | null = null;
  return {
    url: `postgres://${EMBEDDED_USER}:${cluster.password}@127.0.0.1:${port}/${DATABASE}`,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

async function enter(dataDir: string, log: Logger): Promise<Guarded> {
  try {
    const home = await makeHome(dataDir);
    return await withFileLock(home.lockFile, async () => {
      const cluster = await prepareCluster(home);
      return guard(cluster, await ensureRunning(cluster, log));
    });
  } catch (cause) {
    if (cause instanceof VolleyError) throw cause;
    throw new VolleyError(
      "database_unreachable",
      `Cannot open the embedded database in ${dataDir}: ${describeDatabaseError(cause)}.`,
      { cause },
    );
  }
}

async function guard(cluster: EmbeddedCluster, port: number): Promise<Guarded> {
  const socket = new Socket();
  const client = createClient(cluster, { port, applicationName: GUARD_NAME, socket });
  await client.connect();
  await createDatabase(client);
  // A process that forgets to close may end all the same.
  socket.unref();
  return { cluster, port, client };
}

/** Null when it was closed meanwhile. Makes nothing new: a dataDir removed under us is not an empty database. */
async function enterAgain(
  cluster: EmbeddedCluster,
  log: Logger,
  closing: AbortSignal,
): Promise<Guarded | null> {
  for (let waitMs = RETURN_WAIT_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETURN_WAIT_MS_MAX)) {
    await sleep(waitMs, undefined, { signal: closing, ref: false }).catch(() => undefined);
    if (closing.aborted) return null;
    try {
      return await withFileLock(cluster.home.lockFile, async () => {
        return guard(cluster, await ensureRunning(cluster, log));
      });
    } catch (error) {
      log.error({ reason: describeDatabaseError(error) }, "The embedded Postgres cannot be started again.");
    }
  }
}

async function createDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [DATABASE]);
  if (rowCount === 0) await client.query(`create database ${escapeIdentifier(DATABASE)}`);
}

/** Never throws: whoever closes is leaving, and a server that still runs does no harm. */
async function leave({ cluster, client }: Guarded, log: Logger): Promise<void> {
  try {
    await withFileLock(cluster.home.lockFile, async () => {
      const last = await isLast(client);
      // Within the lock, and waited for: the next process to leave must not count our guard.
      await client.end();
      if (last) await stopServer(cluster);
      else log.debug("The embedded Postgres stays up: others use it.");
    });
  } catch (error) {
    log.warn({ reason: describeDatabaseError(error) }, "The embedded Postgres was not stopped.");
    await client.end();
  }
}

/** Other guards mean other processes; other connections may only be on their way out. */
async function isLast(client: Client): Promise<boolean> {
  const deadline = performance.now() + LEAVE_MS_MAX;
  for (;;) {
    const { rows } = await client.query<{ guards: number; clients: number }>(
      `select count(*) filter (where application_name = $1)::int as guards, count(*)::int as clients
         from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      [GUARD_NAME],
    );
    const found = rows[0];
    if (found === undefined || found.guards > 0) return false;
    if (found.clients === 0) return true;
    if (performance.now() > deadline) return false;
    await sleep(LEAVE_LOOK_MS);
  }
}
