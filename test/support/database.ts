// A database of its own for a test file, in the one Postgres server of the test run: a copy of one that was migrated
// once, because a copy costs a third of the migrations.

import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier } from "pg";
import { inject } from "vitest";

export type TestDatabase = {
  readonly url: string;
  /** Removes the database, also when connections to it were left open. */
  readonly drop: () => Promise<void>;
};

/** Empty: for tests of the migrations themselves. */
export async function createDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template = empty ? "template0" : inject("templateDatabase");
  await runOnServer(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => runOnServer(`drop database if exists ${escapeIdentifier(name)} with (force)`),
  };
}

async function runOnServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
