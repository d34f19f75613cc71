// How fast a CSV of a million recipients is taken in over HTTP, and how much memory the process needs that takes it,
// beside the same rows written by Postgres' own COPY into a table with the same columns and indexes, a minute later.
//
//   npm run bench:intake -- [--rows 1000000] [--rounds 3]
//
// Each round has a service and a database of its own: the embedded Postgres as the product starts it, with fsync. Sender,
// service and database share the machine's cores. Numbers come in no order; the last row is none. COPY reads a file
// on the server: no client, no parsing of people's numbers, no duplicates or opt-outs to look for, one transaction.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Pool } from "pg";
import { createClient } from "../../src/client.ts";
import { createApiKeys } from "../../src/ledger/api-keys.ts";
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.ts";
import { createLog } from "../../src/platform/log.ts";
import { createPool } from "../../src/platform/postgres.ts";

const { values: flags } = parseArgs({
  options: { rows: { type: "string", default: "1000000" }, rounds: { type: "string", default: "3" } },
});
const rows = Number(flags.rows);
const ROWS_A_PIECE = 1_000;
const STATEMENT_MS_MAX = 600_000;
/** Australian mobile numbers: 100 million of them, visited in steps that meet none twice. */
const NUMBERS = 100_000_000;
const STEP = 61_803_399;
const NAMES = ["Ada", "Björn", "Chloé", "D'Arcy", "Elizabeth", "Fatima", "Giuseppe", "Hồng"];

type Round = { readonly volley: number; readonly copy: number; readonly memoryMb: number };

print(`${rows} rows, ${flags.rounds} rounds, ${cpus().length} cores`);
const rounds: Round[] = [];
for (let count = 1; count <= Number(flags.rounds); count += 1) {
  const { answer, ...round } = await measure();
  rounds.push(round);
  const load = loadavg()[0]?.toFixed(1);
  print(
    `  round ${count}: volley ${perSecond(round.volley)}, ${round.memoryMb} MB at most; answered ${answer}`,
  );
  print(`           COPY ${perSecond(round.copy)}; load average ${load}`);
}
const volley = median(rounds.map((round) => round.volley));
const copy = median(rounds.map((round) => round.copy));
const memoryMb = Math.max(...rounds.map((round) => round.memoryMb));
print(
  `volley ${perSecond(volley)}, ${(volley / copy).toFixed(2)} of COPY's ${perSecond(copy)}; ${memoryMb} MB at most`,
);

async function measure(): Promise<Round & { readonly answer: string }> {
  const folder = await mkdtemp(join(tmpdir(), "volley-bench-"));
  const dataDir = join(folder, "data");
  const log = createLog("error");
  let service: Awaited<ReturnType<typeof startService>> | null = null;
  try {
    const config = join(folder, "volley.yaml");
    await writeFile(config, configuration(dataDir));
    service = await startService(config);
    const database = await openEmbeddedPostgres({ dataDir, log });
    const pool = createPool({
      url: database.url,
      applicationName: "bench",
      max: 1,
      log,
      statementMsMax: STATEMENT_MS_MAX,
    });
    try {
      const keys = createApiKeys(pool);
      const { key } = await keys.create({ name: "bench", scopes: ["campaigns:write"] });
      const { rate, answer } = await upload(service.url, keys.showKey(key));
      return { volley: rate, memoryMb: peakMb(service.child), copy: await copyIn(pool), answer };
    } finally {
      await pool.end();
      await database.close();
    }
  } finally {
    if (service !== null) await end(service.child);
    await rm(folder, { recursive: true, force: true });
  }
}

async function upload(url: string, apiKey: string): Promise<{ rate: number; answer: string }> {
  const { campaigns } = createClient({ url, apiKey });
  const { id } = await campaigns.create({ name: "bench", template: "Hi {{name}}, we open on Monday." });
  const startMs = performance.now();
  const { errors, ...counts } = await campaigns.upload(id, { type: "text/csv", stream: csv() });
  const rate = rows / ((performance.now() - startMs) / 1_000);
  return { rate, answer: JSON.stringify({ ...counts, badRows: errors.map(({ row }) => row) }) };
}

async function* csv(): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from("phone,name\n");
  for (let from = 0; from < rows; from += ROWS_A_PIECE) {
    let text = "";
    for (let row = from; row < Math.min(rows, from + ROWS_A_PIECE); row += 1) {
      const number = (row * STEP) % NUMBERS;
      const phone = row === rows - 1 ? "12" : `+614${String(number).padStart(8, "0")}`;
      text += `${phone},${NAMES[row % NAMES.length]}\n`;
    }
    yield Buffer.from(text);
  }
}

/** The very rows that came in, out into a file and in again. */
async function copyIn(pool: Pool): Promise<number> {
  const { rows: settings } = await pool.query<{ data_directory: string }>("show data_directory");
  const file = `'${settings[0]?.data_directory}/bench-rows'`;
  await pool.query("create table volley.peer (like volley.message including all)");
  await pool.query(`copy (select * from volley.message) to ${file}`);
  await pool.query("checkpoint");
  const startMs = performance.now();
  const { rowCount } = await pool.query(`copy volley.peer from ${file}`);
  return (rowCount ?? 0) / ((performance.now() - startMs) / 1_000);
}

async function startService(config: string): Promise<{ child: ChildProcess; url: string }> {
  const args = [join(import.meta.dirname, "../../src/cli.ts"), "start", "--role", "api", "--config", config];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: child.stderr })) {
    const [, url] = /up on (http:\S+?)[.:]? *(?:role|$)/.exec(line.replace(": role", " role")) ?? [];
    if (url === undefined) continue;
    child.stderr.resume();
    return { child, url };
  }
  throw new Error("The service did not come up.");
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

function peakMb({ pid }: ChildProcess): number {
  const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kb) / 1024);
}

function configuration(dataDir: string): string {
  return JSON.stringify({
    dataDir,
    server: { port: 0, publicUrl: "https://volley.example" },
    log: "error",
    accounts: [
      {
        name: "mobile-digital",
        provider: "mobile-digital",
        baseUrl: "https://mobile-digital.example",
        credentials: { clientId: "id", clientSecret: "secret" },
      },
    ],
  });
}

function perSecond(value: number): string {
  return `${value.toFixed(0)} rows/s`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
