// How the tests run: against one real Postgres and one real Redis, started once for the whole run.
//
// Two workers, because the suites share those servers and most machines that run them have few cores.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global-setup.ts",
    pool: "forks",
    maxWorkers: 2,
    // Bounds for what never comes, far beyond what a busy machine takes for what does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
});
