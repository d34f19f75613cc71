// The registry: every provider under its own name, and none without its test, its page and its configuration.

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { providerNames, providers } from "../../src/providers/index.ts";

const root = new URL("../../", import.meta.url);

test("every provider of the configuration is registered under its name", () => {
  expect(Object.keys(providers).sort()).toEqual([...providerNames].sort());
  for (const name of providerNames) expect(providers[name].name).toBe(name);
});

test.each(providerNames)("%s has a test file that runs the conformance suite, and a page", (name) => {
  const source = readFileSync(new URL(`test/providers/${name}.test.ts`, root), "utf8");
  expect(source).toMatch(/^describeProvider\(/m);
  expect(existsSync(new URL(`docs/providers/${name}.md`, root))).toBe(true);
});

test.each(providerNames)("examples/%s.yaml is a whole configuration for that provider alone", (name) => {
  const source = readFileSync(new URL(`examples/${name}.yaml`, root), "utf8");
  const variables = [...source.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, variable = ""]) => variable);
  expect(variables.length).toBeGreaterThan(0);
  const environment = Object.fromEntries(
    variables.map((variable) => [
      variable,
      variable.endsWith("_URL") ? "https://host.example" : "x".repeat(43),
    ]),
  );
  const config = parseConfig(source, { file: `/etc/${name}.yaml`, environment });
  expect(config.accounts.map((account) => account.provider)).toEqual([name]);
  const takesReports = config.accounts[0]?.reports !== null;
  expect(takesReports).toBe(providers[name].facts.hasReports);
});
