// Runs one command: configuration, parts, the command itself, and what is left of them afterwards.
//
// Queue, HTTP client and workers are imported by the commands that need them: the rest answers sooner.

import { type Config, loadConfig } from "../config.ts";
import { VolleyError } from "../domain/errors.ts";
import { type LedgerParts, type OpenOptions, openLedgerParts } from "../ledger-parts.ts";
import type { Parts } from "../parts.ts";
import { createLog, type Logger } from "../platform/log.ts";

export type GlobalOptions = { readonly config?: string };

/** A command that a person waits for gives a database less time than a service does. */
const DATABASE_WAIT_MS = 5_000;
const DRAIN_MS = 25_000;

type Work<P, T> = (parts: P) => Promise<T>;

/** For commands that send nothing. */
export async function withLedger<T>(options: GlobalOptions, work: Work<LedgerParts, T>): Promise<T> {
  const config = loadConfig(options.config);
  const { parts } = await openLedgerParts(config, { log: quietLog(config), waitMs: DATABASE_WAIT_MS });
  return workAndClose(parts, work);
}

export async function withParts<T>(options: GlobalOptions, work: Work<Parts, T>): Promise<T> {
  const config = loadConfig(options.config);
  return withPartsOf(config, { log: quietLog(config), waitMs: DATABASE_WAIT_MS }, work);
}

export async function withPartsOf<T>(config: Config, options: OpenOptions, work: Work<Parts, T>): Promise<T> {
  const { openParts } = await import("../parts.ts");
  return workAndClose(await openParts(config, options), work);
}

/** A command does one thing: its log says only what went wrong. */
function quietLog(config: Config): Logger {
  return createLog(config.log === "debug" ? "debug" : "error");
}

async function workAndClose<P extends { readonly close: () => Promise<void> }, T>(
  parts: P,
  work: Work<P, T>,
): Promise<T> {
  try {
    return await work(parts);
  } finally {
    await parts.close();
  }
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
export function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/**
 * Sends from this process until `work` is done. Whoever stops it before that gets his prompt back as soon as
 * the calls in flight have ended: a call that is cut off would be one that nobody knows the end of.
 */
export async function withWorker(
  parts: Parts,
  work: (stopped: AbortSignal) => Promise<void>,
  advice: string,
): Promise<void> {
  const stop = new AbortController();
  void untilStopped().then(() => stop.abort());
  const { startWorker } = await import("../../jobs/worker.ts");
  const worker = await startWorker(parts);
  try {
    await work(stop.signal);
  } finally {
    await worker.close(DRAIN_MS);
  }
  if (stop.signal.aborted) throw new VolleyError("state_conflict", `Stopped before the end. ${advice}`);
}
