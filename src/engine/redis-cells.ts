// Token and rate cells in Redis: the doors to token-cell.lua and rate-cell.lua, which hold the rules.

import { readFileSync } from "node:fs";
import { VolleyError } from "../domain/errors.ts";
import { createScript, type RedisClient } from "../platform/redis.ts";
import type { RateCells, TokenCells } from "./engine.ts";
import { parseAsk } from "./rate-ask.ts";

const tokenScript = readFileSync(new URL("./token-cell.lua", import.meta.url), "utf8");
const rateScript = readFileSync(new URL("./rate-cell.lua", import.meta.url), "utf8");

export function createRedisTokens(redis: RedisClient, prefix: string): TokenCells {
  const script = createScript(redis, tokenScript);
  const run = (doing: string, account: string, ...args: readonly (string | number)[]) =>
    answered(
      doing,
      account,
      script([`${prefix}:token:${account}`, `${prefix}:token-lease:${account}`], args),
    );

  return {
    async read(account) {
      const reply = list(await run("read the token", account, "read"));
      if (reply.length === 0) return null;
      const lifeMs = number(reply[3]);
      const ageMs = number(reply[2]) / 1_000;
      return {
        generation: number(reply[0]),
        sealed: text(reply[1]),
        ageMs,
        remainingMs: lifeMs - ageMs,
        lifeMs,
      };
    },
    async lease(account, { holder, generation, holdMs }) {
      const reply = await run("lease the token", account, "lease", holder, generation, Math.ceil(holdMs));
      return reply === "granted" || reply === "moved" ? reply : "taken";
    },
    async write(account, { holder, sealed, lifeMs }) {
      return (await run("write the token", account, "write", holder, sealed, lifeMs)) === 1;
    },
    async release(account, holder) {
      await run("release the token", account, "release", holder);
    },
  };
}

/** `clockUs` takes the place of the server's clock in tests. */
export function createRedisRates(redis: RedisClient, prefix: string, clockUs?: () => number): RateCells {
  const script = createScript(redis, rateScript);
  const run = (doing: string, account: string, operation: string, ...args: readonly (string | number)[]) =>
    answered(doing, account, script([`${prefix}:rate:${account}`], [operation, clockUs?.() ?? "", ...args]));

  return {
    async take(account, ask) {
      const { requestsPerSecond, segmentsPerSecond, segments, leadUs, horizonUs } = parseAsk(ask);
      const limits = [requestsPerSecond, segmentsPerSecond ?? "", leadUs, horizonUs];
      const reply = list(await run("take rate slots", account, "take", ...limits, ...segments));
      const [nowUs, waitUs, pausedUs, ...slotsUs] = reply.map(number);
      return {
        nowMs: number(nowUs) / 1_000,
        waitMs: number(waitUs) / 1_000,
        pausedMs: number(pausedUs) / 1_000,
        slotsMs: slotsUs.map((slot) => slot / 1_000),
      };
    },
    async pause(account, { pauseMs, reason }) {
      await run("pause the rate", account, "pause", Math.ceil(pauseMs * 1_000), reason);
    },
    async read(account) {
      const reply = list(await run("read the pause", account, "read"));
      const reason = text(reply[1]);
      return { pausedMs: number(reply[0]) / 1_000, reason: reason === "" ? null : reason };
    },
  };
}

async function answered(doing: string, account: string, reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot ${doing} of account ${account}: Redis answered "${reason}". Check that Redis runs and has memory left.`;
    throw new VolleyError("engine_unreachable", message, { cause });
  }
}

function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError("A Lua script's reply is not a list.");
  return reply;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("A Lua script's reply has no number where one belongs.");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("A Lua script's reply has no text where one belongs.");
  return value;
}
