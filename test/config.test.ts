// Every rule of volley.yaml: what it is when absent, how each fault reads, and that no fault tells a secret.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Config, loadConfig, parseConfig } from "../src/config.ts";
import { VolleyError } from "../src/domain/errors.ts";
import { providerNames, providerOf, providers } from "../src/providers/index.ts";

const FILE = "/etc/volley/volley.yaml";
const examples = join(import.meta.dirname, "../examples");

type Environment = Readonly<Record<string, string>>;

/** `parse` of a text, or of a tree: JSON is YAML. */
function parse(source: string | object, environment: Environment = {}): Config {
  const text = typeof source === "string" ? source : JSON.stringify(source);
  return parseConfig(text, { file: FILE, environment });
}

function refusal(load: () => unknown): VolleyError {
  try {
    load();
  } catch (error) {
    if (error instanceof VolleyError) return error;
    throw error;
  }
  throw new Error("The configuration was taken.");
}

/** The lines that a user reads, without the file's name and the count. */
function faultsOf(source: string | object, environment: Environment = {}): string[] {
  const { code, exitCode, message } = refusal(() => parse(source, environment));
  expect(code).toBe("config_invalid");
  expect(exitCode).toBe(3);
  const [first = "", ...rest] = message.split("\n");
  expect(first.startsWith(FILE)).toBe(true);
  return rest.length === 0 ? [first.slice(`${FILE}: `.length)] : rest.map((line) => line.trim());
}

const sinch = {
  name: "main",
  provider: "sinch",
  credentials: { projectId: "project", keyId: "key", keySecret: "geheim" },
};
const mobile = {
  name: "mobile",
  provider: "mobile-digital",
  baseUrl: "https://gateway.example/prod/",
  credentials: { clientId: "client", clientSecret: "geheim" },
};
const infobip = {
  name: "info",
  provider: "infobip",
  baseUrl: "https://x1y2z.api.infobip.example",
  credentials: { clientId: "client", clientSecret: "geheim" },
};
const smscx = {
  name: "cx",
  provider: "smscx",
  credentials: { applicationId: "application", applicationSecret: "geheim" },
};
const publicUrl = "https://sms.example.org";
const REPORT_SECRET = "0123456789abcdef";
/** The account with reports, and a server that its provider can reach. */
const withReports = (account: object, reports: object = {}) => ({
  server: { publicUrl },
  accounts: [{ ...account, reports: { secret: REPORT_SECRET, ...reports } }],
});
/** Routes beside the accounts `main` and `mobile`. */
const withRoutes = (...routes: object[]) => ({ accounts: [sinch, mobile], routes });
const withAccount = (account: object) => ({ accounts: [account] });
/** Each list holds the one before twice. */
const aliases = (names: string) =>
  [...names]
    .slice(1)
    .map((name, index) => `${name}: &${name} [*${names[index]}, *${names[index]}]`)
    .join("\n");
/** A variable as it is written in the file. */
const variable = (name: string, fallback?: string) =>
  `$\{${name}${fallback === undefined ? "" : `:-${fallback}`}}`;

describe("defaults", () => {
  it("hold without a file, and with an empty one", () => {
    for (const source of ["", "# nothing yet\n", "accounts:\nserver:\ntoken:\nretry:\nunknown:\nroutes:\n"]) {
      const config = parseConfig(source, { file: null, environment: {} });
      expect(config).toMatchObject({
        file: null,
        database: null,
        redis: null,
        dataDir: join(process.cwd(), ".volley"),
        server: { host: "127.0.0.1", port: 8080, publicUrl: null },
        encryptionKey: null,
        accounts: [],
        routes: [{ class: null, prefixes: [], accounts: [] }],
        token: { refreshEverySeconds: 300 },
        retry: { retries: 3, baseMs: 1000, capMs: 60_000 },
        currency: null,
        caps: { messages: null, costMicros: null },
        optOuts: { exempt: [] },
        webhooks: { allowPrivateAddresses: false },
        log: "info",
        retention: { messagesDays: null, bodiesDays: null },
      });
    }
  });

  it("give an account the limits of its provider and the usual way with unknowns", () => {
    const [account, other] = parse({ accounts: [sinch, mobile] }).accounts;
    expect(account).toMatchObject({
      region: "us",
      baseUrl: null,
      tokenUrl: null,
      from: null,
      limits: { inFlight: 50 },
      unknown: { lookUpAfterSeconds: [30, 120, 600], resendTransactionalAfterSeconds: 300 },
    });
    expect(account?.limits.requestsPerSecond).toBe(providers.sinch.facts.defaultRequestsPerSecond);
    expect(other).toMatchObject({ baseUrl: "https://gateway.example/prod", region: null });
    expect(other?.limits).toEqual({ requestsPerSecond: 5, segmentsPerSecond: null, inFlight: 50 });
  });

  it("route every number to the accounts in their order", () => {
    expect(parse({ accounts: [sinch, mobile] }).routes).toEqual([
      {
        class: null,
        prefixes: [],
        accounts: [
          { name: "main", weight: null },
          { name: "mobile", weight: null },
        ],
      },
    ]);
  });
});

