// The parts that read and write the ledger: enough for a command that sends nothing, which starts in half of the time
// without queue and HTTP client.
//
// The database comes first and must answer; everything else may come and go while the process runs.

import type { AccountParts } from "../jobs/send-request.ts";
import type { Config } from "./config.ts";
import { unknownRules } from "./domain/unknown.ts";
import type { IntakeRules } from "./intake/choose-accounts.ts";
import { planNextOccurrence } from "./intake/plan-reminder.ts";
import { createLedger } from "./ledger/ledger.ts";
import type { PlanNext } from "./ledger/renew-reminders.ts";
import { createInFlight } from "./limits/in-flight.ts";
import { openEmbeddedPostgres } from "./platform/embedded-postgres.ts";
import type { Logger } from "./platform/log.ts";
import { createPool, waitForDatabase } from "./platform/postgres.ts";
import { providerOf } from "./providers/index.ts";

export type LedgerParts = Awaited<ReturnType<typeof openLedgerParts>>["parts"];

export type OpenOptions = {
  readonly log: Logger;
  /** How long a database that is not there yet is waited for. */
  readonly waitMs: number;
};

const CONNECTIONS_MAX = 10;

/** Migrates the ledger, so that every command just works. Pool and URL are for the other parts. */
export async function openLedgerParts(config: Config, { log, waitMs }: OpenOptions) {
  const closers = createClosers();
  try {
    const databaseUrl = await openDatabase(config, log, closers);
    const pool = createPool({ url: databaseUrl, applicationName: "volley", max: CONNECTIONS_MAX, log });
    closers.add(() => pool.end());
    await waitForDatabase(pool, { timeoutMs: waitMs, log });
    const ledger = createLedger({
      pool,
      attemptsMax: config.retry.retries + 1,
      exemptClasses: config.optOuts.exempt,
      encryptionKey: config.encryptionKey,
    });
    await ledger.migrate();
    const accounts = openAccounts(config);
    const rules = intakeRules(accounts, config);
    const planNext: PlanNext = (draft, nowMs) => planNextOccurrence(draft, rules, nowMs);
    const parts = {
      config,
      log,
      ledger,
      accounts,
      rules,
      planNextOccurrence: planNext,
      close: closers.close,
    };
    return { parts, pool, databaseUrl };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

export type Closers = ReturnType<typeof createClosers>;

/** What was opened last is closed first, and each is closed whatever became of the others. */
export function createClosers() {
  const closers: (() => unknown)[] = [];
  return {
    add: (close: () => unknown) => void closers.push(close),
    async close(): Promise<void> {
      for (const one of closers.splice(0).reverse()) await Promise.resolve(one()).catch(() => undefined);
    },
  };
}

async function openDatabase(config: Config, log: Logger, closers: Closers): Promise<string> {
  if (config.database !== null) return config.database.reveal();
  const embedded = await openEmbeddedPostgres({ dataDir: config.dataDir, log });
  closers.add(() => embedded.close());
  return embedded.url;
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
