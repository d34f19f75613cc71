// How the tests run: against one real Postgres and one real Redis, started once for the whole run.
//
// Three workers, because most machines that run the tests have few cores, and many tests wait. Files share a worker's
// process: importing the same modules anew for each took half of the time, and a file has to end what it starts anyway.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global-setup.ts",
    pool: "forks",
    maxWorkers: 3,
    isolate: false,
    // Bounds for what never comes, far beyond what a busy machine takes for what does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
});