describe("values", () => {
  it("of an account win over those of all, one by one", () => {
    const unknown = { lookUpAfterSeconds: [5, 10] };
    const config = parse({
      accounts: [{ ...sinch, unknown, limits: { requestsPerSecond: 7 }, from: "Acme" }, mobile],
      unknown: { lookUpAfterSeconds: [1], resendTransactionalAfterSeconds: 60 },
    });
    expect(config.accounts[0]).toMatchObject({
      from: "Acme",
      limits: { requestsPerSecond: 7, inFlight: 50 },
      unknown: { lookUpAfterSeconds: [5, 10], resendTransactionalAfterSeconds: 60 },
    });
    expect(config.accounts[1]?.unknown.lookUpAfterSeconds).toEqual([1]);
  });

  it("of a route may be one prefix or several", () => {
    const routes = [
      { class: "transactional", prefix: "+46", accounts: ["main"] },
      { prefix: ["+46", "+47"], accounts: ["main"] },
    ];
    const accounts = [{ name: "main", weight: null }];
    expect(parse({ accounts: [sinch], routes }).routes).toEqual([
      { class: "transactional", prefixes: ["+46"], accounts },
      { class: null, prefixes: ["+46", "+47"], accounts },
    ]);
  });

  it("of a route's accounts may be names, or names with weights, side by side", () => {
    const text = `
accounts: ${JSON.stringify([sinch, mobile, infobip])}
routes: [{ accounts: [{ name: main, weight: ${variable("SHARE")} }, mobile, { name: info }] }]`;
    expect(parse(text, { SHARE: "3" }).routes[0]?.accounts).toEqual([
      { name: "main", weight: 3 },
      { name: "mobile", weight: null },
      { name: "info", weight: null },
    ]);
  });

  it("of what is kept for how long stand alone or together", () => {
    expect(parse({ retention: { messagesDays: 90, bodiesDays: 30 } }).retention).toEqual({
      messagesDays: 90,
      bodiesDays: 30,
    });
    expect(parse({ retention: { bodiesDays: 1 } }).retention).toEqual({ messagesDays: null, bodiesDays: 1 });
  });

  it("are frozen, all the way down", () => {
    const config = parse({ accounts: [sinch], routes: [{ prefix: "+46", accounts: ["main"] }] });
    const parts: unknown[] = [config];
    for (const part of parts) {
      expect(Object.isFrozen(part), inspect(part)).toBe(true);
      if (typeof part === "object" && part !== null) parts.push(...Object.values(part));
    }
    expect(parts.length).toBeGreaterThan(40);
  });
});

describe("prices and caps", () => {
  const priced = { ...sinch, prices: { "+46": 0.045, "+4670": "0.04", default: 0.06 } };

  it("are exact millionths, the longest prefix first", () => {
    const { accounts, currency, caps } = parse({
      currency: "EUR",
      caps: { campaignMessages: 1000, campaignCost: 12.5 },
      accounts: [{ ...priced, limits: { messagesPerDay: 500, costPerDay: 0.1 } }],
    });
    expect(currency).toBe("EUR");
    expect(caps).toEqual({ messages: 1000, costMicros: 12_500_000 });
    expect(accounts[0]?.prices).toEqual([
      { prefix: "+4670", micros: 40_000 },
      { prefix: "+46", micros: 45_000 },
      { prefix: "", micros: 60_000 },
    ]);
    expect(accounts[0]?.dayCap).toEqual({ messages: 500, costMicros: 100_000 });
  });

  it("are none unless set, and each cap stands alone", () => {
    const [account] = parse({ accounts: [sinch] }).accounts;
    expect(account).toMatchObject({ prices: [], dayCap: null });
    const [capped] = parse({ accounts: [{ ...sinch, limits: { messagesPerDay: 9 } }] }).accounts;
    expect(capped?.dayCap).toEqual({ messages: 9, costMicros: null });
  });

  it.each<[string[], object]>([
    [['currency: is missing; prices need one, such as "EUR"'], { accounts: [priced] }],
    [["currency: must be three capitals such as EUR"], { currency: "eur" }],
    [
      ["accounts[0].prices.default: is missing; limits.costPerDay needs a price of every number"],
      { currency: "EUR", accounts: [{ ...sinch, prices: { "+46": 1 }, limits: { costPerDay: 5 } }] },
    ],
    [
      [
        "accounts[0].prices.default: is missing; caps.campaignCost needs a price of every number",
        "accounts[1].prices.default: is missing; caps.campaignCost needs a price of every number",
      ],
      { currency: "EUR", caps: { campaignCost: 5 }, accounts: [sinch, mobile] },
    ],
    [
      ["accounts[0].prices.+46: must have at most six decimals"],
      { currency: "EUR", accounts: [{ ...sinch, prices: { "+46": 0.0000001 } }] },
    ],
    [
      ["accounts[0].prices.+46: must be at least 0"],
      { currency: "EUR", accounts: [{ ...sinch, prices: { "+46": -1 } }] },
    ],
    [
      [
        'accounts[0].prices: must hold prices of a segment by prefix such as "+46", in quotes, and of "default"',
      ],
      { currency: "EUR", accounts: [{ ...sinch, prices: { SE: 1 } }] },
    ],
    [["caps.campaignMessages: must be at least 1"], { caps: { campaignMessages: 0 } }],
    [["accounts[0].limits.messagesPerDay: must be a whole number"], withAccountOf({ messagesPerDay: 1.5 })],
  ])("%j", (faults, tree) => {
    expect(faultsOf(tree)).toEqual(faults.length === 1 ? faults : expect.arrayContaining(faults));
  });

  function withAccountOf(limits: object): object {
    return { accounts: [{ ...sinch, limits }] };
  }
});

