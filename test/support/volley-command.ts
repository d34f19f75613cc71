// Runs the command line as people do: a process of its own, in a folder of its own with a volley.yaml.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ProviderName } from "../../src/providers/index.ts";
import { simulatedProviders } from "../../src/simulator/registry.ts";
import { childEnvironment } from "./child-environment.ts";

const ROOT = join(import.meta.dirname, "../..");
const CLI = join(ROOT, "src/cli.ts");

export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which then ends. */
  readonly input?: string;
};

export type RunningCommand = {
  /** Resolves with the first line of either output, from the start on, that holds the words. */
  readonly untilSays: (words: string) => Promise<string>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly closeStdout: () => void;
  readonly ended: Promise<Ended>;
};

export type CommandFolder = {
  readonly path: string;
  readonly write: (name: string, text: string) => Promise<string>;
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ended>;
  readonly start: (args: readonly string[], options?: RunOptions) => RunningCommand;
  /** Ends what was started here and still runs, and removes the folder. */
  readonly remove: () => Promise<void>;
};

/** `config` becomes the folder's volley.yaml, for JSON is YAML; null: there is none. */
export async function createCommandFolder(config: object | string | null): Promise<CommandFolder> {
  const path = await mkdtemp(join(tmpdir(), "volley-cli-"));
  const running = new Set<() => Promise<void>>();
  const write = async (name: string, text: string) => {
    await writeFile(join(path, name), text);
    return join(path, name);
  };
  if (config !== null) {
    await write("volley.yaml", typeof config === "string" ? config : JSON.stringify(config));
  }
  const start = (args: readonly string[], options: RunOptions = {}) =>
    startCommand(path, args, options, running);
  return {
    path,
    write,
    start,
    run: (args, options) => start(args, options).ended,
    async remove() {
      await Promise.all([...running].map((kill) => kill()));
      await rm(path, { recursive: true, force: true });
    },
  };
}

function startCommand(
  cwd: string,
  args: readonly string[],
  { env = {}, input = "" }: RunOptions,
  running: Set<() => Promise<void>>,
): RunningCommand {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { ...childEnvironment, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const killNow = () => void child.kill("SIGKILL");
  // For a test process that ends without its hooks.
  process.once("exit", killNow);
  // A command need not read its input to the end.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);

  const outputs = { stdout: "", stderr: "" };
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      outputs[name] += text;
    });
    createInterface({ input: child[name] }).on("line", (line) => {
      lines.push(line);
      for (const listener of listeners) listener(line);
    });
  }
  const ended = once(child, "close").then(([code]): Ended => ({ code, ...outputs }));
  const kill = async () => {
    killNow();
    await ended;
  };
  running.add(kill);
  void ended.then(() => {
    running.delete(kill);
    process.off("exit", killNow);
  });

  return {
    ended,
    signal: (name) => void child.kill(name),
    closeStdout: () => void child.stdout.destroy(),
    untilSays(words) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const listener = (line: string) => {
        if (!line.includes(words)) return;
        listeners.delete(listener);
        resolve(line);
      };
      listeners.add(listener);
      for (const line of lines) listener(line);
      void ended.then(({ code, stderr, stdout }) =>
        reject(new Error(`It ended with ${code} and never said "${words}":\n${stderr}${stdout}`)),
      );
      return promise;
    },
  };
}

/** An account at a simulator, as it stands in volley.yaml; the credentials are the simulator's own. */
export function accountAt(
  url: string,
  provider: ProviderName,
  {
    secret = "demo-secret",
    ...overrides
  }: { readonly secret?: string; readonly [setting: string]: unknown } = {},
): object {
  const baseUrl = `${url}/${provider}`;
  const credentials = Object.fromEntries(
    Object.entries(simulatedProviders[provider].credentials).map(([name, value]) => [
      name,
      value === "demo-secret" ? secret : value,
    ]),
  );
  return {
    name: provider,
    provider,
    baseUrl,
    credentials,
    limits: { requestsPerSecond: 1000, inFlight: 20 },
    ...overrides,
  };
}
