// The whole route for a test: a database, an engine, simulated providers, workers in this process or in their
// own, and the audit that compares the ledger with what the providers took.
//
// The audit is the test's last word: it knows what holds after any fault, and a test adds what holds after its own.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { expect, onTestFinished } from "vitest";
import { reconcile } from "../../jobs/reconcile.ts";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { startWorker, type Worker } from "../../jobs/worker.ts";
import { parseConfig } from "../../src/config.ts";
import { isFinished } from "../../src/domain/campaign.ts";
import type { CampaignId, MessageClass } from "../../src/domain/message.ts";
import { openHttpServer } from "../../src/http/server.ts";
import { acceptCampaign } from "../../src/intake/accept-campaign.ts";
import { openParts, type Parts } from "../../src/parts.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { type ProviderName, providerNames } from "../../src/providers/index.ts";
import { accountQueue, lanes, openQueue } from "../../src/queue/queues.ts";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase } from "./database.ts";
import { audit as auditLedger, silent } from "./ledger.ts";
import { startRedis } from "./redis.ts";
import { accountAt } from "./volley-command.ts";
import { startWorkerProcess, type WorkerProcess } from "./worker-processes.ts";

export const engines = ["postgres", "redis"] as const;
export type EngineName = (typeof engines)[number];
/** Also the names of the route's accounts; these two when a test does not choose. */
export const accountNames = ["sinch", "mobile-digital"] as const;
export type AccountName = ProviderName;

export type Person = { readonly to: string; readonly values: readonly string[] };
export type CampaignOptions = {
  readonly class?: MessageClass;
  readonly template?: string;
  readonly fields?: readonly string[];
  readonly sendAt?: string;
  readonly timeZone?: string;
};