describe("paths", () => {
  it.each([
    ["data", "/etc/volley/data"],
    ["../data", "/etc/data"],
    ["/var/lib/volley", "/var/lib/volley"],
  ])("dataDir %s is seen from the file, as %s", (dataDir, expected) => {
    expect(parse({ dataDir }).dataDir).toBe(expected);
  });

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "volley-config-"));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  it("--config wins over VOLLEY_CONFIG, and VOLLEY_CONFIG over nothing", async () => {
    const path = await folder();
    const [one, other] = [join(path, "one.yaml"), join(path, "other.yaml")];
    await writeFile(one, "dataDir: one");
    await writeFile(other, "dataDir: other");
    expect(loadConfig(one, { VOLLEY_CONFIG: other })).toMatchObject({
      file: one,
      dataDir: join(path, "one"),
    });
    expect(loadConfig(undefined, { VOLLEY_CONFIG: other })).toMatchObject({ file: other });
    expect(loadConfig(undefined, { VOLLEY_CONFIG: "" })).toMatchObject({ file: null });
  });

  it("a configuration that was named must be there, and must be a file", async () => {
    const path = await folder();
    const missing = join(path, "missing.yaml");
    expect(refusal(() => loadConfig(missing, {}))).toMatchObject({
      code: "config_invalid",
      message: `Cannot read the configuration ${missing}: it does not exist.`,
    });
    await mkdir(missing);
    const { code, message } = refusal(() => loadConfig(undefined, { VOLLEY_CONFIG: missing }));
    expect([code, message]).toEqual(["config_invalid", `Cannot read the configuration ${missing}: EISDIR.`]);
  });
});

describe("variables", () => {
  it("are filled in wherever a value stands, in quotes or not, also inside braces", () => {
    const source = [
      `dataDir: /data/${variable("NAME")}/${variable("NAME")}`,
      `server: { host: "${variable("HOST")}", port: ${variable("PORT")} }`,
      `retry: { baseMs: ${variable("BASE", "250")}, capMs: '${variable("CAP", "500")}' }`,
      "accounts:",
      `  - { name: ${variable("NAME")}, provider: sinch, from: ${variable("FROM", "A: b, #c")},`,
      `      credentials: { projectId: p, keyId: k, keySecret: ${variable("SECRET")} } }`,
      `# ${variable("IN_A_COMMENT")} needs no value`,
    ].join("\n");
    const hostile = `a: {b}, [c] # "d" 'e' \\ ${variable("NAME")} *f &g`;
    const config = parse(source, { NAME: "main", HOST: "::1", PORT: "9000", SECRET: hostile });
    expect(config).toMatchObject({
      dataDir: "/data/main/main",
      server: { host: "::1", port: 9000 },
      retry: { baseMs: 250, capMs: 500 },
      accounts: [{ name: "main", from: "A: b, #c", credentialSources: { keySecret: "SECRET" } }],
    });
    expect(config.accounts[0]?.credentials.keySecret?.reveal()).toBe(hostile);
  });

  it("that are empty take the default, and an empty default is a value", () => {
    expect(parse(`log: ${variable("LOG", "warn")}`, { LOG: "" }).log).toBe("warn");
    expect(faultsOf(`dataDir: ${variable("DIR", "")}`)).toEqual(["dataDir: must not be empty"]);
  });

  it("of numbers must be plain ones", () => {
    for (const text of ["9e3", "0x50", "-1", "80 80", "٨٠"]) {
      expect(faultsOf(`server: { port: ${variable("PORT")} }`, { PORT: text })).toEqual([
        "server.port: must be a number",
      ]);
    }
    expect(parse(`token: { refreshEverySeconds: ${variable("T")} }`, { T: "60" }).token).toEqual({
      refreshEverySeconds: 60,
    });
  });

  it("that are not set are all named, each where it is missing, and nothing else is said of them", () => {
    const text = `
redis: ${variable("REDIS_URL")}
accounts:
  - { name: main, provider: sinch, credentials: { projectId: p, keyId: k, keySecret: k } }
  - name: second
    provider: sinch
    credentials: { projectId: ${variable("SINCH_PROJECT")}, keyId: ${variable("SINCH_KEY")}, keySecret: ${variable("SINCH_KEY_SECRET")} }
    limits: { inFlight: ${variable("IN_FLIGHT")} }
routes: [{ prefix: [${variable("PREFIX")}], accounts: [${variable("ACCOUNT")}] }]`;
    expect(faultsOf(text, { IN_FLIGHT: "" })).toEqual([
      "redis: environment variable REDIS_URL is not set",
      "accounts[1].credentials.projectId: environment variable SINCH_PROJECT is not set",
      "accounts[1].credentials.keyId: environment variable SINCH_KEY is not set",
      "accounts[1].credentials.keySecret: environment variable SINCH_KEY_SECRET is not set",
      "accounts[1].limits.inFlight: environment variable IN_FLIGHT is not set",
      "routes[0].prefix[0]: environment variable PREFIX is not set",
      "routes[0].accounts[0]: environment variable ACCOUNT is not set",
    ]);
  });

  it("with names that are none are refused, rather than sent as a secret", () => {
    for (const text of ["{my-secret}", "{SECRET", "{}", "{SECRET-default}"]) {
      const account = { ...mobile, credentials: { clientId: "c", clientSecret: `$${text}` } };
      const [fault] = faultsOf(withAccount(account), { SECRET: "x" });
      expect(fault).toMatch(/^accounts\[0\]\.credentials\.clientSecret: has a "\$\{" that is neither /);
    }
  });

  it("named like what every object has are not found", () => {
    expect(faultsOf(`dataDir: ${variable("constructor")}`)).toEqual([
      "dataDir: environment variable constructor is not set",
    ]);
  });
});

