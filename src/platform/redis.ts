// Connections to Redis or Valkey: one server, Sentinel or Cluster, told apart by the URL's scheme.
//
//   redis://[user:password@]host:port/db               rediss:// for TLS
//   redis-sentinel://host:26379,host2:26379/mymaster?db=0&sentinelPassword=...     rediss-sentinel://
//   redis-cluster://host:7000,host2:7000               rediss-cluster://
//
// A connection comes back by itself for as long as the process lives, and logs one line when it is lost and
// one when it is back: never the password, and never a crash for want of a listener.

import { createHash } from "node:crypto";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "./log.ts";

const URL_FORM = /^(rediss?)(?:-(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^/?]*))?(?:\?(.*))?$/;
const HOST_FORM = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;
const PORT = 6379;
const SENTINEL_PORT = 26379;
const PORT_MAX = 65_535;

/** Each entry doubles the wait before the next try to connect, up to the last. */
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 2_000;
const RECONNECT_JITTER_MS = 100;
const CONNECT_MS_MAX = 5_000;
/** For commands that answer at once: how long the caller waits, the connection's loss included. */
const COMMAND_MS_MAX = 2_000;
/** So that the client's own time limit, which can say more, comes first. */
const COMMAND_SLACK_MS = 500;
/** A server that owes an answer for so long is behind a dead connection: it is closed and made anew. */
const SILENCE_MS_MAX = 5_000;
const KEEP_ALIVE_MS = 10_000;

export type RedisAddress = {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number;
  /** The group that Sentinel watches; null for the other kinds. */
  readonly masterName: string | null;
  readonly sentinelPassword: string | null;
  /** For logs and errors: without user and password. */
  readonly label: string;
};

export type RedisUrlReading =
  | { readonly ok: true; readonly address: RedisAddress }
  | { readonly ok: false; readonly reason: string };

/** The reason never repeats the URL, which may hold a password. */
export function parseRedisUrl(url: string): RedisUrlReading {
  const found = URL_FORM.exec(url);
  if (found === null)
    return fault("is not of the form redis://host:port, redis-sentinel:// or redis-cluster://");
  const [, scheme = "", form = "single", login, hostList = "", path = "", query = ""] = found;
  const kind = form === "sentinel" || form === "cluster" ? form : "single";
  const hosts = parseHosts(hostList, kind === "sentinel" ? SENTINEL_PORT : PORT);
  if (hosts === null) return fault("has a host that is not of the form name:port");
  if (kind === "single" && hosts.length > 1) {
    return fault("names several hosts: use redis-sentinel:// or redis-cluster://");
  }
  const user = parseLogin(login);
  if (user === null) return fault("has a user or password whose percent signs are not escaped as %25");
  const parameters = new URLSearchParams(query);
  const db = parseDb((kind === "single" ? path : parameters.get("db")) || "0");
  if (db === null) return fault("has a database that is not a number");
  if (kind === "sentinel" && path === "")
    return fault("lacks the master's name: redis-sentinel://host:26379/mymaster");
  if (kind === "cluster" && (db !== 0 || path !== ""))
    return fault("names a database, and a Redis Cluster has only database 0");
  const masterName = kind === "sentinel" ? path : null;
  const schemeLabel = form === "single" ? scheme : `${scheme}-${form}`;
  const suffix = kind === "sentinel" ? `/${path}` : db === 0 ? "" : `/${db}`;
  return {
    ok: true,
    address: {
      kind,
      hosts,
      tls: scheme === "rediss",
      ...user,
      db,
      masterName,
      sentinelPassword: parameters.get("sentinelPassword"),
      label: `${schemeLabel}://${hostList}${suffix}`,
    },
  };
}

export type RedisClient = Redis | Cluster;

export type RedisClientOptions = {
  readonly address: RedisAddress;
  /** Shown by `CLIENT LIST` and in our log lines. */
  readonly name: string;
  /** `bounded`: a command fails after COMMAND_MS_MAX. `endless`: it waits for the server, as BullMQ demands. */
  readonly waits: "bounded" | "endless";
  readonly log: Logger;
};

export function createRedis(options: RedisClientOptions): RedisClient {
  const client = options.address.kind === "cluster" ? openCluster(options) : openOne(options);
  logOutages(client, options);
  return client;
}

