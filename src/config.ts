// volley.yaml and the environment -> one frozen, checked object. The only reader of process.env.
//
// Every fault is reported at once, each by its path, so that a new user fixes a file in one round. Values of
// credentials, addresses with passwords and keys are Sensitive from here on and print masked.

import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { issueText, toFaults } from "./config/fault-text.ts";
import { type FileForm, fileForm, isAccountName } from "./config/form.ts";
import { priceFaults } from "./config/price-faults.ts";
import { type Environment, type Fault, readTree } from "./config/tree.ts";
import type { Account, DayCap, ReportAccess, UnknownPolicy } from "./domain/account.ts";
import type { CampaignCaps } from "./domain/campaign.ts";
import { VolleyError } from "./domain/errors.ts";
import type { MessageClass } from "./domain/message.ts";
import { toPriceList } from "./domain/price.ts";
import type { QuietHours } from "./domain/quiet-hours.ts";
import type { Route } from "./domain/route.ts";
import { type Sensitive, sensitive } from "./domain/sensitive.ts";
import { isJsonObject, type JsonObject } from "./platform/json.ts";
import type { LogLevel } from "./platform/log.ts";
import type { RedisAddress } from "./platform/redis-url.ts";
import { isProviderName, providers } from "./providers/index.ts";

export type Config = {
  /** Where the file was found; null: defaults only. */
  readonly file: string | null;
  /** Null: the embedded Postgres under dataDir. */
  readonly database: Sensitive<string> | null;
  /** Null: engine `postgres`. */
  readonly redis: Sensitive<RedisAddress> | null;
  readonly dataDir: string;
  readonly server: { readonly host: string; readonly port: number; readonly publicUrl: string | null };
  readonly encryptionKey: Sensitive<Buffer> | null;
  readonly accounts: readonly Account[];
  readonly routes: readonly Route[];
  readonly token: { readonly refreshEverySeconds: number };
  readonly retry: { readonly retries: number; readonly baseMs: number; readonly capMs: number };
  /** Null: people may be written to at any hour. */
  readonly quietHours: QuietHours | null;
  /** Of all prices, by ISO 4217; null: there are none. */
  readonly currency: string | null;
  readonly caps: CampaignCaps;
  /** Classes that reach people who opted out. */
  readonly optOuts: { readonly exempt: readonly MessageClass[] };
  /** True: webhooks may lead to this machine and private networks, and need no https. */
  readonly webhooks: { readonly allowPrivateAddresses: boolean };
  /** Null: kept for ever. */
  readonly retention: { readonly messagesDays: number | null; readonly bodiesDays: number | null };
  readonly log: LogLevel;
};

/** Finds and reads the configuration: `path`, else VOLLEY_CONFIG, else ./volley.yaml, else the defaults. */
export function loadConfig(path?: string, environment: Environment = process.env): Config {
  const wanted = path || environment.VOLLEY_CONFIG || undefined;
  const file = resolve(wanted ?? "volley.yaml");
  if (wanted === undefined && !existsSync(file)) return parseConfig("", { file: null, environment });
  return parseConfig(readSource(file), { file, environment });
}

/** Paths in the file are relative to the file. Throws one VolleyError that lists every fault. */
export function parseConfig(
  source: string,
  { file, environment }: { readonly file: string | null; readonly environment: Environment },
): Config {
  const tree = readTree(source, environment);
  if (tree.value === null) throw invalid(file, tree.faults);
  const parsed = fileForm.safeParse(tree.value, { error: issueText });
  const misfits = [
    ...(parsed.error?.issues ?? []).flatMap(toFaults),
    ...crossCheck(tree.value),
    ...priceFaults(tree.value),
  ];
  // Whatever is wrong with a value whose variable is not set, that is why.
  const isUnset = ({ path }: Fault) =>
    tree.faults.some((unset) => path === unset.path || path.startsWith(`${unset.path}[`));
  const faults = [...tree.faults, ...misfits.filter((fault) => !isUnset(fault))];
  if (!parsed.success || faults.length > 0) throw invalid(file, faults);
  return deepFreeze(toConfig(parsed.data, { file, sources: tree.sources }));
}