describe("faults", () => {
  it("are reported all at once, those between settings too", () => {
    expect(
      faultsOf({
        sever: {},
        server: { port: "80a", hots: "x" },
        log: "loud",
        accounts: [{ ...mobile, baseUrl: undefined }, sinch, sinch],
        routes: [{ accounts: ["mian"] }],
      }),
    ).toEqual([
      "server.port: must be a number",
      "server.hots: is not a setting; known here: host, port, publicUrl",
      "accounts[0].baseUrl: is missing",
      "log: must be one of silent, error, warn, info, debug",
      expect.stringMatching(/^sever: is not a setting; known here: database, redis, /),
      'accounts[2].name: "main" names an earlier account too',
      'routes[0].accounts[0]: no account is named "mian"',
    ]);
  });

  it("are listed under the file and their number; one alone stands on one line", () => {
    expect(refusal(() => parse({ log: "x", dataDir: "" })).message).toMatch(
      /^\/etc\/volley\/volley\.yaml has 2 faults:\n {2}dataDir: must not be empty\n {2}log: must be one of /,
    );
    expect(refusal(() => parse("dataDir: ''")).message).toBe(`${FILE}: dataDir: must not be empty`);
  });

  it.each<[fault: string, source: object | string]>([
    ["must be a group of settings", "hello"],
    ["must be a group of settings", "[1, 2]"],
    ["accounts: must be a list", "accounts: main"],
    ["accounts[0]: must be a group of settings", "accounts: [main]"],
    ["server: must be a group of settings", "server: 8080"],
    ["server.host: must be text", { server: { host: 1 } }],
    ["server.port: must be a whole number", { server: { port: 80.5 } }],
    ["server.port: must be at most 65535", { server: { port: 65_536 } }],
    [
      "server.publicUrl: must be a URL that starts with http:// or https://",
      { server: { publicUrl: "x.y" } },
    ],
    ["token.refreshEverySeconds: must be at least 1", { token: { refreshEverySeconds: 0 } }],
    ["retry.retries: must be at most 3", { retry: { retries: 4 } }],
    ["retry.capMs: must not be smaller than retry.baseMs", { retry: { baseMs: 60_001 } }],
    ["unknown.lookUpAfterSeconds: must be a list", { unknown: { lookUpAfterSeconds: 30 } }],
    ["unknown.lookUpAfterSeconds: must not be empty", { unknown: { lookUpAfterSeconds: [] } }],
    [
      "unknown.lookUpAfterSeconds: must grow from entry to entry: each is counted from the same moment",
      { unknown: { lookUpAfterSeconds: [30, 30] } },
    ],
    ["database: must be a URL that starts with postgres:// or postgresql://", "database: mysql://host/db"],
    ["quietHours.to: is missing", { quietHours: { from: "21:00", classes: ["marketing"] } }],
    [
      'quietHours.to: must be a time such as "21:00"',
      { quietHours: { from: "21:00", to: "24:00", classes: ["marketing"] } },
    ],
    ["optOuts.exempt[0]: must be one of transactional, reminder", { optOuts: { exempt: ["marketing"] } }],
    ["retention.messagesDays: must be at least 1", { retention: { messagesDays: 0 } }],
    [
      "accounts[0].name: must be 1 to 40 lower-case letters, digits and dashes, such as main-sinch",
      withAccount({ ...sinch, name: "Main Sinch" }),
    ],
    [`accounts[0].provider: must be one of ${providerNames.join(", ")}`, withAccount({ name: "main" })],
    [
      `accounts[0].provider: must be one of ${providerNames.join(", ")}`,
      withAccount({ ...sinch, provider: "x" }),
    ],
    ["accounts[0].baseUrl: is missing", withAccount({ ...infobip, baseUrl: undefined })],
    ["accounts[0].from: must not be empty", withAccount({ ...sinch, from: "" })],
    ["accounts[0].from: must be text", withAccount({ ...sinch, from: 46701234567 })],
    ["accounts[0].from: must have at most 20 characters", withAccount({ ...sinch, from: "x".repeat(21) })],
    [
      "accounts[0].from: must have up to 11 characters of the SMS alphabet, or up to 15 digits",
      withAccount({ ...sinch, from: "Acme and Sons" }),
    ],
    [
      "accounts[0].from: must have up to 11 characters of the SMS alphabet, or up to 15 digits",
      withAccount({ ...infobip, from: "Ресторан" }),
    ],
    [
      "accounts[0].from: is wanted by SMS.CX and must have 3 to 15 characters",
      withAccount({ ...smscx, from: "AB" }),
    ],
    [
      "accounts[0].from: cannot be chosen at mobile.digital; leave it out",
      withAccount({ ...mobile, from: "Acme" }),
    ],
    ["accounts[0].limits.inFlight: must be at least 1", withAccount({ ...sinch, limits: { inFlight: 0 } })],
    [
      "accounts[0].limits.requestsPerSecond: must be at least 0.01",
      withAccount({ ...sinch, limits: { requestsPerSecond: 0 } }),
    ],
    [
      "accounts[0].baseUrl: must be a URL that starts with http:// or https://",
      withAccount({ ...sinch, baseUrl: "ftp://gateway.example" }),
    ],
    [
      "accounts[0].baseUrl: must not hold a user or a password",
      withAccount({ ...sinch, baseUrl: "https://me:geheim@gateway.example" }),
    ],
    ["accounts[0].credentials: is missing", withAccount({ ...mobile, credentials: undefined })],
    [
      "accounts[0].credentials.clientSecret: must not hold a line break or another control character",
      withAccount({ ...mobile, credentials: { clientId: "c", clientSecret: "geheim\n" } }),
    ],
    ["routes[0].accounts: must not be empty", { routes: [{ accounts: [] }] }],
    [
      'routes[0].accounts[2]: "main" stands in this route already',
      withRoutes({ accounts: ["main", "mobile", { name: "main", weight: 2 }] }),
    ],
    [
      'routes[1].accounts[0]: no account is named "other"',
      withRoutes({ accounts: ["main"] }, { accounts: [{ name: "other" }] }),
    ],
    [
      "routes[0].accounts[0].weight: must be at least 1; without a weight the account stands by",
      withRoutes({ accounts: [{ name: "main", weight: 0 }] }),
    ],
    [
      "routes[0].accounts[0].weight: must be at most 1000",
      withRoutes({ accounts: [{ name: "main", weight: 1001 }] }),
    ],
    [
      "routes[0].accounts[0].weight: must be a whole number",
      withRoutes({ accounts: [{ name: "main", weight: 1.5 }] }),
    ],
    [
      "routes[0].accounts[0].share: is not a setting; known here: name, weight",
      withRoutes({ accounts: [{ name: "main", share: 1 }] }),
    ],
    ["routes[0].accounts[0].name: is missing", withRoutes({ accounts: [{ weight: 1 }] })],
    ["routes[0].accounts[0]: must be an account's name, or { name, weight }", withRoutes({ accounts: [42] })],
    [
      "routes[0].accounts[0]: must be 1 to 40 lower-case letters, digits and dashes, such as main-sinch",
      withRoutes({ accounts: ["Main Sinch"] }),
    ],
    ["webhooks.allowPrivateAddresses: must be true or false", { webhooks: { allowPrivateAddresses: "yes" } }],
    ["routes[0].accounts: is missing", { routes: [{ prefix: "+46" }] }],
    [
      'routes[0].prefix: must be a prefix such as "+46", in quotes, or a list of them',
      "accounts: []\nroutes: [{ prefix: +46, accounts: [] }]",
    ],
    [
      'routes[0].prefix[1]: must be a prefix such as "+46", in quotes',
      { accounts: [sinch], routes: [{ prefix: ["+46", "0047"], accounts: ["main"] }] },
    ],
    [
      "routes[0].class: must be one of transactional, reminder, marketing",
      { accounts: [sinch], routes: [{ class: "urgent", accounts: ["main"] }] },
    ],
  ])("say: %s", (fault, source) => {
    expect(faultsOf(source)).toContain(fault);
  });

  it.each([
    ["line 2 lacks a quote, a bracket, a colon or a comma", 'log: info\ndataDir: "x'],
    ["line 1 is indented wrongly, or a bracket before it is not closed", "accounts: ["],
    ["line 2 is indented with a tab; YAML takes spaces only", "server:\n\tport: 80"],
    ["line 3 repeats a setting that stands above", "log: info\nserver: {}\nlog: warn"],
    ["line 1 has a tag that is not known here", "log: !env LOG"],
    ['line 2 begins a second document ("---")', "log: info\n---\nlog: warn"],
    ["line 1 is nested too deep", "[".repeat(10_000)],
    ["cannot be read as YAML: its aliases repeat too much", `a: &a [x, x]\n${aliases("abcdefghij")}`],
  ])("of YAML say: %s", (fault, source) => {
    expect(faultsOf(source)).toEqual([fault]);
  });
});