/** Runs a Lua script by its digest, and sends its text only to a server that does not know it yet. */
export function createScript(
  redis: RedisClient,
  source: string,
): (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown> {
  const digest = createHash("sha1").update(source).digest("hex");
  return async (keys, args) => {
    try {
      return await bounded(redis.evalsha(digest, keys.length, ...keys, ...args));
    } catch (error) {
      // The first word of a Redis error is its code; the client gives it no field of its own.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return bounded(redis.eval(source, keys.length, ...keys, ...args));
    }
  };
}

/** A Cluster client keeps commands for ever while it finds no node; its own time limit begins at the node. */
export async function bounded<T>(reply: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), COMMAND_MS_MAX + COMMAND_SLACK_MS);
  try {
    return await Promise.race([reply, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function openOne({ address, ...options }: RedisClientOptions): Redis {
  const shared = {
    ...sharedOptions({ address, ...options }),
    db: address.db,
    retryStrategy: reconnectAfterMs,
  };
  if (address.kind === "single") return new Redis({ ...shared, ...address.hosts[0] });
  return new Redis({
    ...shared,
    sentinels: [...address.hosts],
    sentinelRetryStrategy: reconnectAfterMs,
    ...(address.masterName === null ? {} : { name: address.masterName }),
    ...(address.sentinelPassword === null ? {} : { sentinelPassword: address.sentinelPassword }),
    ...(address.tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  });
}

function openCluster(options: RedisClientOptions): Cluster {
  return new Cluster([...options.address.hosts], {
    redisOptions: sharedOptions(options),
    clusterRetryStrategy: reconnectAfterMs,
    // Managed clusters have certificates for names, not for the addresses behind them.
    ...(options.address.tls ? { dnsLookup: (name, done) => done(null, name) } : {}),
  } satisfies ClusterOptions);
}

function sharedOptions({ address, name, waits }: RedisClientOptions) {
  return {
    connectionName: name,
    connectTimeout: CONNECT_MS_MAX,
    keepAlive: KEEP_ALIVE_MS,
    ...(address.username === null ? {} : { username: address.username }),
    ...(address.password === null ? {} : { password: address.password }),
    ...(address.tls ? { tls: {} } : {}),
    // After a failover the old master answers READONLY; only a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(waits === "endless" ? { maxRetriesPerRequest: null } : boundedOptions),
  } satisfies RedisOptions;
}

// A command without an answer may have run, so it is not sent a second time behind the caller's back.
const boundedOptions = {
  commandTimeout: COMMAND_MS_MAX,
  socketTimeout: SILENCE_MS_MAX,
  maxRetriesPerRequest: 1,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

function reconnectAfterMs(tries: number): number {
  const backoffMs = Math.min(RECONNECT_MS_MIN * 2 ** Math.min(tries, 10), RECONNECT_MS_MAX);
  return backoffMs + Math.random() * RECONNECT_JITTER_MS;
}

function logOutages(client: RedisClient, { address: { label }, name, log }: RedisClientOptions): void {
  let away = false;
  client.on("error", (error: Error) => {
    if (away) return;
    away = true;
    log.warn(
      { redis: label, connection: name, reason: reasonOf(error) },
      "Redis is out of reach; trying again until it is back.",
    );
  });
  client.on("ready", () => {
    if (away) log.info({ redis: label, connection: name }, "Redis is back.");
    away = false;
  });
}

/** A refused connection to a name with several addresses has a code and no message. */
function reasonOf(error: Error): string {
  if (error.message !== "") return error.message;
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function parseHosts(list: string, defaultPort: number): RedisAddress["hosts"] | null {
  const hosts: { host: string; port: number }[] = [];
  for (const item of list.split(",")) {
    const found = HOST_FORM.exec(item.trim());
    const port = Number(found?.[2] ?? defaultPort);
    if (found?.[1] === undefined || port < 1 || port > PORT_MAX) return null;
    hosts.push({ host: found[1].replace(/^\[|\]$/g, ""), port });
  }
  return hosts;
}

function parseLogin(login: string | undefined): { username: string | null; password: string | null } | null {
  if (login === undefined || login === "") return { username: null, password: null };
  const colonAt = login.indexOf(":");
  const username = colonAt === -1 ? login : login.slice(0, colonAt);
  const password = colonAt === -1 ? "" : login.slice(colonAt + 1);
  try {
    return { username: decodeURIComponent(username) || null, password: decodeURIComponent(password) || null };
  } catch {
    return null;
  }
}

function parseDb(text: string): number | null {
  return /^\d{1,5}$/.test(text) ? Number(text) : null;
}

function fault(reason: string): RedisUrlReading {
  return { ok: false, reason };
}