function readSource(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    const reason = code === "ENOENT" ? "it does not exist" : String(code ?? "unreadable");
    throw new VolleyError("config_invalid", `Cannot read the configuration ${file}: ${reason}.`, { cause });
  }
}

const UNKNOWN_DEFAULT: UnknownPolicy = {
  lookUpAfterSeconds: [30, 120, 600],
  resendTransactionalAfterSeconds: 300,
};

function toConfig(
  form: FileForm,
  from: { readonly file: string | null; readonly sources: ReadonlyMap<string, string> },
): Config {
  const accounts = form.accounts.map((account, index): Account => {
    const { region, ...values }: Record<string, string> = account.credentials;
    const { facts } = providers[account.provider];
    return {
      name: account.name,
      provider: account.provider,
      credentials: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, sensitive(value)])),
      credentialSources: Object.fromEntries(
        Object.keys(values).map((key) => {
          const path = `accounts[${index}].credentials.${key}`;
          return [key, from.sources.get(path) ?? path];
        }),
      ),
      region: region ?? null,
      baseUrl: trimSlash(account.baseUrl),
      tokenUrl: account.tokenUrl ?? null,
      from: account.from ?? null,
      reports: toReports(account, form.server.publicUrl),
      limits: {
        requestsPerSecond: account.limits.requestsPerSecond ?? facts.defaultRequestsPerSecond,
        segmentsPerSecond: account.limits.segmentsPerSecond ?? facts.defaultSegmentsPerSecond,
        inFlight: account.limits.inFlight,
      },
      prices: toPriceList(account.prices ?? {}),
      dayCap: toDayCap(account.limits),
      unknown: { ...UNKNOWN_DEFAULT, ...given(form.unknown), ...given(account.unknown) },
    };
  });
  const everyAccount: Route = {
    class: null,
    prefixes: [],
    accounts: accounts.map(({ name }) => ({ name, weight: null })),
  };
  return {
    file: from.file,
    database: form.database === undefined ? null : sensitive(form.database),
    redis: form.redis === undefined ? null : sensitive(form.redis),
    dataDir: resolve(from.file === null ? "." : dirname(from.file), form.dataDir),
    server: { ...form.server, publicUrl: trimSlash(form.server.publicUrl) },
    encryptionKey:
      form.encryptionKey === undefined ? null : sensitive(Buffer.from(form.encryptionKey, "base64")),
    accounts,
    routes:
      form.routes.length > 0
        ? form.routes.map((route) => ({
            class: route.class ?? null,
            prefixes: route.prefix,
            accounts: route.accounts.map(({ name, weight }) => ({ name, weight: weight ?? null })),
          }))
        : [everyAccount],
    token: form.token,
    retry: form.retry,
    quietHours: form.quietHours === undefined ? null : toQuietHours(form.quietHours),
    currency: form.currency ?? null,
    caps: {
      messages: form.caps.campaignMessages ?? null,
      costMicros: form.caps.campaignCost ?? null,
    },
    optOuts: form.optOuts,
    webhooks: form.webhooks,
    retention: {
      messagesDays: form.retention.messagesDays ?? null,
      bodiesDays: form.retention.bodiesDays ?? null,
    },
    log: form.log,
  };
}

function toQuietHours({ from, to, classes }: NonNullable<FileForm["quietHours"]>): QuietHours {
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to), classes };
}

