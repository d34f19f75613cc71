// `volley doctor`: everything that has to be right before a message can be sent, one line a check. It opens the
// parts as every command does (so it migrates too) and works beside a running `volley start`: its token calls go
// through the shared token, and the workers take what it got.
//
// A fault is what stops messages or loses reports; a warning is what a person had better know. Exit code 1 on any
// fault; a configuration that cannot be read ends it with 3, as it does every command.

import { isIPv4, isIPv6 } from "node:net";
import { type Config, loadConfig } from "../config.ts";
import type { Account } from "../domain/account.ts";
import { VolleyError } from "../domain/errors.ts";
import { openParts, type Parts } from "../parts.ts";
import { createLog } from "../platform/log.ts";
import { describeDatabaseError, isUnreachable, sqlStateOf } from "../platform/postgres.ts";
import type { Provider } from "../providers/provider.ts";
import { duration, print, printJson, say } from "./output.ts";
import type { GlobalOptions } from "./run.ts";

type Check = {
  readonly check: string;
  readonly state: "ok" | "warning" | "fault";
  /** What was found; for a fault also what to do. */
  readonly text: string;
};

const DATABASE_WAIT_MS = 5_000;
/** Signed reports carry a time, and people compare the times that they read. */
const CLOCK_GAP_MS_MAX = 10_000;

export async function doctor(options: GlobalOptions & { readonly json?: boolean }): Promise<void> {
  const config = loadConfig(options.config);
  const checks = [...checkConfig(config), ...(await checkParts(config))];
  const faults = checks.filter(({ state }) => state === "fault").length;
  if (options.json === true) printJson({ ok: faults === 0, checks });
  else printChecks(checks, faults);
  if (faults > 0) process.exitCode = 1;
}

function printChecks(checks: readonly Check[], faults: number): void {
  const width = Math.max(...checks.map(({ check }) => check.length));
  for (const { check, state, text } of checks) {
    print(`${state.padEnd("warning".length)}  ${check.padEnd(width)}  ${text}`);
  }
  say(faults === 0 ? "No fault found." : `${faults} of ${checks.length} checks found a fault.`);
}

function checkConfig(config: Config): Check[] {
  const where = config.file ?? "no file: the defaults";
  const checks: Check[] = [{ check: "configuration", state: "ok", text: where }];
  if (config.encryptionKey === null) {
    const text = "none: tokens lie in plain at rest. Set it (openssl rand -base64 32).";
    checks.push({ check: "encryptionKey", state: "warning", text });
  }
  if (config.accounts.length === 0) {
    const text = "none: nothing can be sent. Add one; see examples/volley.yaml.";
    checks.push({ check: "accounts", state: "fault", text });
  }
  return checks;
}

/** The database decides: without it there is no engine and no shared token to ask. */
async function checkParts(config: Config): Promise<Check[]> {
  const log = createLog(config.log === "debug" ? "debug" : "silent");
  let parts: Parts;
  try {
    parts = await openParts(config, { log, waitMs: DATABASE_WAIT_MS });
  } catch (error) {
    const state = "fault";
    const text = "not checked: the database comes first";
    return [
      { check: "database", state, text: reasonOf(error) },
      ...config.accounts.map(({ name }): Check => ({ check: `account ${name}`, state: "warning", text })),
    ];
  }
  try {
    return [
      ...(await checkDatabase(parts)),
      await checkEngine(parts),
      ...(await Promise.all([...parts.accounts.values()].map((one) => checkAccount(parts, one)))).flat(),
    ];
  } finally {
    await parts.close();
  }
}

async function checkDatabase({ config, databaseState, ledger }: Parts): Promise<Check[]> {
  try {
    const { version, isReadOnly, aheadMs } = await databaseState();
    const isMigrated = await ledger.isMigrated();
    const kind = config.database === null ? "embedded Postgres" : "Postgres";
    const gap = `${duration(Math.abs(aheadMs))} ${aheadMs < 0 ? "behind" : "ahead of"} this machine`;
    const advice =
      "Let both set their clocks by NTP: times of signed reports are checked, and logs compared.";
    return [
      isReadOnly
        ? { check: "database", state: "fault", text: `${kind} ${version} is read-only; name its primary` }
        : { check: "database", state: "ok", text: `${kind} ${version}` },
      isMigrated
        ? { check: "schema", state: "ok", text: "up to date" }
        : { check: "schema", state: "fault", text: "is behind this version. Run: volley migrate" },
      Math.abs(aheadMs) <= CLOCK_GAP_MS_MAX
        ? {
            check: "clock",
            state: "ok",
            text: `the database's is within ${duration(CLOCK_GAP_MS_MAX)} of ours`,
          }
        : { check: "clock", state: "fault", text: `the database's is ${gap}. ${advice}` },
    ];
  } catch (error) {
    return [{ check: "database", state: "fault", text: reasonOf(error) }];
  }
}