export type RouteOptions = {
  readonly engine?: EngineName;
  readonly simulator?: SimulatorOptions;
  readonly accounts?: readonly AccountName[];
  /** As in volley.yaml. */
  readonly routes?: readonly object[];
  /** Accounts that ask for delivery reports; the doors for them are opened. */
  readonly reports?: readonly AccountName[];
  /** Settings of single accounts that go over the harness's own. */
  readonly overrides?: (simulator: Simulator) => Readonly<Partial<Record<AccountName, object>>>;
  readonly limits?: Readonly<Partial<Record<AccountName, Limits>>>;
  /** Settings of volley.yaml that go over the harness's own. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** In place of a database in the test run's server, or a Redis started for this route. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
};
type Limits = {
  readonly requestsPerSecond?: number;
  readonly segmentsPerSecond?: number;
  readonly inFlight?: number;
};

export type Route = Awaited<ReturnType<typeof openRoute>>;

const FINISH_MS_MAX = 60_000;
const POLL_MS = 25;
/** A sweep sooner than the workers' own, so that tests need not wait for the schedule. */
const SWEEP_EVERY_MS = 250;
const DRAIN_MS = 10_000;
const DATABASE_WAIT_MS = 10_000;
const FAST: Limits = { requestsPerSecond: 2_000, inFlight: 50 };

/** Everything it opens ends with the test. */
export async function openRoute(options: RouteOptions = {}) {
  const closers: (() => Promise<unknown> | unknown)[] = [];
  onTestFinished(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const databaseUrl = options.databaseUrl ?? (await openTestDatabase(closers));
  const redisUrl = options.redisUrl ?? (options.engine === "redis" ? await openTestRedis(closers) : null);
  const simulator = await createSimulator({ keepDetails: true, ...options.simulator });
  closers.push(simulator.close);
  const folder = await mkdtemp(join(tmpdir(), "volley-route-"));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const configFile = join(folder, "volley.yaml");
  // JSON is YAML.
  const port = options.reports === undefined ? 0 : await findFreePort();
  const source = JSON.stringify(describeConfig(options, { simulator, databaseUrl, redisUrl, port }), null, 2);
  await writeFile(configFile, source);
  const config = parseConfig(source, { file: configFile, environment: {} });
  const pool = createPool({ url: databaseUrl, applicationName: "volley-test", max: 2, log: silent });
  closers.push(() => pool.end());

  const openSet = async (): Promise<Parts> => {
    const parts = await openParts(config, { log: silent, waitMs: DATABASE_WAIT_MS });
    closers.push(parts.close);
    return parts;
  };
  const parts = await openSet();
  if (options.reports !== undefined) closers.push(await openDoors(parts, simulator, options.reports));

  const find = async (id: CampaignId) => {
    const campaign = await parts.ledger.campaigns.find(id);
    if (campaign === null) throw new Error(`There is no campaign ${id}.`);
    return campaign;
  };

  return {
    parts,
    simulator,
    /** For the statements of a person at the database. */
    pool,
    /** Parts of another process, as far as parts can tell. */
    openSet,
    /** A worker in this process; ended with the route. */
    async work(set: Parts = parts): Promise<Worker> {
      const worker = await startWorker(set);
      closers.push(() => worker.close(DRAIN_MS));
      return worker;
    },
    async startProcess(): Promise<WorkerProcess> {
      const started = await startWorkerProcess(configFile);
      closers.push(async () => {
        started.thaw();
        await started.kill();
      });
      return started;
    },
    /** An accepted campaign; nobody works on it before `start`. */
    accept: (people: readonly Person[], campaign: CampaignOptions = {}) => accept(parts, people, campaign),
    start: (id: CampaignId) => releaseCampaign(parts, id),
    sweep: () => reconcile(parts),
    /** Resolves with the campaign's state; sweeps meanwhile unless the workers are to manage by themselves. */
    async untilFinished(id: CampaignId, { unaided = false, withinMs = FINISH_MS_MAX } = {}) {
      const deadline = performance.now() + withinMs;
      let sweptAtMs = performance.now();
      while (performance.now() < deadline) {
        const { state } = await find(id);
        if (isFinished(state)) return state;
        if (!unaided && performance.now() - sweptAtMs > SWEEP_EVERY_MS) {
          await reconcile(parts);
          sweptAtMs = performance.now();
        }
        await sleep(POLL_MS);
      }
      const counts = JSON.stringify(await parts.ledger.campaigns.counts(id));
      const { rows: chunks } = await pool.query(
        `select id, account, state, lease_until - now() as held_for, due_at - now() as due_in
         from volley.chunk where campaign_id = $1 and state <> 'done'`,
        [id],
      );
      throw new Error(
        `The campaign is not finished after ${withinMs} ms: ${counts}, open chunks: ${JSON.stringify(chunks)}`,
      );
    },
    counts: (id: CampaignId) => parts.ledger.campaigns.counts(id),
    facts: (id: CampaignId) => parts.ledger.messages.campaignFacts(id),
    /** Messages whose attempt is open. */
    async openAttempts(): Promise<number> {
      const { rows } = await pool.query<{ open: string }>(
        "select count(*) as open from volley.message where state = 'sending'",
      );
      return Number(rows[0]?.open);
    },
    /** As if a minute had passed: what dead workers held is free, and the sweep has found it. */
    async passMinute(): Promise<void> {
      await pool.query("update volley.chunk set lease_until = now() where lease is not null");
      for (const name of parts.accounts.keys()) {
        for (const lane of lanes) {
          const queue = openQueue(accountQueue(name, lane), parts.engine.queueBackend, silent);
          await queue.obliterate({ force: true });
          await queue.resume();
          await queue.close();
        }
      }
      await reconcile(parts);
    },
    audit: (id: CampaignId, options: AuditOptions = {}) =>
      auditRoute({ parts, pool, simulator: options.simulator ?? simulator }, id, options),
  };
}

async function openTestDatabase(closers: (() => unknown)[]): Promise<string> {
  const database = await createDatabase();
  closers.push(database.drop);
  return database.url;
}

/** The engine's keys have a fixed prefix, so that each route needs a server of its own. */
async function openTestRedis(closers: (() => unknown)[]): Promise<string> {
  const redis = await startRedis();
  closers.push(redis.stop);
  return redis.url;
}

function describeConfig(
  { accounts = accountNames, limits, overrides, reports, routes, settings }: RouteOptions,
  from: { simulator: Simulator; databaseUrl: string; redisUrl: string | null; port: number },
) {
  const { simulator, databaseUrl, redisUrl, port } = from;
  return {
    database: databaseUrl,
    ...(redisUrl === null ? {} : { redis: redisUrl }),
    server: { port, publicUrl: `http://127.0.0.1:${port}` },
    accounts: accounts.map((name) => ({
      ...accountAt(simulator.url, name),
      ...(name === "mobile-digital" ? {} : { from: "Volley" }),
      limits: { ...FAST, ...limits?.[name] },
      ...(reports?.includes(name) ? { reports: { secret: REPORT_SECRET } } : {}),
      ...overrides?.(simulator)[name],
    })),
    routes: routes ?? [{ prefix: "+46", accounts: ["sinch"] }, { accounts: ["mobile-digital"] }],
    retry: { baseMs: 100 },
    unknown: { lookUpAfterSeconds: [0.2, 0.5], resendTransactionalAfterSeconds: 0.5 },
    log: "warn",
    ...settings,
  };
}

const REPORT_SECRET = "secret-of-the-report-doors";

/** The doors for providers; inbound SMS of the accounts come in there, too. Answers what closes them. */
async function openDoors(
  { config, reportDoor }: Parts,
  simulator: Simulator,
  accounts: readonly AccountName[],
): Promise<() => Promise<void>> {
  const server = await openHttpServer({ ...config.server, readiness: async () => [], reportDoor });
  for (const name of accounts) {
    const inboundUrl = `${config.server.publicUrl}/inbound/${name}/${REPORT_SECRET}`;
    simulator.setReports(name, { inboundUrl });
  }
  return server.close;
}

/** Numbers of one country for each account: Sweden, Britain, Norway and Australia; any other gets Danish ones. */
const FIRST_NUMBERS: Readonly<Partial<Record<AccountName, number>>> = {
  sinch: 46_701_000_000,
  infobip: 447_400_000_000,
  smscx: 4_740_000_000,
  "mobile-digital": 61_400_000_000,
};

export function people(account: AccountName, count: number): Person[] {
  const first = FIRST_NUMBERS[account] ?? 4_520_000_000;
  return Array.from({ length: count }, (_, index) => ({
    to: `+${first + index}`,
    values: [`Name ${index}`, `code-${index}`],
  }));
}

export const DEFAULT_TEMPLATE = "Hello {{name}}, your code is {{code}}.";
const DEFAULT_FIELDS = ["name", "code"];

async function accept(
  parts: Parts,
  persons: readonly Person[],
  campaign: CampaignOptions,
): Promise<CampaignId> {
  async function* batches() {
    const rows = persons.map(({ to, values }, index) => ({ rowNumber: index + 2, cells: [to, ...values] }));
    for (let from = 0; from < rows.length; from += 1000) yield rows.slice(from, from + 1000);
  }
  const { id, accepted } = await acceptCampaign(
    parts,
    {
      name: "route",
      class: campaign.class ?? "marketing",
      template: campaign.template ?? DEFAULT_TEMPLATE,
      from: null,
      account: null,
      sendAt: campaign.sendAt ?? null,
      timeZone: campaign.timeZone ?? null,
    },
    {
      headers: ["phone", ...(campaign.fields ?? DEFAULT_FIELDS)],
      columns: { phone: 0 },
      batches: batches(),
      country: undefined,
    },
    { rules: parts.rules },
  );
  expect(accepted, "all rows are accepted").toBe(persons.length);
  return id;
}

export type AuditOptions = {
  /** In place of the route's own, which was closed. */
  readonly simulator?: Simulator;
  /** Messages that were sent again by policy may have arrived twice; how many is the test's to check. */
  readonly resends?: boolean;
};

/** What holds after any fault, when no call is in flight any more. */
async function auditRoute(
  { parts, pool, simulator }: { parts: Parts; pool: Pool; simulator: Simulator },
  id: CampaignId,
  { resends = false }: AuditOptions,
): Promise<void> {
  await auditLedger({ ledger: parts.ledger, pool }, id);
  const { rows } = await pool.query<{ recipient: string; state: string; attempts: number }>(
    `select m.recipient, m.state, m.attempts from volley.message m
     join volley.chunk c on c.id = m.chunk_id where c.campaign_id = $1`,
    [id],
  );
  const received = (to: string) =>
    providerNames.reduce(
      (sum, name) => sum + (simulator.acceptedPerRecipient(name).get(to.slice(1)) ?? 0),
      0,
    );
  const wrong = rows.filter(({ recipient, state }) => {
    const count = received(recipient);
    if (takenStates.includes(state)) return resends ? count < 1 : count !== 1;
    return state === "unknown" ? count > 1 : count > 0;
  });
  expect(wrong, "people whose messages the ledger and the providers see differently").toEqual([]);
  if (!resends) expect(simulator.duplicates(), "messages that somebody got twice").toEqual([]);
  expect(Math.max(...rows.map((row) => row.attempts)), "tries of one message").toBeLessThanOrEqual(4);
  await auditAttempts(pool, simulator, resends);
}

const takenStates = ["accepted", "delivered", "undelivered"];

async function auditAttempts(pool: Pool, simulator: Simulator, resends: boolean): Promise<void> {
  const { rows: twice } = await pool.query(
    `select message_id from volley.attempt
     where (outcome = 'accepted' and not late) or settled_as = 'accepted'
     group by message_id having count(*) > 1`,
  );
  if (!resends) expect(twice, "messages with two accepted attempts").toEqual([]);
  const { rows } = await pool.query<{ call_id: string }>(
    `select call_id from volley.message where call_id is not null
     union select call_id from volley.attempt`,
  );
  const committed = new Set(rows.map((row) => row.call_id));
  const strangers = [...simulator.acceptedPerReference("sinch")].filter(
    ([reference, count]) => count !== 1 || !committed.has(reference),
  );
  expect(strangers, "accepted calls without one committed attempt").toEqual([]);
}
