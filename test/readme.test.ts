// The README's tables are held to the source, so that neither can move alone.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createProgram } from "../src/cli/program.ts";
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

it("the README's table has a row of every command, which names what can be said after it", () => {
  const table = readme.slice(readme.search(/^\| command /m), readme.indexOf("`--config FILE`"));
  const rows = table.split("\n").filter((row) => row.startsWith("| `volley "));
  for (const command of createProgram().commands) {
    const own = rows.filter((row) => row.startsWith(`| \`volley ${command.name()}`)).join("\n");
    expect(own, command.name()).not.toBe("");
    for (const below of command.commands) expect(own, command.name()).toContain(below.name());
  }
  expect(new Set(rows.map((row) => /volley ([a-z-]+)/.exec(row)?.[1]))).toEqual(
    new Set(createProgram().commands.map((command) => command.name())),
  );
});
