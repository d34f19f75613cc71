// The Redis of the test run, shared by all test files: use a key prefix of your own, and never FLUSHALL it.
//
// A test that kills, fills, freezes or configures a server starts one of its own with startRedis.

import { inject } from "vitest";

export { startRedis } from "./redis-server.ts";

export function redisUrl(): string {
  return inject("redisUrl");
}