describe("Sinch logs in", () => {
  const account = (credentials: object) => withAccount({ ...sinch, credentials });
  const key = { projectId: "p", keyId: "k", keySecret: "s" };
  const plan = { servicePlanId: "p", apiToken: "t" };

  it.each([
    [key, "us"],
    [{ ...key, region: "eu" }, "eu"],
    [plan, "us"],
    [{ ...plan, region: "au" }, "au"],
  ])("with %j", (credentials, region) => {
    const [account0] = parse(account(credentials)).accounts;
    expect(account0?.region).toBe(region);
    expect(Object.keys(account0?.credentials ?? {})).toEqual(
      Object.keys(credentials).filter((name) => name !== "region"),
    );
  });

  const logins = "projectId, keyId and keySecret, or servicePlanId and apiToken";
  it.each<[fault: string, credentials: object]>([
    [`: must hold ${logins}`, {}],
    [`: must hold ${logins}`, { region: "eu" }],
    [`: holds two logins; keep one: ${logins}`, { ...key, apiToken: "t" }],
    [".keySecret: is missing", { projectId: "p", keyId: "k" }],
    [".apiToken: is missing", { servicePlanId: "p" }],
    [".keyId: must be text", { ...key, keyId: 42 }],
    [".region: must be one of us, eu with projectId, keyId and keySecret", { ...key, region: "au" }],
    [".region: must be one of us, eu, au, br, ca with servicePlanId and apiToken", { ...plan, region: "uk" }],
    [
      ".keySecrt: is not a setting; known here: projectId, keyId, keySecret, region",
      { ...key, keySecrt: "geheim" },
    ],
  ])("or hears: credentials%s", (fault, credentials) => {
    expect(faultsOf(account(credentials))).toEqual([`accounts[0].credentials${fault}`]);
  });
});

