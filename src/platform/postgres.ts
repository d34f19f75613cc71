// Connections to Postgres: the pool, transactions, and what an error of the database means.
//
// A lost connection never ends the process and never waits for ever: each wait here has a bound. What is
// logged or described holds no password, and of errors about data no value either: Postgres quotes the
// offending value, which may be a phone number or a text.

import { setTimeout as sleep } from "node:timers/promises";
import { Client, Pool, type PoolClient } from "pg";
import { VolleyError } from "../domain/errors.ts";
import type { Logger } from "./log.ts";

const CONNECT_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 10_000;
const STATEMENT_MS_MAX = 60_000;
/** Longer than the server's own bound, so that it acts only when the server or the network is silent. */
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 15_000;
/** A process frozen in mid-transaction would hold its row locks until it thaws. */
const IDLE_IN_TRANSACTION_MS_MAX = 60_000;
/**
 * Postgres 18.4 dies (a segmentation fault in perform_pruning_base_step, which ends every connection) when a statement
 * that skips partitions as it runs has waited for a row that somebody changed: reports joined while their messages are
 * being recorded, for one. Without pruning it looks into the index of each of a few months, and finds nothing there.
 */
const NO_PRUNING = "set enable_partition_pruning = off";
const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 2_000;

/** A pool, or the connection of a transaction. */
export type Queryable = Pick<Pool, "query"> | Pick<PoolClient, "query">;

export type PoolSettings = {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly max: number;
  readonly log: Logger;
  /** For work that may take longer than the usual bound; migrations, say. */
  readonly statementMsMax?: number;
};

export function createPool({ url, applicationName, max, log, statementMsMax }: PoolSettings): Pool {
  const statementMs = statementMsMax ?? STATEMENT_MS_MAX;
  const database = labelOf(url);
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: statementMs,
    query_timeout: statementMs + (ANSWER_MS_MAX - STATEMENT_MS_MAX),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    onConnect: (client) => client.query(NO_PRUNING),
  });
  pool.on("error", (error) => {
    log.warn({ database, reason: describeDatabaseError(error) }, "Lost an idle connection to the database.");
  });
  // The pool listens to its idle connections only: without a listener the loss of a lent one, between two
  // statements, would end the process. Whoever lent it learns of the loss from his next statement.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Commits what `fn` did, or nothing of it. When the connection is lost during the commit, nobody knows which. */
export async function withTransaction<T>(pool: Pool, fn: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await fn(client);
    const { command } = await client.query("commit");
    // Postgres answers the commit of a failed transaction with a rollback and without an error.
    if (command !== "COMMIT") {
      throw new VolleyError(
        "database_failed",
        "A transaction was rolled back: a statement in it failed unnoticed.",
      );
    }
    client.release();
    return result;
  } catch (error) {
    await giveBack(client, error);
    throw error;
  }
}

/** A connection in doubt is closed, whereupon the server rolls back by itself. */
async function giveBack(client: PoolClient, error: unknown): Promise<void> {
  if (isUnreachable(error)) return client.release(true);
  return client.query("rollback").then(
    () => client.release(),
    () => client.release(true),
  );
}

/** Returns once the database answers. What waiting cannot mend (a refused password) fails at once. */
export async function waitForDatabase(
  pool: Pool,
  options: { readonly timeoutMs: number; readonly log: Logger },
): Promise<void> {
  const database = labelOf(pool.options.connectionString ?? "");
  const deadline = performance.now() + options.timeoutMs;
  for (let waitMs = WAIT_MS_MIN; ; waitMs = Math.min(waitMs * 2, WAIT_MS_MAX)) {
    const failure = await pool.query("select 1").then(
      () => null,
      (error: unknown) => ({ error }),
    );
    if (failure === null) return;
    const reason = describeDatabaseError(failure.error);
    if (!isUnreachable(failure.error) || performance.now() + waitMs > deadline) {
      throw new VolleyError(
        "database_unreachable",
        `Cannot use the database ${database}: ${reason}. Check that it runs and that the configured URL is right.`,
        { details: { database } },
      );
    }
    if (waitMs === WAIT_MS_MIN) options.log.warn({ database, reason }, "Waiting for the database.");
    await sleep(waitMs);
  }
}

const UNREACHABLE_SYSTEM_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** Shut down, crashed, starting up, session ended; and no connection left. Class 08 is added below. */
const UNREACHABLE_SQL_STATES = new Set(["57P01", "57P02", "57P03", "57P05", "53300"]);
/** The client gives these no code, so their texts (of pg 8.23) are all there is to know them by. */
const UNREACHABLE_MESSAGES = new Set([
  "Connection terminated",
  "Connection terminated unexpectedly",
  "Connection terminated due to connection timeout",
  "timeout expired",
  "timeout exceeded when trying to connect",
  "Query read timeout",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
]);

/** The database could not be reached, or was lost: the same statement may succeed later. A refused login is not that. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof VolleyError) return error.code === "database_unreachable";
  const state = sqlStateOf(error);
  if (state !== null) return state.startsWith("08") || UNREACHABLE_SQL_STATES.has(state);
  const code = textField(error, "code");
  if (code === "ENOENT") return textField(error, "syscall") === "connect";
  return code === null ? UNREACHABLE_MESSAGES.has(error.message) : UNREACHABLE_SYSTEM_CODES.has(code);
}

/** The five characters by which Postgres names an error; null when the error is not one of Postgres. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || textField(error, "severity") === null) return null;
  const code = textField(error, "code");
  return code !== null && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** Data errors (22), broken constraints (23) and exceptions of functions (P0) quote values in their messages. */
const QUOTING_CLASSES = new Set(["22", "23", "P0"]);

/** One line for logs and messages. */
export function describeDatabaseError(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown failure";
  const state = sqlStateOf(error);
  const code = textField(error, "code");
  if (state === null) return oneLine(error.message === "" ? (code ?? error.name) : error.message);
  const places = ["table", "column", "constraint"].flatMap((name) => {
    const value = textField(error, name);
    return value === null ? [] : [`${name} ${value}`];
  });
  const message = QUOTING_CLASSES.has(state.slice(0, 2)) ? "the data was refused" : error.message;
  return oneLine([`${message} (${state})`, ...places].join(", "));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function textField(error: Error, name: string): string | null {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : null;
}

/** Host, port and database of a URL. The URL itself stays out of the error, for it may hold a password. */
function labelOf(url: string): string {
  try {
    const { host, port, database } = new Client({ connectionString: url });
    return `${host}:${port}/${database ?? ""}`;
  } catch {
    throw new VolleyError(
      "config_invalid",
      "The URL of the database is not of the form postgres://user@host/name.",
    );
  }
}
