// How long a one-time code takes from its commit to the provider's door, alone and while a campaign keeps the account at
// its limit; how ten campaigns share an account; how long a small campaign waits behind a huge one. On both engines.
//
//   npm run bench:priority -- [--codes 200] [--rate 200] [--in-flight 50] [--latency 20] [--recipients 1000000]
//                             [--seconds 30] [--workers 1] [--engine postgres,redis]
//
// Provider and workers are processes of their own. This one takes the codes in as the API would: accept, commit,
// tell the queue. Both ends read the clock of this one machine.

import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { parseConfig } from "../../src/config.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { createTellQueue } from "../../src/http/tell-queue.ts";
import { acceptCampaign } from "../../src/intake/accept-campaign.ts";
import { acceptMessage } from "../../src/intake/accept-message.ts";
import { openParts, type Parts } from "../../src/parts.ts";
import { createLog } from "../../src/platform/log.ts";
import { startRedis } from "../support/redis-server.ts";
import type { Arrival } from "./timed-provider.ts";

const here = (file: string) => join(import.meta.dirname, file);
const { values: flags } = parseArgs({
  options: {
    codes: { type: "string", default: "200" },
    rate: { type: "string", default: "200" },
    "in-flight": { type: "string", default: "50" },
    latency: { type: "string", default: "20" },
    recipients: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "30" },
    workers: { type: "string", default: "1" },
    engine: { type: "string", default: "postgres,redis" },
  },
});
const rate = Number(flags.rate);
const codes = Number(flags.codes);
/** Codes come at random, this far apart on average: a few percent of the account's rate. */
const CODE_EVERY_MS = 250;
/** The campaign runs this long before anything is measured. */
const WARM_UP_MS = 5_000;
const CAMPAIGNS = 10;
const SMALL = 50;
/** Australian mobile numbers; each part of the benchmark has a block of its own. */
const FIRST_CODE = 61_490_000_000;
const FIRST_SMALL = 61_480_000_000;
const FIRST_HUGE = 61_400_000_000;
const FIRST_SHARED = 61_450_000_000;
const SHARED_EACH = 20_000;
const CODE_WAIT_MS_MAX = 10_000;

print(
  `${flags.rate} requests/s, ${flags["in-flight"]} in flight, provider answers after ${flags.latency} ms, ` +
    `${flags.workers} workers, ${cpus().length} cores`,
);
for (const engine of flags.engine.split(",")) await measure(engine);