/** Of the day: "21:00" is 1260. */
function minuteOf(clockTime: string): number {
  const [hours, minutes] = clockTime.split(":").map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

function toDayCap({ messagesPerDay, costPerDay }: FileForm["accounts"][number]["limits"]): DayCap | null {
  if (messagesPerDay === undefined && costPerDay === undefined) return null;
  return { messages: messagesPerDay ?? null, costMicros: costPerDay ?? null };
}

function toReports(
  { name, reports }: FileForm["accounts"][number],
  publicUrl: string | undefined,
): ReportAccess | null {
  if (reports === undefined) return null;
  const { secret, hmacSecret, basic, oauth2, overdueAfterSeconds } = reports;
  return {
    secret: sensitive(secret),
    url: sensitive(`${trimSlash(publicUrl)}/reports/${name}/${secret}`),
    hmacSecret: hmacSecret === undefined ? null : sensitive(hmacSecret),
    basic: basic === undefined ? null : sensitive(`${basic.user}:${basic.password}`),
    oauth2:
      oauth2 === undefined
        ? null
        : { clientId: oauth2.clientId, clientSecret: sensitive(oauth2.clientSecret) },
    overdueAfterMs: overdueAfterSeconds * 1000,
  };
}

/** What no single field can know, told beside the faults of the fields: names must be unique, or must exist. */
function crossCheck(tree: unknown): Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  listAt(tree, "accounts").forEach((account, index) => {
    const name = isJsonObject(account) ? account.name : null;
    if (!isAccountName(name)) return;
    if (names.has(name)) {
      faults.push({ path: `accounts[${index}].name`, message: `"${name}" names an earlier account too` });
    }
    names.add(name);
  });
  listAt(tree, "routes").forEach((route, index) => {
    const named = new Set<string>();
    listAt(route, "accounts").forEach((given, at) => {
      const wanted = isJsonObject(given) ? given.name : given;
      if (!isAccountName(wanted)) return;
      const path = `routes[${index}].accounts[${at}]`;
      if (!names.has(wanted)) faults.push({ path, message: `no account is named "${wanted}"` });
      else if (named.has(wanted)) faults.push({ path, message: `"${wanted}" stands in this route already` });
      named.add(wanted);
    });
  });
  const isPublic = isJsonObject(tree) && isJsonObject(tree.server) && tree.server.publicUrl !== undefined;
  listAt(tree, "accounts").forEach((account, index) => {
    if (!isJsonObject(account)) return;
    const found = [...senderFaults(account), ...proofFaults(account)];
    if (account.reports !== undefined && !isPublic) {
      const message = "needs server.publicUrl, the address at which the provider reaches this server";
      found.push({ path: "reports", message });
    }
    faults.push(...found.map(({ path, message }) => ({ path: `accounts[${index}].${path}`, message })));
  });
  return faults;
}

function senderFaults({ provider, from }: JsonObject): Fault[] {
  if (!isProviderName(provider) || typeof from !== "string" || from === "") return [];
  const message = providers[provider].senderFault(from);
  return message === null ? [] : [{ path: "from", message }];
}

const PROOF_SETTINGS = { hmacSecret: "hmac", basic: "basic", oauth2: "oauth2" } as const;

function proofFaults({ provider, reports }: JsonObject): Fault[] {
  if (!isProviderName(provider) || !isJsonObject(reports)) return [];
  const { reportProofs } = providers[provider].facts;
  return Object.entries(PROOF_SETTINGS)
    .filter(([setting, proof]) => reports[setting] !== undefined && !reportProofs.includes(proof))
    .map(([setting]) => ({
      path: `reports.${setting}`,
      message: `${provider} does not prove its reports in this way; remove it`,
    }));
}

function listAt(tree: unknown, name: string): readonly unknown[] {
  const list = isJsonObject(tree) ? tree[name] : null;
  return Array.isArray(list) ? list : [];
}

function invalid(file: string | null, faults: readonly Fault[]): VolleyError {
  const lines = faults.map((fault) =>
    fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`,
  );
  const where = file ?? "the defaults";
  return new VolleyError(
    "config_invalid",
    lines.length === 1
      ? `${where}: ${lines[0]}`
      : `${where} has ${lines.length} faults:\n  ${lines.join("\n  ")}`,
    { details: { faults } },
  );
}

function trimSlash(text: string | undefined): string | null {
  return text === undefined ? null : text.replace(/\/+$/, "");
}

function given<T extends object>(form: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(form ?? {}).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Buffer.isBuffer(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