async function checkEngine({ config, engine }: Parts): Promise<Check> {
  const faults = await engine.check();
  if (faults.length > 0) return { check: "engine", state: "fault", text: faults.join(" ") };
  return { check: "engine", state: "ok", text: config.redis === null ? "postgres" : "redis" };
}

type OneAccount = { readonly account: Account; readonly provider: Provider };

async function checkAccount(parts: Parts, { account, provider }: OneAccount): Promise<Check[]> {
  const check = `account ${account.name}`;
  return [
    { check, state: "ok", text: describe(account, provider) },
    ...checkSender(check, account, provider),
    ...checkReports(check, account, provider, parts.config.server.publicUrl),
    await checkToken(check, parts, account),
  ];
}

/** What it can do, from the facts that its provider's file states. */
function describe({ provider: name, limits, from }: Account, { facts }: Provider): string {
  const settled = {
    "look-up": "asking the provider",
    "idempotent-resend": "the same call again",
    class: "its class",
  };
  return [
    name,
    `${facts.batchMax} messages a request at most`,
    `${limits.requestsPerSecond} requests/s`,
    ...(limits.segmentsPerSecond === null ? [] : [`${limits.segmentsPerSecond} segments/s`]),
    `texts of ${facts.segmentsMax} segments`,
    facts.takesSender ? `sender ${from ?? "of each message"}` : "the gateway's sender",
    `an unknown is settled by ${settled[facts.unknownSettledBy]}`,
    facts.hasReports ? "sends delivery reports" : "sends no delivery reports",
  ].join(", ");
}

function checkSender(check: string, { from }: Account, { senderFault }: Provider): Check[] {
  const fault = senderFault(from);
  if (fault === null) return [];
  const text = `the sender ${fault}: set from, or name one with every message`;
  return [{ check: `${check}, from`, state: "warning", text }];
}

function checkReports(
  name: string,
  { reports, baseUrl }: Account,
  { facts }: Provider,
  publicUrl: string | null,
): Check[] {
  const check = `${name}, reports`;
  if (reports === null) {
    if (!facts.hasReports) return [];
    const text =
      "none are asked for. Set accounts[].reports and server.publicUrl to learn what was delivered.";
    return [{ check, state: "warning", text }];
  }
  const url = URL.parse(publicUrl ?? "");
  if (url === null) return [{ check, state: "fault", text: "server.publicUrl is not an address" }];
  const isOurMachine = isLoopback(url.hostname);
  // A simulator on this machine reaches it without a certificate, and nobody else sees the secret.
  if (isOurMachine && baseUrl !== null && isLoopback(URL.parse(baseUrl)?.hostname ?? "")) {
    return [{ check, state: "ok", text: `come to ${url.origin}, from this machine` }];
  }
  if (isOurMachine) {
    const text = `server.publicUrl leads to ${url.hostname}, which the provider cannot reach. Set it to your public address.`;
    return [{ check, state: "fault", text }];
  }
  if (url.protocol !== "https:") {
    const text =
      "server.publicUrl is not https: the address holds the account's report secret. Put a proxy with TLS before it.";
    return [{ check, state: "fault", text }];
  }
  return [{ check, state: "ok", text: `come to ${url.origin}` }];
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  if (isIPv4(bare)) return bare.startsWith("127.") || bare === "0.0.0.0";
  if (isIPv6(bare)) return bare === "::1" || bare === "::";
  return bare === "localhost" || bare.endsWith(".localhost");
}

/** A new token, not the one at hand: an old one that still lives says nothing of credentials that were changed. */
async function checkToken(name: string, { tokens }: Parts, account: Account): Promise<Check> {
  const check = `${name}, token`;
  try {
    if ((await tokens.refresh(account)) === null) {
      const text = "none: the account logs in with a fixed key, which only a message can prove";
      return { check, state: "ok", text };
    }
    const token = await tokens.show(account);
    const life =
      token === null ? "" : `, generation ${token.generation}, good for ${duration(token.remainingMs)}`;
    return { check, state: "ok", text: `granted with every scope that was asked for${life}` };
  } catch (error) {
    return { check, state: "fault", text: reasonOf(error) };
  }
}

/** Anything else than an expected end is a fault of ours, and ends the command as such. */
function reasonOf(error: unknown): string {
  if (error instanceof VolleyError) return error.message;
  if (isUnreachable(error) || sqlStateOf(error) !== null) return describeDatabaseError(error);
  throw error;
}
