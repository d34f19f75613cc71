// Starts workers as an operator does, `volley start --role worker`, in processes of their own, for tests that
// kill, freeze and stop them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { childEnvironment } from "./child-environment.ts";

const ROOT = join(import.meta.dirname, "../..");
const UP = "Volley is up";
const LINES_KEPT = 50;

export type WorkerProcess = {
  /** SIGKILL: resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGTERM: resolves with the exit code when it has drained. */
  readonly stop: () => Promise<number | null>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly isAlive: () => boolean;
};

/** Resolves when the worker says that it is up. */
export async function startWorkerProcess(configFile: string): Promise<WorkerProcess> {
  const args = [join(ROOT, "src/cli.ts"), "--config", configFile, "start", "--role", "worker"];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: childEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  // For a test process that ends without its hooks.
  const endNow = () => void child.kill("SIGKILL");
  process.once("exit", endNow);
  void closed.then(() => process.off("exit", endNow));

  const said: string[] = [];
  const up = new Promise<boolean>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      if (said.length > LINES_KEPT) said.shift();
      if (line.includes(UP)) resolve(true);
    });
  });
  if (!(await Promise.race([up, closed.then(() => false)]))) {
    throw new Error(`The worker did not come up:\n${said.join("\n")}`);
  }
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    isAlive,
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    kill: () => end(child, "SIGKILL", isAlive, closed).then(() => undefined),
    stop: () => end(child, "SIGTERM", isAlive, closed),
  };
}

async function end(
  child: ChildProcess,
  signal: "SIGKILL" | "SIGTERM",
  isAlive: () => boolean,
  closed: Promise<unknown>,
): Promise<number | null> {
  if (isAlive()) {
    child.kill(signal);
    await closed;
  }
  return child.exitCode;
}
