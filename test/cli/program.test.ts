// What can be typed, as a tree: each word of it is explained by --help and by the page of the command line.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";

type Leaf = { readonly path: string; readonly command: Command; readonly help: string };

/** Commands that do something, by the words that lead to them. */
function leaves(command: Command, above: readonly string[] = []): Leaf[] {
  const path = [...above, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((one) => leaves(one, path));
  return [{ path: path.join(" "), command, help: helpOf(command) }];
}

/** With what stands after the options, as a person sees it. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

const commands = leaves(createProgram());
const page = readFileSync(join(import.meta.dirname, "../../docs/command-line.md"), "utf8");
/** Of the page: from a command's own line to the next one's. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section): [string, string] => [/^`(volley [a-z -]*[a-z])/.exec(section)?.[1] ?? "", section]),
);

/** Each takes words that people look up. */
const WITH_EXAMPLE = [
  ...["simulate", "send", "campaign create", "campaign export", "campaign retry-failed", "reminder create"],
  ...["reminder move", "message list", "unknown resolve", "opt-out add", "opt-out import", "erase"],
  ...["webhook add", "webhook replay", "key create"],
];
const LISTINGS = /^volley (doctor|.* (list|show|watch|preview|strangers|deliveries))$/;

describe("help", () => {
  it.each(commands)("of $path explains the command and every option", ({ command, help }) => {
    expect(command.description()).not.toBe("");
    for (const option of command.options) {
      expect(help).toContain(option.flags);
      expect(option.description, option.flags).not.toBe("");
    }
    expect(help).toContain("--config");
  });

  it.each(WITH_EXAMPLE)("of %s has an example", (name) => {
    const help = commands.find(({ path }) => path === `volley ${name}`)?.help;
    expect(help).toMatch(new RegExp(`^Examples?.*:\\n {2}volley ${name}|\\n {2}volley ${name} `, "m"));
  });
});

it("every listing prints JSON when it is asked to", () => {
  const listings = commands.filter(({ path }) => LISTINGS.test(path));
  expect(listings.length).toBeGreaterThan(12);
  for (const { path, command } of listings) {
    expect(
      command.options.map(({ long }) => long),
      path,
    ).toContain("--json");
  }
});

describe("the page of the command line", () => {
  it("has a section of every command, and of no other", () => {
    expect([...sections.keys()].toSorted()).toEqual(commands.map(({ path }) => path).toSorted());
  });

  it.each(commands)("names every option of $path, and no other", ({ path, command }) => {
    const section = sections.get(path) ?? "";
    const named = new Set(section.match(/--[a-z][a-z-]*/g));
    expect([...named].toSorted()).toEqual(command.options.map(({ long }) => long).toSorted());
  });
});
