// The engine on Redis or Valkey, for many workers on many machines: BullMQ's own backend, and cells in Lua.
//
// Two connections: one for the cells, whose commands fail within seconds, and one for BullMQ, which demands
// that its commands wait for ever (it makes copies of it for workers). Every key begins with one hash tag,
// so that on a Cluster all of them lie on one node, as Lua and BullMQ need it.

import { createRedisBackend } from "bullmq";
import { VolleyError } from "../domain/errors.ts";
import type { Logger } from "../platform/log.ts";
import { bounded, createRedis, type RedisClient } from "../platform/redis.ts";
import type { RedisAddress } from "../platform/redis-url.ts";
import type { Engine } from "./engine.ts";
import { createRedisRates, createRedisTokens } from "./redis-cells.ts";

const PREFIX = "{volley}";
const VERSION_MIN = [6, 2] as const;
const QUIT_MS_MAX = 1_000;

export type RedisEngineOptions = {
  readonly connection: RedisAddress;
  readonly log: Logger;
  /** Begins every key; holds a `{tag}`. */
  readonly prefix?: string;
};

export function createRedisEngine({ connection, log, prefix = PREFIX }: RedisEngineOptions): Engine {
  const cells = createRedis({ address: connection, name: "volley-cells", waits: "bounded", log });
  const queue = createRedis({ address: connection, name: "volley-queue", waits: "endless", log });
  return {
    queueBackend: {
      connection: queue,
      prefix,
      factory: (name, options, more) => createRedisBackend(name, { ...options, connection: queue }, more),
    },
    tokens: createRedisTokens(cells, prefix),
    rates: createRedisRates(cells, prefix),
    async migrate() {
      // Keys need no schema; but who asks to migrate wants to hear that the server is there.
      await bounded(cells.ping()).catch((cause: unknown) => {
        throw new VolleyError("engine_unreachable", unreachable(connection.label, cause), { cause });
      });
    },
    check: () => check(cells, connection.label),
    async close() {
      queue.disconnect();
      await quit(cells);
    },
  };
}

async function check(redis: RedisClient, label: string): Promise<readonly string[]> {
  try {
    const server = parseInfo(await bounded(redis.info()));
    const policy = await readEvictionPolicy(redis, server);
    return [checkVersion(server, label), checkPolicy(policy, label), checkRole(server, label)].filter(
      (fault) => fault !== null,
    );
  } catch (error) {
    return [unreachable(label, error)];
  }
}

function checkVersion(server: ReadonlyMap<string, string>, label: string): string | null {
  // Valkey's `redis_version` is that of the Redis it stands in for: 7.2 for all its own versions.
  const version = server.get("redis_version") ?? "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMin, minorMin] = VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return null;
  return `Redis at ${label} is version ${version}; use ${VERSION_MIN.join(".")} or newer.`;
}

function checkPolicy(policy: string | null, label: string): string | null {
  if (policy === "noeviction") return null;
  return (
    `Redis at ${label} has maxmemory-policy ${policy ?? "unknown"}, which may remove queued work when memory is short. ` +
    "Set it: CONFIG SET maxmemory-policy noeviction, and in redis.conf."
  );
}

function checkRole(server: ReadonlyMap<string, string>, label: string): string | null {
  if (server.get("role") !== "slave") return null;
  return `Redis at ${label} is a read-only replica; name its master, or use redis-sentinel://.`;
}

/** Managed services forbid CONFIG and still tell the policy in INFO. */
async function readEvictionPolicy(
  redis: RedisClient,
  server: ReadonlyMap<string, string>,
): Promise<string | null> {
  const told = server.get("maxmemory_policy");
  if (told !== undefined) return told;
  const reply: unknown = await bounded(redis.config("GET", "maxmemory-policy")).catch(() => null);
  return Array.isArray(reply) && typeof reply[1] === "string" ? reply[1] : null;
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colonAt = line.indexOf(":");
    if (colonAt > 0) fields.set(line.slice(0, colonAt), line.slice(colonAt + 1));
  }
  return fields;
}

function unreachable(label: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `Cannot reach Redis at ${label}: ${reason}. Check that it runs, the address and the password.`;
}

async function quit(redis: RedisClient): Promise<void> {
  const deadline = setTimeout(() => redis.disconnect(), QUIT_MS_MAX);
  // A connection that is down already cannot say good-bye.
  await redis.quit().catch(() => redis.disconnect());
  clearTimeout(deadline);
}
