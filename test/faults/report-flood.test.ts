// Postgres restarted in a flood of reports: whatever was answered 200 is in the inbox, everything else was asked
// to be brought again, and is stored when it is.

import { pino } from "pino";
import { expect, it, onTestFinished, vi } from "vitest";
import { openHttpServer } from "../../src/http/server.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { providerOf } from "../../src/providers/index.ts";
import { createReportSenders } from "../../src/providers/report-senders.ts";
import { accounts, SECRET } from "../http/report-door.ts";
import { startPostgres } from "../support/postgres-server.ts";

const LANES = 50;

async function setup() {
  const postgres = await startPostgres();
  onTestFinished(postgres.stop);
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => void logged.push(line) });
  const pool = createPool({ url: postgres.url, applicationName: "volley-test", max: 10, log });
  onTestFinished(() => pool.end());
  const ledger = createLedger({ pool });
  await ledger.migrate();
  const entries = accounts().map((account) => ({ account, provider: providerOf(account) }));
  const senders = createReportSenders(new Map(entries.map((one) => [one.account.name, one])));
  const server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    readiness: async () => [],
    reportDoor: { senders, store: ledger.inbox.store, log },
  });
  onTestFinished(() => server.close());
  return { postgres, pool, server, logged };
}

it("a Postgres restarted in a flood of reports costs none that was answered 200", async () => {
  const { postgres, pool, server, logged } = await setup();
  const answers = new Map<string, number>();
  const count = (status: number) => [...answers.values()].filter((one) => one === status).length;
  let next = 0;
  let isOver = false;
  const bring = async (id: string) => {
    const reply = await fetch(`${server.url}/reports/main/${SECRET}`, { method: "POST", body: id });
    answers.set(id, reply.status);
    await reply.arrayBuffer();
  };
  const lane = async () => {
    while (!isOver) await bring(`report ${next++}`);
  };
  const lanes = Array.from({ length: LANES }, lane);
  const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

  for (const _crash of [1, 2]) {
    const stored = count(200);
    const refused = count(503);
    await until(() => expect(count(200)).toBeGreaterThan(stored + 500));
    await postgres.crash();
    await until(() => expect(count(503)).toBeGreaterThan(refused + 100));
    await postgres.restart();
  }
  const stored = count(200);
  await until(() => expect(count(200)).toBeGreaterThan(stored + 500));
  isOver = true;
  await Promise.all(lanes);

  expect([...new Set(answers.values())].toSorted()).toEqual([200, 503]);
  const toBring = [...answers].filter(([, status]) => status === 503).map(([id]) => id);
  const bringAgain = async () => {
    for (let id = toBring.pop(); id !== undefined; id = toBring.pop()) await bring(id);
  };
  await Promise.all(Array.from({ length: LANES }, bringAgain));
  expect(count(200)).toBe(next);
  const { rows } = await pool.query<{ body: Buffer }>("select distinct body from volley.inbox");
  expect(new Set(rows.map(({ body }) => body.toString()))).toEqual(new Set(answers.keys()));
  expect(logged.join("")).not.toMatch(/report \d|secret-of/);
  // A line in a while, not one for each.
  expect(logged.filter((line) => line.includes("cannot store")).length).toBeLessThan(10);
});
