// The engine on Postgres, for one machine with nothing to install: BullMQ's Postgres backend, cells in tables.
//
// Everything lies in two schemas beside the ledger's: `volley_engine` is ours, `bullmq` is BullMQ's. Two
// pools, so that a rate slot never queues up behind the jobs: BullMQ's statements are many, and each of its
// workers keeps a connection for itself to listen on.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { assertSchemaCompatibility, createPostgresBackend, isPgPool, runMigrations } from "bullmq";
import type { Pool } from "pg";
import { VolleyError } from "../domain/errors.ts";
import type { Logger } from "../platform/log.ts";
import { createPool, describeDatabaseError, isUnreachable, withTransaction } from "../platform/postgres.ts";
import type { Engine } from "./engine.ts";
import { createPostgresRates, createPostgresTokens } from "./postgres-cells.ts";

const CELL_CONNECTIONS_MAX = 4;
/** A cell is one row: whoever waits longer for it had better ask again. */
const CELL_STATEMENT_MS_MAX = 5_000;
/** Of all queues together, beside the connection that each worker listens on; opened when they are needed. */
const QUEUE_STATEMENTS_MAX = 30;
/** Key of the lock that lets one process migrate at a time; any number will do that nobody else uses. */
const MIGRATION_LOCK = 8_655_390;
const VERSION_MIN = 14;
const CLOSE_MS_MAX = 5_000;

const schemaSql = ["./token-cell.sql", "./rate-cell.sql"].map((file) =>
  readFileSync(new URL(file, import.meta.url), "utf8"),
);

export function createPostgresEngine({
  url,
  queues,
  log,
}: {
  readonly url: string;
  /** That this process may work on. */
  readonly queues: number;
  readonly log: Logger;
}): Engine {
  const cells = createPool({
    url,
    applicationName: "volley-cells",
    max: CELL_CONNECTIONS_MAX,
    statementMsMax: CELL_STATEMENT_MS_MAX,
    log,
  });
  const queue = createPool({
    url: withSearchPath(url, "bullmq"),
    applicationName: "volley-queue",
    max: queues + QUEUE_STATEMENTS_MAX,
    log,
  });
  // Each queue and worker adds a listener of its own and never takes it off.
  queue.setMaxListeners(0);
  // BullMQ's own type for a pool, which the type of a real pool does not fit by itself.
  assert(isPgPool(queue));
  return {
    queueBackend: {
      connection: queue,
      prefix: undefined,
      factory: (name, options, more) => createPostgresBackend(name, { ...options, connection: queue }, more),
    },
    tokens: createPostgresTokens(cells),
    rates: createPostgresRates(cells),
    migrate: () => migrate(queue),
    check: () => check(cells),
    async close() {
      // A pool ends when its last connection is given back, which a worker that hangs never does.
      const ended = Promise.all([cells.end(), queue.end()]);
      await Promise.race([ended, sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
    },
  };
}

async function migrate(pool: Pool): Promise<void> {
  try {
    await withTransaction(pool, async (client) => {
      await client.query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
      await client.query("create schema if not exists volley_engine");
      for (const sql of schemaSql) await client.query(sql);
    });
    await migrateQueue(pool);
  } catch (cause) {
    const code = isUnreachable(cause) ? "engine_unreachable" : "database_failed";
    const advice = "The database must run, and its role must be allowed to create schemas.";
    throw new VolleyError(
      code,
      `Cannot create the engine's tables: ${describeDatabaseError(cause)}. ${advice}`,
      { cause },
    );
  }
}

/** BullMQ locks too, but creates its schema before it does: two at once would meet in pg_namespace. */
async function migrateQueue(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await runMigrations(client);
    await client.query("select pg_advisory_unlock($1)", [MIGRATION_LOCK]);
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function check(pool: Pool): Promise<readonly string[]> {
  let version: number;
  try {
    const result = await pool.query<{ version: number }>(
      "select current_setting('server_version_num')::integer as version",
    );
    version = Math.floor((result.rows[0]?.version ?? 0) / 10_000);
  } catch (error) {
    return [
      `Cannot reach Postgres for the engine: ${describeDatabaseError(error)}. Check that it runs, and the "database" setting.`,
    ];
  }
  if (version < VERSION_MIN) return [`Postgres is version ${version}; use ${VERSION_MIN} or newer.`];
  try {
    await pool.query("select from volley_engine.token_cell, volley_engine.rate_cell limit 0");
    await assertSchemaCompatibility(pool);
    return [];
  } catch (error) {
    return [
      `The engine's tables are missing or from another version: ${describeDatabaseError(error)}. Run "volley migrate".`,
    ];
  }
}

/**
 * In the URL, because then it holds from the first statement of each connection on. As text, because a URL
 * that names a socket directory is one for Postgres and not for everybody.
 */
function withSearchPath(url: string, schema: string): string {
  const [base = "", query = ""] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  const options = parameters.get("options");
  const searchPath = `-c search_path=${schema}`;
  parameters.set("options", options === null ? searchPath : `${options} ${searchPath}`);
  return `${base}?${parameters}`;
}
