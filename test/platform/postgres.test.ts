// The pool and its errors, against a real server, a real silent server, and none.

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { VolleyError } from "../../src/domain/errors.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import {
  createPool,
  describeDatabaseError,
  isUnreachable,
  sqlStateOf,
  waitForDatabase,
  withTransaction,
} from "../../src/platform/postgres.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
});
afterAll(() => database.drop());

test("a transaction is kept whole or not at all", async () => {
  const { pool } = setup();
  await pool.query("create table kept (n int primary key)");
  const returned = await withTransaction(pool, async (client) => {
    await client.query("insert into kept values (1), (2)");
    return "both";
  });
  expect(returned).toBe("both");
  const failing = withTransaction(pool, async (client) => {
    await client.query("insert into kept values (3)");
    throw new Error("on purpose");
  });
  await expect(failing).rejects.toThrow("on purpose");
  const { rows } = await pool.query("select count(*)::int as n from kept");
  expect(rows).toEqual([{ n: 2 }]);
  expect(pool.totalCount).toBe(pool.idleCount);
});

test("no statement skips partitions as it runs, of which Postgres 18 may die", async () => {
  const { pool } = setup();
  const { rows } = await pool.query("show enable_partition_pruning");
  expect(rows).toEqual([{ enable_partition_pruning: "off" }]);
});

test("a transaction in which a failure was swallowed does not pass for committed", async () => {
  const { pool } = setup();
  const work = withTransaction(pool, async (client) => {
    await client.query("select 1 / 0").catch(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ code: "database_failed" });
  expect((await pool.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
});

test("a connection that is cut, idle or lent, is logged or thrown and never ends the process", async () => {
  const { pool, lines } = setup();
  const other = setup().pool;
  const pidOf = "select pg_backend_pid() as pid";
  const lost = withTransaction(pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>(pidOf);
    // Not by `once`, which would reject at the error that comes first.
    const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
    await other.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    await ended;
    await client.query("select 1");
  });
  expect(isUnreachable(await lost.catch((error: unknown) => error))).toBe(true);
  expect(pool.totalCount).toBe(0);

  const { rows } = await pool.query<{ pid: number }>(pidOf);
  const reported = once(pool, "error");
  await other.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
  await reported;
  expect(lines.join()).toContain("Lost an idle connection");
  expect(await pool.query("select 1 as n")).toMatchObject({ rowCount: 1 });
});

test("a statement that takes too long is ended by the server, and the connection lives on", async () => {
  const pool = createPool({ ...settings(), statementMsMax: 50 });
  onTestFinished(() => pool.end());
  const error = await pool.query("select pg_sleep(20)").catch((reason: unknown) => reason);
  expect([sqlStateOf(error), isUnreachable(error)]).toEqual(["57014", false]);
});

test("connections bear the name of their application", async () => {
  const { pool } = setup();
  expect((await pool.query("show application_name")).rows).toEqual([{ application_name: "volley test" }]);
});

test("nobody listening, no such host, a silent server and an exhausted pool are all out of reach", async () => {
  const silent = createServer();
  const sockets = new Set<Socket>();
  silent.on("connection", (socket) => sockets.add(socket.on("error", () => undefined)));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const urls = [
    `postgres://u:secret@127.0.0.1:${await findFreePort()}/db`,
    "postgres://u:secret@nowhere.invalid/db",
    `postgres://u:secret@127.0.0.1:${port}/db`,
  ];
  const { pool: exhausted } = setup(1);
  const lent = await exhausted.connect();
  await Promise.all([
    exhausted.query("select 1").then(
      () => expect.fail("There was no connection left."),
      (error: unknown) => expect(isUnreachable(error)).toBe(true),
    ),
    ...urls.map(async (url) => {
      const pool = createPool({ ...settings(), url });
      onTestFinished(() => pool.end());
      const error = await pool.query("select 1").catch((reason: unknown) => reason);
      expect([url, isUnreachable(error)]).toEqual([url, true]);
      expect(describeDatabaseError(error)).not.toContain("secret");
    }),
  ]);
  lent.release();
  expect(await exhausted.query("select 1")).toMatchObject({ rowCount: 1 });
});

test("waiting for the database ends when it answers, and in time when it does not", async () => {
  const { pool, log, lines } = setup();
  await waitForDatabase(pool, { timeoutMs: 10_000, log });
  const url = `postgres://u:secret@127.0.0.1:${await findFreePort()}/db`;
  const absent = createPool({ ...settings(), url });
  onTestFinished(() => absent.end());
  const error = await waitForDatabase(absent, { timeoutMs: 500, log }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "database_unreachable" });
  expect(isUnreachable(error)).toBe(true);
  expect(lines.join()).toContain("Waiting for the database.");
  expect(`${String(error)} ${lines.join()}`).not.toContain("secret");
});

test("a database that does not exist is not waited for", async () => {
  const { log } = setup();
  const pool = createPool({ ...settings(), url: database.url.replace(/[^/]+$/, "no_such_database") });
  onTestFinished(() => pool.end());
  const error = await waitForDatabase(pool, { timeoutMs: 3_600_000, log }).catch((reason: unknown) => reason);
  expect(String(error)).toContain("3D000");
});

test("a description names table and constraint, and none of the values", async () => {
  const { pool } = setup();
  await pool.query("create table people (phone text constraint one_each unique, age int)");
  await pool.query("insert into people values ('+447700900123', 1)");
  const twice = await pool
    .query("insert into people values ('+447700900123', 1)")
    .catch((reason: unknown) => reason);
  expect(describeDatabaseError(twice)).toBe(
    "the data was refused (23505), table people, constraint one_each",
  );
  const wrong = await pool.query("select $1::int", ["+44 secret"]).catch((reason: unknown) => reason);
  expect(describeDatabaseError(wrong)).toBe("the data was refused (22P02)");
  const missing = await pool.query("select * from nothing").catch((reason: unknown) => reason);
  expect(describeDatabaseError(missing)).toBe('relation "nothing" does not exist (42P01)');
  expect([twice, wrong, missing].map(isUnreachable)).toEqual([false, false, false]);
});

test("what is not an error of the database is not out of reach", () => {
  const strangers = [new Error("boom"), "text", null, new VolleyError("not_found", "No such campaign.")];
  expect(strangers.map(isUnreachable)).toEqual([false, false, false, false]);
  expect(describeDatabaseError(new AggregateError([], ""))).toBe("AggregateError");
  expect(describeDatabaseError(new Error("two\n lines"))).toBe("two lines");
});

test("a URL that cannot be read is refused without being repeated", () => {
  const create = () => createPool({ ...settings(), url: "postgres://u:secret@host:99999999/db" });
  expect(create).toThrow(VolleyError);
  expect(create).not.toThrow(/secret/);
});

function settings() {
  return {
    url: database.url,
    applicationName: "volley test",
    max: 2,
    log: pino({ level: "silent" }),
  };
}

function setup(max = 2) {
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const pool = createPool({ ...settings(), max, log });
  onTestFinished(() => pool.end());
  return { pool, log, lines };
}