describe.each([
  [infobip, "clientId", "clientSecret"],
  [smscx, "applicationId", "applicationSecret"],
] as const)("$provider logs in", (base, id, secret) => {
  const account = (credentials: object) => withAccount({ ...base, credentials });
  const pair = { [id]: "i", [secret]: "s" };

  it.each([pair, { apiKey: "k" }])("with %j", (credentials) => {
    const [read] = parse(account(credentials)).accounts;
    expect(Object.keys(read?.credentials ?? {})).toEqual(Object.keys(credentials));
    expect(read?.region).toBeNull();
  });

  it("with a pair beside which the other login's key stands empty", () => {
    const [read] = parse(
      `accounts: [${JSON.stringify(account({ ...pair, apiKey: null }).accounts[0])}]`,
    ).accounts;
    expect(Object.keys(read?.credentials ?? {})).toEqual([id, secret]);
  });

  const logins = `${id} and ${secret}, or apiKey`;
  it.each<[fault: string, credentials: object]>([
    [`: must hold ${logins}`, {}],
    [`: must hold ${logins}`, { apikey: "k" }],
    [`: holds two logins; keep one: ${logins}`, { ...pair, apiKey: "k" }],
    [`: holds two logins; keep one: ${logins}`, { [id]: "i", apiKey: "k" }],
    [`.${secret}: is missing`, { [id]: "i" }],
    [`.${id}: is missing`, { [secret]: "s" }],
    [`.${secret}: must not be empty`, { ...pair, [secret]: "" }],
    [".apiKey: must be text", { apiKey: 42 }],
    [".region: is not a setting; known here: apiKey", { apiKey: "k", region: "eu" }],
    [`.apiKye: is not a setting; known here: ${id}, ${secret}`, { ...pair, apiKye: "geheim" }],
  ])("or hears: credentials%s", (fault, credentials) => {
    expect(faultsOf(account(credentials))).toEqual([`accounts[0].credentials${fault}`]);
  });

  it("and hears of the variable that is not set, and of nothing else", () => {
    const text = `accounts: [${JSON.stringify({ ...base, credentials: { ...pair, [secret]: "VALUE" } })}]`;
    expect(faultsOf(text.replace("VALUE", variable("SECRET_OF_MINE")))).toEqual([
      `accounts[0].credentials.${secret}: environment variable SECRET_OF_MINE is not set`,
    ]);
  });
});

it("mobile.digital knows one login only", () => {
  const credentials = { clientId: "c", clientSecret: "s", apiKey: "geheim" };
  expect(faultsOf(withAccount({ ...mobile, credentials }))).toEqual([
    "accounts[0].credentials.apiKey: is not a setting; known here: clientId, clientSecret",
  ]);
});

