// Programs that tests need and npm does not bring: from PATH, or on Debian and its kin, as root, from a package.

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const APT_GET = "/usr/bin/apt-get";
const run = promisify(execFile);

/** The path of the first of these names that there is. */
export async function findOnPath(...names: readonly string[]): Promise<string | null> {
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  for (const name of names) {
    for (const directory of directories) {
      const path = join(directory, name);
      if (await isExecutable(path)) return path;
    }
  }
  return null;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Best effort: whoever calls looks whether the program is there, and says what to do when it is not. */
export async function installWithApt(name: string): Promise<void> {
  if (process.getuid?.() !== 0 || !(await isExecutable(APT_GET))) return;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run(APT_GET, ["update"], { env });
    await run(APT_GET, ["install", "-y", "--no-install-recommends", name], { env });
  } catch (error) {
    process.stderr.write(`apt-get could not install ${name}: ${String(error)}\n`);
  }
}