async function measure(engine: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "volley-bench-"));
  const redis = engine === "redis" ? await startRedis() : null;
  const provider = await startProvider();
  const config = join(folder, "volley.yaml");
  const source = configuration(folder, provider.url, redis?.url);
  await writeFile(config, source);
  const parts = await openParts(parseConfig(source, { file: config, environment: {} }), {
    log: createLog("error"),
    waitMs: 60_000,
  });
  const workers: ChildProcess[] = [];
  try {
    for (let count = 0; count < Number(flags.workers); count += 1) workers.push(await startWorker(config));
    print(`engine ${engine}`);
    print(`  codes alone:                 ${inWords(await sendCodes(parts, provider, 0))}`);

    const huge = await accept(parts, FIRST_HUGE, Number(flags.recipients));
    await releaseCampaign(parts, huge);
    await sleep(WARM_UP_MS);
    await provider.arrivals();
    const fromMs = Date.now();
    const busy = await sendCodes(parts, provider, codes);
    const perSecond = (busy.calls * 1_000) / (Date.now() - fromMs);
    print(
      `  codes during a campaign:     ${inWords(busy)}; the account at ${((100 * perSecond) / rate).toFixed(1)} % of its limit`,
    );

    print(`  ${SMALL} people behind a huge one: ${await sendSmall(parts, provider)}`);
    await parts.ledger.campaigns.cancel(huge);
    await sleep(WARM_UP_MS);
    print(`  ${CAMPAIGNS} campaigns, ${flags.seconds} s:       ${await share(parts, provider)}`);
  } finally {
    for (const worker of workers) await end(worker);
    await parts.close();
    await provider.stop();
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Waits = { readonly waitsMs: readonly number[]; readonly lost: number; readonly calls: number };

/** Milliseconds from each code's commit to its arrival. */
async function sendCodes(parts: Parts, provider: Provider, first: number): Promise<Waits> {
  const tell = createTellQueue(parts.enqueue);
  const committed = new Map<string, number>();
  for (let index = 0; index < codes; index += 1) {
    await sleep(Math.random() * 2 * CODE_EVERY_MS);
    const number = String(FIRST_CODE + first + index);
    const { chunk } = await acceptMessage(
      parts,
      { to: `+${number}`, text: `Your code is ${index}.`, from: null, class: "transactional", account: null },
      parts.rules,
    );
    committed.set(number, performance.timeOrigin + performance.now());
    if (chunk !== null) tell(chunk);
  }
  const arrived = new Map<string, number>();
  let calls = 0;
  const deadline = Date.now() + CODE_WAIT_MS_MAX;
  while (arrived.size < codes && Date.now() < deadline) {
    for (const { number, atMs } of await provider.arrivals()) {
      calls += 1;
      if (committed.has(number)) arrived.set(number, atMs);
    }
    await sleep(20);
  }
  const waitsMs = [...arrived].map(([number, atMs]) => atMs - (committed.get(number) ?? 0));
  return { waitsMs, lost: codes - arrived.size, calls };
}

/** From its start, behind a campaign that has been running for long. */
async function sendSmall(parts: Parts, provider: Provider): Promise<string> {
  const id = await accept(parts, FIRST_SMALL, SMALL);
  const startedMs = Date.now();
  await releaseCampaign(parts, id);
  const times: number[] = [];
  while (times.length < SMALL) {
    for (const { number, atMs } of await provider.arrivals()) {
      if (isOf(number, FIRST_SMALL, SMALL)) times.push(atMs - startedMs);
    }
    await sleep(20);
  }
  return `the first after ${seconds(Math.min(...times))}, the last after ${seconds(Math.max(...times))}`;
}

/** Ten campaigns that start a second apart, counted from when the last has started. */
async function share(parts: Parts, provider: Provider): Promise<string> {
  const ids: CampaignId[] = [];
  const firsts = Array.from({ length: CAMPAIGNS }, (_, index) => FIRST_SHARED + index * SHARED_EACH);
  for (const first of firsts) ids.push(await accept(parts, first, SHARED_EACH));
  for (const id of ids) {
    await releaseCampaign(parts, id);
    await sleep(1_000);
  }
  await provider.arrivals();
  await sleep(Number(flags.seconds) * 1_000);
  const calls = await provider.arrivals();
  const shares = firsts.map((first) => calls.filter(({ number }) => isOf(number, first, SHARED_EACH)).length);
  for (const id of ids) await parts.ledger.campaigns.cancel(id);
  const ratio = Math.max(...shares) / Math.min(...shares);
  return `most to fewest ${ratio.toFixed(2)} (${shares.join(", ")})`;
}

function isOf(number: string, first: number, count: number): boolean {
  return Number(number) >= first && Number(number) < first + count;
}

async function accept(parts: Parts, first: number, count: number): Promise<CampaignId> {
  async function* batches() {
    for (let from = 0; from < count; from += 1_000) {
      yield Array.from({ length: Math.min(1_000, count - from) }, (_, index) => ({
        rowNumber: from + index + 2,
        cells: [`+${first + from + index}`],
      }));
    }
  }
  const { id } = await acceptCampaign(
    parts,
    {
      name: "bench",
      class: "marketing",
      template: "We open on Monday.",
      from: null,
      account: null,
      sendAt: null,
      timeZone: null,
    },
    { headers: ["phone"], columns: { phone: 0 }, batches: batches(), country: undefined },
    { rules: parts.rules },
  );
  return id;
}

type Provider = {
  readonly url: string;
  readonly arrivals: () => Promise<readonly Arrival[]>;
  readonly stop: () => Promise<void>;
};

async function startProvider(): Promise<Provider> {
  const child = fork(here("timed-provider.ts"), [flags.latency], { serialization: "advanced" });
  const [url] = await once(child, "message");
  return {
    url,
    async arrivals() {
      const answer = once(child, "message");
      child.send("arrivals");
      const [list] = await answer;
      return list;
    },
    async stop() {
      const gone = once(child, "exit");
      child.send("stop");
      await gone;
    },
  };
}

async function startWorker(config: string): Promise<ChildProcess> {
  const args = [here("../../src/cli.ts"), "start", "--role", "worker", "--config", config];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.startsWith("Volley is up")) break;
  }
  child.stderr.resume();
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

function configuration(folder: string, url: string, redis: string | undefined): string {
  return JSON.stringify({
    dataDir: join(folder, "data"),
    ...(redis === undefined ? {} : { redis }),
    log: "error",
    accounts: [
      {
        name: "mobile-digital",
        provider: "mobile-digital",
        baseUrl: `${url}/mobile-digital`,
        credentials: { clientId: "demo-id", clientSecret: "demo-secret" },
        limits: { requestsPerSecond: rate, inFlight: Number(flags["in-flight"]) },
      },
    ],
  });
}

function inWords({ waitsMs, lost }: Waits): string {
  const sorted = waitsMs.toSorted((one, other) => one - other);
  const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN).toFixed(0);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, longest ${at(1)} ms${lost === 0 ? "" : `; ${lost} NOT SEEN`}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