describe("reports", () => {
  it("are asked for at an address that ends in the account's name and the secret", () => {
    const [account] = parse({ ...withReports(sinch), server: { publicUrl: `${publicUrl}/sms/` } }).accounts;
    expect(account?.reports?.url.reveal()).toBe(`${publicUrl}/sms/reports/main/${REPORT_SECRET}`);
    expect(account?.reports).toMatchObject({
      hmacSecret: null,
      basic: null,
      oauth2: null,
      overdueAfterMs: 86_400_000,
    });
    expect(parse(withAccount(sinch)).accounts[0]?.reports).toBeNull();
  });

  it("may be proved by what the provider can send", () => {
    const basic = { user: "sinch", password: "a:b" };
    const [first] = parse(withReports(sinch, { hmacSecret: "h", basic, overdueAfterSeconds: 60 })).accounts;
    expect(first?.reports?.hmacSecret?.reveal()).toBe("h");
    expect(first?.reports?.basic?.reveal()).toBe("sinch:a:b");
    expect(first?.reports?.overdueAfterMs).toBe(60_000);
    const oauth2 = { clientId: "infobip", clientSecret: "o" };
    const [other] = parse(withReports(infobip, { oauth2 })).accounts;
    expect(other?.reports?.oauth2?.clientId).toBe("infobip");
    expect(other?.reports?.oauth2?.clientSecret.reveal()).toBe("o");
  });

  const basic = { user: "u", password: "geheim" };
  const oauth2 = { clientId: "c", clientSecret: "geheim" };
  it.each<[fault: string, source: object]>([
    [
      ".reports: needs server.publicUrl, the address at which the provider reaches this server",
      { accounts: withReports(sinch).accounts },
    ],
    [
      ".reports.secret: must be 16 to 128 letters, digits, - and _ (openssl rand -hex 24)",
      withReports(sinch, { secret: "geheim" }),
    ],
    [
      ".reports.secret: must be 16 to 128 letters, digits, - and _ (openssl rand -hex 24)",
      withReports(sinch, { secret: `${REPORT_SECRET}/geheim` }),
    ],
    [".reports.secret: is missing", withReports(sinch, { secret: undefined })],
    [
      ".reports: holds both basic and oauth2; a provider sends one of them",
      withReports(sinch, { basic, oauth2 }),
    ],
    [
      ".reports.basic.user: must not hold a colon, which ends it in HTTP Basic",
      withReports(sinch, { basic: { user: "a:b", password: "geheim" } }),
    ],
    [".reports.basic.password: is missing", withReports(sinch, { basic: { user: "u" } })],
    [".reports.oauth2.clientSecret: is missing", withReports(infobip, { oauth2: { clientId: "c" } })],
    [
      ".reports.hmacSecret: infobip does not prove its reports in this way; remove it",
      withReports(infobip, { hmacSecret: "geheim" }),
    ],
    [
      ".reports.basic: smscx does not prove its reports in this way; remove it",
      withReports(smscx, { basic }),
    ],
    [
      ".reports.oauth2: mobile-digital does not prove its reports in this way; remove it",
      withReports(mobile, { oauth2 }),
    ],
    [".reports.overdueAfterSeconds: must be at least 0.05", withReports(sinch, { overdueAfterSeconds: 0 })],
    [
      ".reports.hmac: is not a setting; known here: secret, hmacSecret, basic, oauth2, overdueAfterSeconds",
      withReports(sinch, { hmac: "geheim" }),
    ],
  ])("or their writer hears: accounts[0]%s", (fault, source) => {
    expect(faultsOf(source)).toEqual([`accounts[0]${fault}`]);
  });

  it.each(["https://sms.example.org/?a=b", "https://sms.example.org/#here"])(
    "cannot come to %s, to which no path can be added",
    (given) => {
      expect(faultsOf({ server: { publicUrl: given } })).toEqual([
        "server.publicUrl: must not hold a ? or a #: paths are added to it",
      ]);
    },
  );
});

describe("redis", () => {
  it.each([
    ["redis://:geheim@127.0.0.1:6380/2", { kind: "single", db: 2, password: "geheim", tls: false }],
    ["rediss://cache.example", { kind: "single", tls: true }],
    ["redis-sentinel://one:26379,two:26379/mymaster", { kind: "sentinel", masterName: "mymaster" }],
    ["redis-cluster://one:7000,two:7001", { kind: "cluster" }],
  ])("takes %s", (redis, address) => {
    expect(parse({ redis }).redis?.reveal()).toMatchObject(address);
  });

  it.each([
    ["http://host", "is not of the form redis://host:port, redis-sentinel:// or redis-cluster://"],
    ["redis://one,two", "names several hosts: use redis-sentinel:// or redis-cluster://"],
    ["redis-sentinel://one", "lacks the master's name: redis-sentinel://host:26379/mymaster"],
    ["redis-cluster://one:7000/3", "names a database, and a Redis Cluster has only database 0"],
  ])("refuses %s", (redis, fault) => {
    expect(faultsOf({ redis })).toEqual([`redis: ${fault}`]);
  });
});

