// How fast, beside what: messages a second through each provider, and a bare undici loop that sends the same
// requests to the same simulator in the same minute, without queue, ledger, token or limit.
//
//   npm run bench -- [--recipients 100000] [--rounds 3] [--in-flight 50] [--redis redis://...]
//
// Every part is a process of its own: simulator, intake, worker. Figures are medians over the rounds; the
// peaks of memory are the kernel's (VmHWM), so they are printed on Linux only.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { startSimulator } from "../../src/cli/simulator-process.ts";

const cli = join(import.meta.dirname, "../../src/cli.ts");
const { values: flags } = parseArgs({
  options: {
    recipients: { type: "string", default: "100000" },
    rounds: { type: "string", default: "3" },
    "in-flight": { type: "string", default: "50" },
    redis: { type: "string" },
  },
});
const recipients = Number(flags.recipients);
const rounds = Number(flags.rounds);
const inFlight = Number(flags["in-flight"]);

type Target = {
  readonly provider: "sinch" | "mobile-digital";
  readonly batch: number;
  readonly prefix: string;
};
const targets: readonly Target[] = [
  { provider: "mobile-digital", batch: 1, prefix: "+614" },
  { provider: "sinch", batch: 1000, prefix: "+467" },
];

const folder = await mkdtemp(join(tmpdir(), "volley-bench-"));
const simulator = await startSimulator();
const children = new Set<ChildProcess>();
try {
  const config = join(folder, "volley.yaml");
  await writeFile(config, configuration());
  print(
    `${recipients} recipients, ${rounds} rounds, ${inFlight} calls in flight, engine ${flags.redis ? "redis" : "postgres"}, ${cpus().length} cores`,
  );
  for (const target of targets) await measure(target, config);
} finally {
  for (const child of children) await end(child);
  await simulator.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(target: Target, config: string): Promise<void> {
  const csv = join(folder, `${target.provider}.csv`);
  await writeFile(csv, recipientsCsv(target));
  const bare: number[] = [];
  const volley: number[] = [];
  const rows: number[] = [];
  let workerPeak = 0;
  let intakePeak = 0;
  for (let round = 1; round <= rounds; round++) {
    bare.push(await runBareLoop(target));
    const worker = await startWorkerProcess(config);
    const created = await createCampaign(config, csv, target);
    intakePeak = Math.max(intakePeak, created.peakMb);
    rows.push(created.rowsPerSecond);
    volley.push(await untilFinished(config, created.id));
    workerPeak = Math.max(workerPeak, peakMb(worker));
    await end(worker);
    print(`  round ${round}: bare ${bare.at(-1)?.toFixed(0)}/s, volley ${volley.at(-1)?.toFixed(0)}/s`);
  }
  const ratio = median(volley) / median(bare);
  print(
    `${target.provider} (${target.batch} a request): volley ${median(volley).toFixed(0)} messages/s, bare undici loop ${median(bare).toFixed(0)} messages/s, ratio ${ratio.toFixed(2)}; ` +
      `intake ${median(rows).toFixed(0)} rows/s; peak memory intake ${intakePeak} MB, worker ${workerPeak} MB`,
  );
}

/** The same requests over the same number of connections, and nothing else. */
async function runBareLoop({ provider, batch, prefix }: Target): Promise<number> {
  const pool = new Pool(simulator.url, { connections: inFlight, pipelining: 1 });
  const token = await bareToken(pool, provider);
  let next = 0;
  const startedMs = performance.now();
  const lane = async () => {
    while (next < recipients) {
      const from = next;
      next += batch;
      const to = Array.from({ length: Math.min(batch, recipients - from) }, (_, index) =>
        numberOf(prefix, from + index),
      );
      const { path, body } = provider === "sinch" ? sinchSend(to, from) : mobileSend(to[0] ?? "", from);
      const reply = await pool.request({
        method: "POST",
        path: `/${provider}${path}`,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
      await reply.body.text();
      if (reply.statusCode >= 300) throw new Error(`The simulator answered ${reply.statusCode}.`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const perSecond = (recipients * 1000) / (performance.now() - startedMs);
  await pool.close();
  return perSecond;
}

function mobileSend(recipient: string, index: number) {
  return {
    path: "/sendSMS",
    body: JSON.stringify({ recipient, message: `Hi Name ${index}, we open on Monday.` }),
  };
}

function sinchSend(to: readonly string[], from: number) {
  const digits = to.map((number) => number.slice(1));
  const p0 = Object.fromEntries(digits.map((number, index) => [number, `Name ${from + index}`]));
  return {
    path: "/xms/v1/demo-project/batches",
    body: JSON.stringify({
      from: "Volley",
      to: digits,
      body: `Hi \${p0}, we open on Monday.`,
      type: "mt_text",
      parameters: { p0 },
      client_reference: `bare-${from}`,
    }),
  };
}

async function bareToken(pool: Pool, provider: string): Promise<string> {
  const reply = await pool.request({
    method: "POST",
    path: `/${provider}/oauth2/token`,
    headers: {
      authorization: `Basic ${Buffer.from("demo-id:demo-secret").toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body:
      provider === "sinch" ? "grant_type=client_credentials" : "grant_type=client_credentials&scope=write",
  });
  const answer = JSON.parse(await reply.body.text());
  return answer.access_token;
}

async function startWorkerProcess(config: string): Promise<ChildProcess> {
  const child = run(["start", "--role", "worker", "--config", config]);
  for await (const line of createInterface({ input: child.stderr ?? process.stdin })) {
    if (line.startsWith("Volley is up")) break;
  }
  child.stderr?.resume();
  return child;
}

async function createCampaign(config: string, csv: string, { provider }: Target) {
  const startedMs = performance.now();
  const child = run(
    [
      "campaign",
      "create",
      "--json",
      "--csv",
      csv,
      "--name",
      "bench",
      "--account",
      provider,
      "--config",
      config,
    ].concat(["--template", "Hi {{name}}, we open on Monday."]),
  );
  child.stderr?.resume();
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, peakMb(child));
  }, 50);
  let output = "";
  for await (const piece of child.stdout ?? []) output += piece;
  clearInterval(sampling);
  const tookMs = performance.now() - startedMs;
  const { id, accepted } = JSON.parse(output);
  if (accepted !== recipients) throw new Error(`${accepted} of ${recipients} rows were accepted.`);
  return { id: String(id), peakMb: peak, rowsPerSecond: (recipients * 1000) / tookMs };
}

/** Messages a second by the ledger's own times, from the campaign's start to its end. */
async function untilFinished(config: string, id: string): Promise<number> {
  const { counts } = await ask(["campaign", "watch", id, "--json", "--config", config]);
  if (counts.accepted !== recipients) throw new Error(`The campaign ended with ${JSON.stringify(counts)}.`);
  const campaigns: { id: string; startedAt: string; finishedAt: string }[] = await ask([
    "campaign",
    "list",
    "--json",
    "--config",
    config,
  ]);
  const times = campaigns.find((one) => one.id === id);
  return (recipients * 1000) / (Date.parse(times?.finishedAt ?? "") - Date.parse(times?.startedAt ?? ""));
}

async function ask(args: readonly string[]) {
  const child = run(args);
  child.stderr?.resume();
  let output = "";
  for await (const piece of child.stdout ?? []) output += piece;
  return JSON.parse(output);
}

function run(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "pipe"] });
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

function peakMb({ pid }: ChildProcess): number {
  try {
    const [, kb = "0"] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Math.round(Number(kb) / 1024);
  } catch {
    return 0;
  }
}

function recipientsCsv({ prefix }: Target): string {
  const rows = Array.from({ length: recipients }, (_, index) => `${numberOf(prefix, index)},Name ${index}\n`);
  return `phone,name\n${rows.join("")}`;
}

function numberOf(prefix: string, index: number): string {
  // Swedish mobile numbers have nine digits after the country's code, Australian ones too.
  return `${prefix}${String(10_000_000 + index)}`;
}

function configuration(): string {
  const limits = { requestsPerSecond: 1_000_000, segmentsPerSecond: 1_000_000, inFlight };
  return JSON.stringify({
    dataDir: join(folder, "data"),
    ...(flags.redis === undefined ? {} : { redis: flags.redis }),
    log: "error",
    accounts: [
      {
        name: "sinch",
        provider: "sinch",
        baseUrl: `${simulator.url}/sinch`,
        credentials: { projectId: "demo-project", keyId: "demo-id", keySecret: "demo-secret" },
        from: "Volley",
        limits,
      },
      {
        name: "mobile-digital",
        provider: "mobile-digital",
        baseUrl: `${simulator.url}/mobile-digital`,
        credentials: { clientId: "demo-id", clientSecret: "demo-secret" },
        limits,
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
