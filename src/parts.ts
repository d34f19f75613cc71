// Builds the parts from the configuration and wires them: what all entries have in common.
//
// The database comes first and must answer; everything else may come and go while the process runs.

import assert from "node:assert";
import type { AccountParts } from "../jobs/send-request.ts";
import type { Config } from "./config.ts";
import { VolleyError } from "./domain/errors.ts";
import { unknownRules } from "./domain/unknown.ts";
import type { Engine } from "./engine/engine.ts";
import { createPostgresEngine } from "./engine/postgres.ts";
import { createRedisEngine } from "./engine/redis.ts";
import type { IntakeRules } from "./intake/choose-accounts.ts";
import { planNextOccurrence } from "./intake/plan-reminder.ts";
import { createLeaseKeeper } from "./ledger/lease-keeper.ts";
import { createLedger } from "./ledger/ledger.ts";
import type { PlanNext } from "./ledger/renew-reminders.ts";
import { createCircuits } from "./limits/circuit.ts";
import { createInFlight } from "./limits/in-flight.ts";
import { createLimiter } from "./limits/limiter.ts";
import { openEmbeddedPostgres } from "./platform/embedded-postgres.ts";
import { createHttpClient } from "./platform/http-client.ts";
import type { Logger } from "./platform/log.ts";
import { createPool, describeDatabaseError, waitForDatabase } from "./platform/postgres.ts";
import { readDatabaseState } from "./platform/postgres-state.ts";
import { providerOf } from "./providers/index.ts";
import { createReportSenders } from "./providers/report-senders.ts";
import { createTransport } from "./providers/transport.ts";
import { createEnqueue } from "./queue/enqueue.ts";
import { queueCount } from "./queue/queues.ts";
import { fetchToken } from "./tokens/oauth-client.ts";
import { createSharedTokens } from "./tokens/shared-token.ts";
import { createWebhooks } from "./webhooks/webhooks.ts";

export type Parts = Awaited<ReturnType<typeof openParts>>;

const LEDGER_CONNECTIONS_MAX = 10;

/** `waitMs`: how long a database that is not there yet is waited for. Migrates, so that every entry just works. */
export async function openParts(
  config: Config,
  { log, waitMs }: { readonly log: Logger; readonly waitMs: number },
) {
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await Promise.resolve(one()).catch(() => undefined);
  };
  try {
    const databaseUrl = await openDatabase(config, log, closers);
    const pool = createPool({
      url: databaseUrl,
      applicationName: "volley",
      max: LEDGER_CONNECTIONS_MAX,
      log,
    });
    closers.push(() => pool.end());
    await waitForDatabase(pool, { timeoutMs: waitMs, log });

    const engine = openEngine(config, databaseUrl, log);
    closers.push(() => engine.close());
    const ledger = createLedger({
      pool,
      attemptsMax: config.retry.retries + 1,
      exemptClasses: config.optOuts.exempt,
      encryptionKey: config.encryptionKey,
    });
    await ledger.migrate();
    await engine.migrate().catch((error: unknown) => {
      // Redis may come later: until then work is accepted into the ledger, and workers wait. Without a Redis
      // configured the engine's tables are the database's, and nothing works without them.
      if (config.redis === null || !(error instanceof VolleyError)) throw error;
      log.warn({ code: error.code }, error.message);
    });

    const http = createHttpClient({
      connectionsPerOrigin: Math.max(10, ...config.accounts.map(({ limits }) => limits.inFlight)),
    });
    closers.push(() => http.close());
    const tokens = createSharedTokens({
      cells: engine.tokens,
      usesToken: (account) => providerOf(account).buildTokenRequest(account) !== null,
      fetchToken: (account) => {
        const request = providerOf(account).buildTokenRequest(account);
        assert(request !== null, "asked for a token that usesToken denies");
        return fetchToken({ http, request, account, log });
      },
      encryptionKey: config.encryptionKey,
      refreshEveryMs: config.token.refreshEverySeconds * 1000,
      log,
    });
    const limiter = createLimiter({ rates: engine.rates, log });
    const enqueue = createEnqueue({ backend: engine.queueBackend, log });
    closers.push(() => enqueue.close());
    const leases = createLeaseKeeper({ extend: ledger.chunks.extendLeases, log });
    closers.push(() => leases.close());

    const webhooks = createWebhooks(config.webhooks);
    closers.push(() => webhooks.close());
    const accounts = openAccounts(config);
    const rules = intakeRules(accounts, config);
    const planNext: PlanNext = (draft, nowMs) => planNextOccurrence(draft, rules, nowMs);
    return {
      config,
      log,
      ledger,
      engine,
      tokens,
      limiter,
      enqueue,
      leases,
      circuits: createCircuits({ pause: limiter.pause, log }),
      transport: createTransport({ http }),
      accounts,
      rules,
      planNextOccurrence: planNext,
      reportDoor: { senders: createReportSenders(accounts), store: ledger.inbox.store, log },
      webhooks,
      retry: config.retry,
      quietHours: config.quietHours,
      databaseState: () => readDatabaseState(pool),
      /** The reasons why this process cannot work now; empty when it can. */
      async faults(): Promise<string[]> {
        const database = await pool.query("select 1").then(
          () => [],
          (error: unknown) => [`database: ${describeDatabaseError(error)}`],
        );
        return [...database, ...(await engine.check())];
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openDatabase(config: Config, log: Logger, closers: (() => unknown)[]): Promise<string> {
  if (config.database !== null) return config.database.reveal();
  const embedded = await openEmbeddedPostgres({ dataDir: config.dataDir, log });
  closers.push(() => embedded.close());
  return embedded.url;
}

function openEngine(config: Config, databaseUrl: string, log: Logger): Engine {
  return config.redis === null
    ? createPostgresEngine({ url: databaseUrl, queues: queueCount(config.accounts.length), log })
    : createRedisEngine({ connection: config.redis.reveal(), log });
}

function openAccounts(config: Config): ReadonlyMap<string, AccountParts> {
  return new Map(
    config.accounts.map((account) => {
      const provider = providerOf(account);
      return [
        account.name,
        {
          account,
          provider,
          unknownRules: unknownRules(account.unknown, provider.lookUp !== null),
          inFlight: createInFlight(account.limits.inFlight),
        },
      ];
    }),
  );
}

/** By which the intake takes messages. */
function intakeRules(accounts: ReadonlyMap<string, AccountParts>, config: Config): IntakeRules {
  return {
    routes: config.routes,
    quietHours: config.quietHours,
    currency: config.currency,
    caps: config.caps,
    accounts: new Map(
      [...accounts].map(([name, { account, provider }]) => [
        name,
        {
          account,
          segmentsMax: provider.facts.segmentsMax,
          batchMax: provider.facts.batchMax,
          textFault: provider.textFault,
          senderFault: provider.senderFault,
        },
      ]),
    ),
  };
}

/** The account's parts, or an error that lists the accounts there are. */
export function accountNamed(parts: Pick<Parts, "accounts">, name: string): AccountParts {
  const found = parts.accounts.get(name);
  if (found !== undefined) return found;
  const names = [...parts.accounts.keys()].join(", ") || "none";
  throw new VolleyError("usage", `No account is named "${name}". Configured: ${names}.`);
}