describe("encryptionKey", () => {
  it("is 32 bytes in base64", () => {
    const key = Buffer.alloc(32, 7);
    expect(parse({ encryptionKey: key.toString("base64") }).encryptionKey?.reveal()).toEqual(key);
  });

  it.each([
    ["31 bytes", Buffer.alloc(31).toString("base64")],
    ["33 bytes", Buffer.alloc(33).toString("base64")],
    ["hexadecimal", Buffer.alloc(32).toString("hex")],
    ["base64 with a foreign character", `!${Buffer.alloc(32).toString("base64")}`],
  ])("is not %s", (_form, encryptionKey) => {
    expect(faultsOf({ encryptionKey })).toEqual([
      "encryptionKey: must be 32 bytes in base64 (openssl rand -base64 32)",
    ]);
  });
});

describe("secrets", () => {
  const key = Buffer.alloc(32, 7).toString("base64");
  const secrets = ["geheim", "hunter", key];
  const whole = {
    database: "postgres://volley:hunter2@db.example/volley",
    redis: "redis://:hunter3@cache.example",
    encryptionKey: key,
    accounts: [
      { ...sinch, credentials: { projectId: "geheim1", keyId: "geheim2", keySecret: "geheim3" } },
      {
        ...mobile,
        credentials: { clientId: "geheim4", clientSecret: "geheim5" },
      },
      { ...infobip, credentials: { apiKey: "geheim6" } },
      {
        ...sinch,
        name: "proved",
        reports: {
          secret: "geheim7-and-more-of-it",
          hmacSecret: "geheim8",
          basic: { user: "u", password: "geheim9" },
        },
      },
    ],
    server: { publicUrl },
  };
  const expectSilent = (text: string) => {
    for (const secret of secrets) expect(text).not.toContain(secret);
  };

  it("do not show in the object, however it is printed", () => {
    const config = parse(whole);
    expect(config.database?.reveal()).toBe(whole.database);
    expectSilent(JSON.stringify(config));
    expectSilent(inspect(config, { depth: Number.POSITIVE_INFINITY, showHidden: true }));
    expectSilent(`${config.database} ${config.redis} ${config.encryptionKey}`);
  });

  it("do not show in a fault, wherever the mistake is", () => {
    const mistakes: (object | string)[] = [
      { ...whole, database: "hunter2", redis: "hunter3", encryptionKey: "geheim" },
      { ...whole, accounts: [{ ...sinch, credentials: "geheim" }] },
      { ...whole, accounts: [{ ...sinch, credentials: ["geheim"] }] },
      { ...whole, accounts: [{ ...sinch, credentials: { keySecret: { geheim: "geheim" } } }] },
      { ...whole, accounts: [{ ...infobip, credentials: { clientId: "geheim1", apiKey: "geheim2" } }] },
      { ...whole, accounts: [{ ...smscx, credentials: { applicationId: "geheim1", geheim2: "x" } }] },
      withReports(sinch, {
        secret: "geheim",
        basic: { user: "geheim:1", password: "geheim2" },
        oauth2: "geheim",
      }),
      { ...whole, server: { publicUrl: "https://geheim:geheim@sms.example.org" } },
      { ...whole, accounts: [{ ...mobile, credentials: { geheim1: "x", clientSecret: "geheim\n" } }] },
      { ...whole, accounts: [{ ...mobile, baseUrl: "https://me:geheim@gateway.example" }] },
      { ...whole, accounts: [{ ...mobile, name: "geheim 1", provider: "geheim" }] },
      { ...whole, log: "geheim", routes: [{ prefix: "geheim", class: "geheim", accounts: ["geheim 1"] }] },
      "accounts: [{ credentials: { keySecret: geheim geheim: geheim } }]",
      'keySecret: "geheim" geheim',
      "keySecret: @geheim",
      "keySecret: !geheim geheim",
      "keySecret: *geheim",
      "- geheim\ngeheim: hunter2",
    ];
    for (const mistake of mistakes) {
      const error = refusal(() => parse(mistake));
      expectSilent(error.message);
      expectSilent(inspect(error, { depth: Number.POSITIVE_INFINITY }));
      expectSilent(JSON.stringify(error.details));
    }
  });
});

it("examples/volley.yaml is taken as soon as its variables are set", async () => {
  const source = await readFile(join(examples, "volley.yaml"), "utf8");
  const missing = faultsOf(source);
  expect(missing.length).toBeGreaterThan(0);
  const names = missing.map((fault) => /: environment variable (\S+) is not set$/.exec(fault)?.[1] ?? fault);
  // 43 characters are a key in base64, a secret of the doors' length, and a name.
  const environment = Object.fromEntries(
    names.map((name) => [name, name.endsWith("_URL") ? "https://gateway.example" : "x".repeat(43)]),
  );
  const config = parse(source, environment);
  expect(config.accounts.map(({ provider }) => provider)).toEqual(providerNames);
  for (const account of config.accounts) {
    expect(account.reports !== null, account.name).toBe(providerOf(account).facts.hasReports);
  }
  const routed = config.routes.flatMap(({ accounts }) => accounts.map(({ name }) => name));
  expect(new Set(routed)).toEqual(new Set(config.accounts.map(({ name }) => name)));
});
