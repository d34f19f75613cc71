// The lock file: one at a time, and never a lock that outlives its holder.

import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, withFileLock } from "../../src/platform/file-lock.ts";

test("work under one lock never overlaps, and an error gives the lock back", async () => {
  const path = await setup();
  let inside = 0;
  let most = 0;
  const work = async (fails: boolean) => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(1);
    inside -= 1;
    if (fails) throw new Error("on purpose");
    return "done";
  };
  const all = Array.from({ length: 8 }, (_, index) => withFileLock(path, () => work(index % 2 === 0)));
  const ends = await Promise.allSettled(all);
  expect(ends.filter((end) => end.status === "fulfilled")).toHaveLength(4);
  expect(most).toBe(1);
  expect(await readdir(join(path, ".."))).toEqual([]);
});

test("a dead holder's lock goes at once, a silent one's after a while, and a living one's never", async () => {
  const dead = await startWaiting(`${hostname()}\n${2 ** 22 + 1}\n1\nabc`);
  const earlier = await startWaiting(`${hostname()}\n${process.pid}\n1\nabc`);
  const elsewhere = await startWaiting("another machine\n1\n1\nabc");
  const halfWritten = await startWaiting("");
  const touched = await startWaiting("another machine\n1\n1\nabc");
  // A clock that is wrong by decades, and yet one that moves.
  let clock = 1;
  const touching = setInterval(() => {
    clock += 1;
    utimes(touched.path, clock, clock).catch(() => undefined);
  }, 1_000);
  onTestFinished(() => clearInterval(touching));

  await Promise.all([dead.taken, earlier.taken]);
  expect([elsewhere, halfWritten, touched].map((one) => one.isTaken())).toEqual([false, false, false]);
  await Promise.all([elsewhere.taken, halfWritten.taken]);
  expect(touched.isTaken()).toBe(false);
  await rm(touched.path);
  await touched.taken;
});

test("whoever lost the lock does not remove the next holder's", async () => {
  const path = await setup();
  await withFileLock(path, async () => {
    await writeFile(path, "elsewhere\n1\n1\nabc");
  });
  expect(await readFile(path, "utf8")).toContain("elsewhere");
});

test("pids that cannot be are dead", () => {
  expect(isAlive(process.pid)).toBe(true);
  expect(isAlive(2 ** 22 + 1)).toBe(false);
});

/** Somebody waits for a lock in which another has left the text. */
async function startWaiting(text: string) {
  const path = await setup();
  await writeFile(path, text);
  let isTaken = false;
  const taken = withFileLock(path, async () => {
    isTaken = true;
  });
  return { path, taken, isTaken: () => isTaken };
}

async function setup(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "volley-lock-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "lock");
}
