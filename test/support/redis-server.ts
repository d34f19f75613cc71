// Starts a Redis (or Valkey) server for tests, keeping nothing on disk but its own temporary directory.
//
// Redis has no npm binary: it comes from PATH, or on Debian and its kin, as root, from the package
// `redis-tools`. That package holds the server program itself under another name; the package
// `redis-server` adds only the system service, which a test run has no business to start.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { findFreePort } from "../../src/platform/free-port.ts";
import { findOnPath, installWithApt, isExecutable } from "./program.ts";

const TRIES_MAX = 5;
const STOP_MS_MAX = 5_000;

export type RedisServer = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server, also one that was killed or is stopped by SIGSTOP, and removes its files. */
  readonly stop: () => Promise<void>;
};

/** `args` come last, so they win over the settings here: `["--maxmemory", "5mb"]`, `["--port", "7001"]`. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const program = await findProgram();
  let failure: unknown;
  // A free port may be taken by another program before the server listens on it.
  for (let count = 0; count < TRIES_MAX; count += 1) {
    try {
      return await startOn(program, await findFreePort(), args);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

type Program = { readonly path: string; readonly argv0: string };

async function startOn(program: Program, freePort: number, args: readonly string[]): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "volley-redis-"));
  const settings = `--port ${freePort} --bind 127.0.0.1 --daemonize no --appendonly no --maxmemory-policy noeviction`;
  const server = spawn(program.path, [...settings.split(" "), "--save", "", "--dir", directory, ...args], {
    argv0: program.argv0,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const killNow = () => server.kill("SIGKILL");
  // For a test process that ends without its hooks.
  const endNow = () => {
    killNow();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", endNow);
  const stop = async () => {
    const deadline = setTimeout(killNow, STOP_MS_MAX);
    server.kill("SIGCONT");
    server.kill("SIGTERM");
    await exited;
    clearTimeout(deadline);
    process.off("exit", endNow);
    await rm(directory, { recursive: true, force: true });
  };
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stdout })) {
    lines.push(line);
    if (line.includes("Ready to accept connections")) break;
  }
  if (server.pid === undefined || server.exitCode !== null || !lines.at(-1)?.includes("Ready to accept")) {
    await stop();
    throw new Error(`${program.argv0} did not start:\n${lines.join("\n")}`);
  }
  // Unread output would fill the pipe and stop the server.
  server.stdout.resume();
  const portAt = args.indexOf("--port");
  const port = portAt === -1 ? freePort : Number(args[portAt + 1]);
  return { url: `redis://127.0.0.1:${port}`, port, pid: server.pid, stop };
}

async function findProgram(): Promise<Program> {
  const found = await findOnPath("redis-server", "valkey-server");
  if (found !== null) return { path: found, argv0: basename(found) };
  await installWithApt("redis-tools");
  const path = "/usr/bin/redis-check-rdb";
  if (await isExecutable(path)) return { path, argv0: "redis-server" };
  throw new Error(
    "The tests need a Redis: install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis).",
  );
}
