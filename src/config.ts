// volley.yaml and the environment -> one frozen, checked object. The only reader of process.env.
//
// Every fault is reported at once, each by its path, so that a new user fixes a file in one round. Values of
// credentials, addresses with passwords and keys are Sensitive from here on and print masked.

import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { Account, UnknownPolicy } from "./domain/account.ts";
import { VolleyError } from "./domain/errors.ts";
import { messageClasses } from "./domain/message.ts";
import type { Route } from "./domain/route.ts";
import { type Sensitive, sensitive } from "./domain/sensitive.ts";
import { type LogLevel, logLevels } from "./platform/log.ts";
import { parseRedisUrl, type RedisAddress } from "./platform/redis.ts";
import { providers } from "./providers/index.ts";

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
  readonly log: LogLevel;
  /** Settings that are read and checked but that this version does not act on yet. */
  readonly notYetEnforced: readonly string[];
};

type Environment = Readonly<Record<string, string | undefined>>;
type Fault = { readonly path: string; readonly message: string };

/** Finds and reads the configuration: `path`, else VOLLEY_CONFIG, else ./volley.yaml, else the defaults. */
export function loadConfig(path?: string, environment: Environment = process.env): Config {
  const wanted = path ?? environment.VOLLEY_CONFIG;
  const file = resolve(wanted ?? "volley.yaml");
  if (!existsSync(file)) {
    if (wanted !== undefined) {
      throw new VolleyError("config_invalid", `Cannot read the configuration: ${file} does not exist.`);
    }
    return parseConfig("", { file: null, environment });
  }
  return parseConfig(readFileSync(file, "utf8"), { file, environment });
}

/** Paths in the file are relative to the file. Throws one VolleyError that lists every fault. */
export function parseConfig(
  source: string,
  { file, environment }: { readonly file: string | null; readonly environment: Environment },
): Config {
  const document = parseDocument(source, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw invalid(
      file,
      document.errors.map((error) => ({ path: "", message: error.message.split("\n", 1)[0] ?? "not YAML" })),
    );
  }
  const faults: Fault[] = [];
  const sources = new Map<string, string>();
  const raw = fillIn(document.toJS({ maxAliasCount: 100 }) ?? {}, "", { environment, faults, sources });
  const parsed = fileForm.safeParse(raw);
  if (!parsed.success) {
    const unset = new Set(faults.map((fault) => fault.path));
    for (const issue of parsed.error.issues) {
      const at = pathText(issue.path);
      if (!unset.has(at)) faults.push({ path: at, message: issueText(issue) });
    }
    throw invalid(file, faults);
  }
  faults.push(...crossCheck(parsed.data));
  if (faults.length > 0) throw invalid(file, faults);
  return deepFreeze(toConfig(parsed.data, { file, environment, sources }));
}

// --- the form of the file -------------------------------------------------------------------------------

const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,39}$/,
    "must be 1 to 40 lower-case letters, digits and dashes, such as main-sinch",
  );
const url = (...protocols: string[]) =>
  z.string().refine(
    (text) => {
      const parsed = URL.parse(text);
      return parsed !== null && protocols.includes(parsed.protocol.slice(0, -1));
    },
    `must be a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(" or ")}`,
  );
/** A whole variable's value arrives as text: "20" counts as 20 here, and only here. */
const number = (check: z.ZodNumber) =>
  z.preprocess(
    (value) => (typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value),
    check,
  );
const count = (max: number) => number(z.number().int().min(1).max(max));
const secret = z.string().min(1, "must not be empty").max(4096);

const unknownForm = z.strictObject({
  lookUpAfterSeconds: z
    .array(number(z.number().min(0.05).max(86_400)))
    .min(1)
    .max(10)
    .optional(),
  resendTransactionalAfterSeconds: number(z.number().min(0.05).max(604_800)).optional(),
});

const accountCommon = {
  name,
  baseUrl: url("http", "https").optional(),
  tokenUrl: url("http", "https").optional(),
  from: z.string().min(1).max(20).optional(),
  limits: z
    .strictObject({
      requestsPerSecond: number(z.number().min(0.01).max(1_000_000)).optional(),
      segmentsPerSecond: number(z.number().min(0.01).max(1_000_000)).optional(),
      inFlight: count(2000).default(50),
    })
    .prefault({}),
  reports: z.strictObject({ secret }).optional(),
  unknown: unknownForm.optional(),
};

const sinchCredentials = z.union(
  [
    z.strictObject({
      projectId: secret,
      keyId: secret,
      keySecret: secret,
      region: z.enum(["us", "eu"]).default("us"),
    }),
    z.strictObject({
      servicePlanId: secret,
      apiToken: secret,
      region: z.enum(["us", "eu", "au", "br", "ca"]).default("us"),
    }),
  ],
  {
    error:
      "must hold projectId, keyId and keySecret (region us or eu), or servicePlanId and apiToken (region us, eu, au, br or ca)",
  },
);

const accountForm = z.discriminatedUnion("provider", [
  z.strictObject({ ...accountCommon, provider: z.literal("sinch"), credentials: sinchCredentials }),
  z.strictObject({
    ...accountCommon,
    provider: z.literal("mobile-digital"),
    credentials: z.strictObject({ clientId: secret, clientSecret: secret }),
    // The gateway's host is the customer's own; there is no other to fall back to.
    baseUrl: url("http", "https"),
  }),
]);

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as "21:00"');
const classForm = z.enum(messageClasses);

