// Builds the parts from the configuration and wires them: what all entries have in common.

import assert from "node:assert";
import type { AccountParts } from "../jobs/send-request.ts";
import type { Config } from "./config.ts";
import { VolleyError } from "./domain/errors.ts";
import type { Engine } from "./engine/engine.ts";
import { createPostgresEngine } from "./engine/postgres.ts";
import { createRedisEngine } from "./engine/redis.ts";
import { createLeaseKeeper } from "./ledger/lease-keeper.ts";
import { createClosers, type OpenOptions, openLedgerParts } from "./ledger-parts.ts";
import { createCircuits } from "./limits/circuit.ts";
import { createLimiter } from "./limits/limiter.ts";
import { createHttpClient } from "./platform/http-client.ts";
import type { Logger } from "./platform/log.ts";
import { describeDatabaseError } from "./platform/postgres.ts";
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

/** Migrates ledger, engine and queue, so that every entry just works. */
export async function openParts(config: Config, options: OpenOptions) {
  const { log } = options;
  const closers = createClosers();
  try {
    const { parts, pool, databaseUrl } = await openLedgerParts(config, options);
    closers.add(parts.close);
    const { ledger, accounts } = parts;
    const engine = openEngine(config, databaseUrl, log);
    closers.add(() => engine.close());
    await engine.migrate().catch((error: unknown) => {
      // Redis may come later: until then work is accepted into the ledger, and workers wait. Without a Redis
      // configured the engine's tables are the database's, and nothing works without them.
      if (config.redis === null || !(error instanceof VolleyError)) throw error;
      log.warn({ code: error.code }, error.message);
    });

    const http = createHttpClient({
      connectionsPerOrigin: Math.max(10, ...config.accounts.map(({ limits }) => limits.inFlight)),
    });
    closers.add(() => http.close());
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
    closers.add(() => enqueue.close());
    const leases = createLeaseKeeper({ extend: ledger.chunks.extendLeases, log });
    closers.add(() => leases.close());

    const webhooks = createWebhooks(config.webhooks);
    closers.add(() => webhooks.close());
    return {
      ...parts,
      engine,
      tokens,
      limiter,
      enqueue,
      leases,
      circuits: createCircuits({ pause: limiter.pause, log }),
      transport: createTransport({ http }),
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
      close: closers.close,
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function openEngine(config: Config, databaseUrl: string, log: Logger): Engine {
  return config.redis === null
    ? createPostgresEngine({ url: databaseUrl, queues: queueCount(config.accounts.length), log })
    : createRedisEngine({ connection: config.redis.reveal(), log });
}

/** The account's parts, or an error that lists the accounts there are. */
export function accountNamed(parts: Pick<Parts, "accounts">, name: string): AccountParts {
  const found = parts.accounts.get(name);
  if (found !== undefined) return found;
  const names = [...parts.accounts.keys()].join(", ") || "none";
  throw new VolleyError("usage", `No account is named "${name}". Configured: ${names}.`);
}
