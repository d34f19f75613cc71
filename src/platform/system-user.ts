// The system user that Postgres runs as when this process is root, which Postgres refuses to be.
//
// `postgres` when the machine has it; else it is created, so that the files belong to nobody else; else
// `nobody`, for a machine whose user table cannot be written. An ordinary user runs Postgres as himself: null.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const RUN_MS_MAX = 15_000;
const USER_NAME = "postgres";

export type SystemUser = { readonly name: string; readonly uid: number; readonly gid: number };

export async function findSystemUser(): Promise<SystemUser | null> {
  if (process.getuid?.() !== 0) return null;
  const user = (await lookUp(USER_NAME)) ?? (await create(USER_NAME)) ?? (await lookUp("nobody"));
  if (user === null) throw new Error("Postgres cannot run as root, and there is no other user to run it as.");
  return user;
}

/** True when the user can enter the directory; asked of the system, since modes alone do not tell (ACLs). */
export async function canEnter(user: SystemUser, directory: string): Promise<boolean> {
  return succeeds("/bin/sh", ["-c", 'cd -- "$1"', "sh", directory], user);
}

/** `id` and not /etc/passwd: users may come from a directory service. */
async function lookUp(name: string): Promise<SystemUser | null> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

/** The two commands are those of most distributions and of busybox (Alpine). */
async function create(name: string): Promise<SystemUser | null> {
  const created =
    (await succeeds("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name])) ||
    (await succeeds("adduser", ["-S", "-D", "-H", name]));
  return created ? lookUp(name) : null;
}

async function succeeds(command: string, args: readonly string[], user?: SystemUser): Promise<boolean> {
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  return run(command, [...args], { ...identity, cwd: "/", timeout: RUN_MS_MAX }).then(
    () => true,
    () => false,
  );
}
