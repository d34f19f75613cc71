// `volley start`: the service. API, workers or both, until it is told to stop; then it drains.

import { startWorker, type Worker } from "../../jobs/worker.ts";
import { loadConfig } from "../config.ts";
import { VolleyError } from "../domain/errors.ts";
import { openHttpServer } from "../http/server.ts";
import type { Parts } from "../parts.ts";
import { createLog } from "../platform/log.ts";
import { apiDoors } from "./api-doors.ts";
import { say } from "./output.ts";
import type { Role } from "./roles.ts";
import { type GlobalOptions, untilStopped, withPartsOf } from "./run.ts";

const DATABASE_WAIT_MS = 60_000;
/** Inside the 30 s that orchestrators wait before they kill. Calls still open then become unknown. */
const DRAIN_MS = 25_000;

export async function start(options: GlobalOptions & { readonly role: Role }): Promise<void> {
  const stopped = untilStopped();
  const config = loadConfig(options.config);
  const log = createLog(config.log);
  await withPartsOf(config, { log, waitMs: DATABASE_WAIT_MS }, async (parts) => {
    if (options.role !== "api") await getFirstTokens(parts);
    const worker = options.role === "api" ? null : await startWorker(parts);
    const server =
      options.role === "worker"
        ? null
        : await openHttpServer({
            ...config.server,
            readiness: () => readiness(parts, worker),
            reportDoor: parts.reportDoor,
            api: apiDoors(parts),
          }).catch(async (error) => {
            await worker?.close(DRAIN_MS);
            throw error;
          });
    const accounts = [...parts.accounts.keys()].join(", ") || "none";
    say(
      `Volley is up${server === null ? "" : ` on ${server.url}`}: role ${options.role}, accounts ${accounts}.`,
    );
    say(`${await stopped}: draining ...`);
    await server?.close();
    await worker?.close(DRAIN_MS);
  });
  say("Stopped.");
}

async function readiness(parts: Parts, worker: Worker | null): Promise<readonly string[]> {
  const faults = await parts.faults();
  return worker === null || worker.isUp() ? faults : [...faults, "workers: not running"];
}

/**
 * Asks for every account's token before any work starts. Refused credentials of one account hold that account
 * only; when no account at all can log in, there is nothing to run for.
 */
async function getFirstTokens(parts: Parts): Promise<void> {
  const refusals: VolleyError[] = [];
  await Promise.all(
    [...parts.accounts.values()].map(async ({ account }) => {
      try {
        await parts.tokens.get(account);
      } catch (error) {
        if (!(error instanceof VolleyError)) throw error;
        if (error.exitCode === 3) refusals.push(error);
        parts.log.error({ account: account.name, code: error.code }, error.message);
      }
    }),
  );
  const [first] = refusals;
  if (first !== undefined && refusals.length === parts.accounts.size) throw first;
}
