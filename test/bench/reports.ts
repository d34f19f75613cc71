// How many delivery reports a second the doors answer and store, beside a bare node:http server that answers 200
// and stores nothing, in the same minute under the same load.
//
//   node test/bench/reports.ts [--reports 200000] [--rounds 3] [--connections 200] [--in-flight 1] [--batch 100]
//
// Load, Volley's API (on its embedded Postgres, with fsync) and the bare server are processes of their own and
// share the machine's cores. Figures are medians over the rounds.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    reports: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    connections: { type: "string", default: "200" },
    "in-flight": { type: "string", default: "1" },
    batch: { type: "string", default: "100" },
  },
});
const SECRET = "0123456789abcdef01234567";
const here = (file: string) => join(import.meta.dirname, file);
type Load = {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly statuses: Record<string, number>;
};

const folder = await mkdtemp(join(tmpdir(), "volley-bench-"));
const children = new Set<ChildProcess>();
try {
  const config = join(folder, "volley.yaml");
  await writeFile(config, configuration());
  const volley = await startServer([here("../../src/cli.ts"), "start", "--role", "api", "--config", config]);
  const bare = await startServer([here("bare-server.ts")]);
  print(
    `${flags.reports} reports a round, ${flags.rounds} rounds, ${flags.connections} connections with ${flags["in-flight"]} in flight, ${cpus().length} cores`,
  );
  for (const [account, batch] of [
    ["sinch", 1],
    ["infobip", Number(flags.batch)],
  ] as const) {
    const path = `/reports/${account}/${SECRET}`;
    const rssBefore = memoryMb(volley.child, "VmRSS");
    const volleys: Load[] = [];
    const bares: Load[] = [];
    for (let round = 1; round <= Number(flags.rounds); round++) {
      bares.push(await load(bare.url + path, batch));
      volleys.push(await load(volley.url + path, batch));
      print(
        `  round ${round}: bare ${inWords(bares.at(-1), batch)}; volley ${inWords(volleys.at(-1), batch)}`,
      );
    }
    const perSecond = median(volleys.map((one) => one.requestsPerSecond)) * batch;
    const ratio = perSecond / (median(bares.map((one) => one.requestsPerSecond)) * batch);
    print(
      `${account} (${batch} a request): ${perSecond.toFixed(0)} reports/s, p99 ${median(volleys.map((one) => one.p99Ms)).toFixed(1)} ms, ` +
        `${ratio.toFixed(2)} of the bare server; memory ${rssBefore} MB before, ${memoryMb(volley.child, "VmRSS")} MB after, ${memoryMb(volley.child, "VmHWM")} MB at most`,
    );
  }
} finally {
  for (const child of children) await end(child);
  await rm(folder, { recursive: true, force: true });
}

async function startServer(args: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = run(args);
  for await (const line of createInterface({ input: child.stderr ?? process.stdin })) {
    const [, url] = /up on (http:\S+?)[.:]? *(?:role|$)/.exec(line.replace(": role", " role")) ?? [];
    if (url === undefined) continue;
    child.stderr?.resume();
    return { child, url };
  }
  throw new Error(`${args[0]} did not come up.`);
}

async function load(url: string, batch: number): Promise<Load> {
  const requests = Math.ceil(Number(flags.reports) / batch);
  const child = run([
    here("report-load.ts"),
    url,
    String(requests),
    String(batch),
    flags.connections,
    flags["in-flight"],
  ]);
  child.stderr?.pipe(process.stderr);
  let output = "";
  for await (const piece of child.stdout ?? []) output += piece;
  const result: Load = JSON.parse(output);
  if (result.statuses["200"] !== requests) {
    print(`  not every request was answered 200: ${JSON.stringify(result.statuses)}`);
  }
  return result;
}

function run(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

function inWords(one: Load | undefined, batch: number): string {
  const perSecond = (one?.requestsPerSecond ?? 0) * batch;
  return `${perSecond.toFixed(0)}/s (p50 ${one?.p50Ms.toFixed(1)}, p99 ${one?.p99Ms.toFixed(1)} ms)`;
}

function memoryMb({ pid }: ChildProcess, field: "VmRSS" | "VmHWM"): number {
  try {
    const [, kb = "0"] =
      new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Math.round(Number(kb) / 1024);
  } catch {
    return 0;
  }
}

function configuration(): string {
  const credentials = { clientId: "id", clientSecret: "secret" };
  return JSON.stringify({
    dataDir: join(folder, "data"),
    server: { port: 0, publicUrl: "https://volley.example" },
    log: "error",
    accounts: [
      {
        name: "sinch",
        provider: "sinch",
        credentials: { projectId: "p", keyId: "id", keySecret: "secret" },
        from: "Volley",
        reports: { secret: SECRET },
      },
      {
        name: "infobip",
        provider: "infobip",
        baseUrl: "https://infobip.example",
        credentials,
        from: "Volley",
        reports: { secret: SECRET },
      },
    ],
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
