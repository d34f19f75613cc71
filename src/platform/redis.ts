// Connections to Redis or Valkey: one server, Sentinel or Cluster.
//
// A connection comes back by itself for as long as the process lives, and logs one line when it is lost and
// one when it is back: never the password, and never a crash for want of a listener.

import { createHash } from "node:crypto";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { inTime } from "./in-time.ts";
import type { Logger } from "./log.ts";
import type { RedisAddress } from "./redis-url.ts";

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
export function bounded<T>(reply: Promise<T>): Promise<T> {
  return inTime(reply, COMMAND_MS_MAX + COMMAND_SLACK_MS, () => {
    throw new Error("no answer in time");
  });
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
