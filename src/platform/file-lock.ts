// One process at a time, by a lock file: for work that is short and that a second layer also protects.
//
// No lock outlives its holder. It is broken when the pid in it is dead, and in any case once it has not been
// touched for SILENT_MS_MAX: a living holder touches it every second, a stopped one, or one in another
// container whose pids mean nothing here, does not. So a holder may, rarely, lose the lock without knowing;
// callers need a second interlock (Postgres' own postmaster.pid, a rename) behind it.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { VolleyError } from "../domain/errors.ts";

const TOUCH_MS = 1_000;
const SILENT_MS_MAX = 10_000;
const LOOK_MS = 50;
const WAIT_MS_MAX = 180_000;

export async function withFileLock<T>(path: string, fn: () => Promise<T>): Promise<T> {
  const mark = await take(path);
  const touching = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, TOUCH_MS);
  try {
    return await fn();
  } finally {
    clearInterval(touching);
    if ((await readText(path)) === mark) await rm(path, { force: true });
  }
}

/** Resolves with the text in the lock, by which its holder knows it again. */
async function take(path: string): Promise<string> {
  const nonce = randomBytes(8).toString("hex");
  const mark = [hostname(), process.pid, performance.timeOrigin, nonce].join("\n");
  const deadline = performance.now() + WAIT_MS_MAX;
  let seen = { state: "", sinceMs: performance.now() };
  while (!(await create(path, mark))) {
    if (performance.now() > deadline) {
      throw new VolleyError(
        "state_conflict",
        `Another process has held the lock ${path} for three minutes. End that process, or remove the file.`,
      );
    }
    const text = await readText(path);
    const state = `${text} ${await touchedAtMs(path)}`;
    // By our own watch and not by the file's time, which may come from another machine's clock.
    if (state !== seen.state) seen = { state, sinceMs: performance.now() };
    if (isHolderDead(text) || performance.now() - seen.sinceMs > SILENT_MS_MAX) await breakLock(path, text);
    else await sleep(LOOK_MS);
  }
  return mark;
}

async function create(path: string, mark: string): Promise<boolean> {
  try {
    await writeFile(path, mark, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function isHolderDead(text: string): boolean {
  const [host, pidText, startedAt] = text.split("\n");
  const pid = Number(pidText);
  // Half written, or of another container: only its silence can tell.
  if (startedAt === undefined || host !== hostname() || !Number.isInteger(pid) || pid < 1) return false;
  // A container that starts again gives its first process the same pid.
  if (pid === process.pid) return startedAt !== String(performance.timeOrigin);
  return !isAlive(pid);
}

/** False also for a zombie: dead, and not yet collected by its parent, which in a container may be never. */
export function isAlive(pid: number): boolean {
  if (!hasPid(pid)) return false;
  if (process.platform !== "linux") return true;
  try {
    // "<pid> (<name, which may hold anything>) <state> ..."
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !text.slice(text.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return hasPid(pid);
  }
}

/** Whether the system knows the pid, be it of a zombie. */
export function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Two processes may break the same lock: the slower one must not break the lock that the quicker one then took. */
async function breakLock(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readText(aside)) !== text) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

async function touchedAtMs(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  );
}
