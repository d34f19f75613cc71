// The README's tables are held to the source, so that neither can move alone.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { errorCodes } from "../src/domain/errors.ts";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

it("the README lists every error code with its exit code", () => {
  const rows = [...readme.matchAll(/^\| `(\w+)`\s*\| (\d)\s*\|/gm)].map(([, code, exit]) => [
    code,
    Number(exit),
  ]);
  expect(Object.fromEntries(rows)).toEqual(errorCodes);
});

it("every file that the README links to is there", () => {
  for (const [, path = ""] of readme.matchAll(/\]\(([^)#]+)\)/g)) {
    expect(() => readFileSync(join(import.meta.dirname, "..", path)), path).not.toThrow();
  }
});

it("every command of the README is a command, and the other way round", async () => {
  const cli = readFileSync(join(import.meta.dirname, "../src/cli.ts"), "utf8");
  const table = readme.slice(readme.search(/^\| command /m), readme.indexOf("`--config FILE`"));
  const commands = [...cli.matchAll(/\.command\("([a-z]+)/g)].map(([, name = ""]) => name);
  for (const name of commands) expect(table, name).toContain(name);
});