const redisForm = z.string().transform((text, context): RedisAddress => {
  const reading = parseRedisUrl(text);
  if (reading.ok) return reading.address;
  context.addIssue({ code: "custom", message: reading.reason });
  return z.NEVER;
});

const fileForm = z.strictObject({
  database: url("postgres", "postgresql").optional(),
  redis: redisForm.optional(),
  dataDir: z.string().min(1).default(".volley"),
  server: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: number(z.number().int().min(0).max(65_535)).default(8080),
      publicUrl: url("http", "https").optional(),
    })
    .prefault({}),
  encryptionKey: z
    .string()
    .refine(
      (text) => Buffer.from(text, "base64").length === 32,
      "must be 32 bytes in base64 (openssl rand -base64 32)",
    )
    .optional(),
  accounts: z.array(accountForm).max(100).default([]),
  routes: z
    .array(
      z.strictObject({
        class: classForm.optional(),
        prefix: z
          .union([z.string(), z.array(z.string())])
          .transform((one) => (typeof one === "string" ? [one] : one))
          .pipe(z.array(z.string().regex(/^\+\d{1,14}$/, 'must be a prefix such as "+46", in quotes')))
          .default([]),
        accounts: z.array(name).min(1),
      }),
    )
    .max(1000)
    .default([]),
  quietHours: z
    .strictObject({ from: clockTime, to: clockTime, classes: z.array(classForm).min(1) })
    .optional(),
  retention: z
    .strictObject({ messagesDays: count(36_500).optional(), bodiesDays: count(36_500).optional() })
    .optional(),
  token: z.strictObject({ refreshEverySeconds: count(86_400).default(300) }).prefault({}),
  retry: z
    .strictObject({
      retries: number(z.number().int().min(0).max(3)).default(3),
      baseMs: count(3_600_000).default(1000),
      capMs: count(3_600_000).default(60_000),
    })
    .prefault({}),
  unknown: unknownForm.prefault({}),
  log: z.enum(logLevels).default("info"),
});
type FileForm = z.infer<typeof fileForm>;

const UNKNOWN_DEFAULT: UnknownPolicy = {
  lookUpAfterSeconds: [30, 120, 600],
  resendTransactionalAfterSeconds: 300,
};

// --- from the form to the object ------------------------------------------------------------------------

function toConfig(
  form: FileForm,
  from: {
    readonly file: string | null;
    readonly environment: Environment;
    readonly sources: ReadonlyMap<string, string>;
  },
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
      limits: {
        requestsPerSecond: account.limits.requestsPerSecond ?? facts.defaultRequestsPerSecond,
        segmentsPerSecond: account.limits.segmentsPerSecond ?? facts.defaultSegmentsPerSecond,
        inFlight: account.limits.inFlight,
      },
      unknown: { ...UNKNOWN_DEFAULT, ...given(form.unknown), ...given(account.unknown) },
    };
  });
  const everyAccount: Route = {
    class: null,
    prefixes: [],
    accounts: accounts.map((account) => account.name),
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
            accounts: route.accounts,
          }))
        : [everyAccount],
    token: form.token,
    retry: form.retry,
    log: form.log,
    notYetEnforced: [
      ...(form.quietHours === undefined ? [] : ["quietHours"]),
      ...(form.retention === undefined ? [] : ["retention"]),
    ],
  };
}

/** What no single field can know: names that must be unique or must exist. */
function crossCheck(form: FileForm): Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  form.accounts.forEach((account, index) => {
    if (names.has(account.name)) {
      faults.push({
        path: `accounts[${index}].name`,
        message: `"${account.name}" names an earlier account too`,
      });
    }
    names.add(account.name);
  });
  form.routes.forEach((route, index) => {
    route.accounts.forEach((wanted, at) => {
      if (!names.has(wanted)) {
        faults.push({ path: `routes[${index}].accounts[${at}]`, message: `no account is named "${wanted}"` });
      }
    });
  });
  if (form.retry.baseMs > form.retry.capMs) {
    faults.push({ path: "retry.capMs", message: "must not be smaller than retry.baseMs" });
  }
  return faults;
}

// --- helpers --------------------------------------------------------------------------------------------

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
const DEPTH_MAX = 20;

/** Replaces ${NAME} and ${NAME:-default} in every text of the tree; a set but empty variable takes the default. */
function fillIn(
  value: unknown,
  path: string,
  run: { readonly environment: Environment; readonly faults: Fault[]; readonly sources: Map<string, string> },
  depth = 0,
): unknown {
  if (depth > DEPTH_MAX) return value;
  if (Array.isArray(value))
    return value.map((item, index) => fillIn(item, `${path}[${index}]`, run, depth + 1));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        fillIn(item, path ? `${path}.${key}` : key, run, depth + 1),
      ]),
    );
  }
  if (typeof value !== "string") return value;
  return value.replaceAll(VARIABLE, (_, variable: string, fallback: string | undefined) => {
    run.sources.set(path, variable);
    const found = run.environment[variable];
    if (found !== undefined && found !== "") return found;
    if (fallback !== undefined) return fallback;
    run.faults.push({ path, message: `environment variable ${variable} is not set` });
    return "";
  });
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

/** Zod's own words where they are plain; never the value, which may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return `unknown setting ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
    case "invalid_type":
      return issue.input === undefined && /received undefined/.test(issue.message)
        ? "is missing"
        : issue.message.replace(/^Invalid input: /, "");
    default:
      return issue.message.replace(/^Invalid input: /, "");
  }
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${String(part)}` : String(part),
    "",
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
