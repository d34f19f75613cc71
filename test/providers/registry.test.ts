// The registry: every provider under its own name, and none without its conformance test.

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { providerNames } from "../../src/domain/account.ts";
import { providers } from "../../src/providers/index.ts";

test("every provider of the configuration is registered under its name and has a test file", () => {
  expect(Object.keys(providers).sort()).toEqual([...providerNames].sort());
  for (const name of providerNames) {
    expect(providers[name].name).toBe(name);
    expect(existsSync(new URL(`./${name}.test.ts`, import.meta.url))).toBe(true);
  }
});
