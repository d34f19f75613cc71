// Redis emptied, killed or not there yet: the ledger rebuilds what the queue lost, unaided.

import { createConnection } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { openRoute, people } from "../support/route.ts";

/** Slow enough that the fault falls into the campaign's middle. */
const SLOW = { sinch: { segmentsPerSecond: 2_000 }, "mobile-digital": { requestsPerSecond: 100 } };
const PERSONS = [...people("sinch", 10_000), ...people("mobile-digital", 400)];

it("a Redis that is emptied in mid-campaign costs no message and no duplicate", async () => {
  const servers = keepServers();
  const redis = await startRedis();
  servers.push(redis);
  const route = await openRoute({ redisUrl: redis.url, limits: SLOW });
  const id = await route.accept(PERSONS);
  await route.start(id);
  await route.work();
  await route.simulator.untilAccepted("mobile-digital", 100);
  await flushAll(redis.port);
  expect(await route.untilFinished(id, { unaided: true })).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: PERSONS.length });
  await route.audit(id);
});

it("a Redis that is killed and comes back empty in mid-campaign costs no message and no duplicate", async () => {
  const servers = keepServers();
  const redis = await startRedis();
  servers.push(redis);
  const route = await openRoute({ redisUrl: redis.url, limits: SLOW });
  const id = await route.accept(PERSONS);
  await route.start(id);
  await route.work();
  await route.simulator.untilAccepted("mobile-digital", 100);
  process.kill(redis.pid, "SIGKILL");
  servers.push(await startRedis(["--port", String(redis.port)]));
  expect(await route.untilFinished(id, { unaided: true })).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: PERSONS.length });
  await route.audit(id);
});

it("a campaign accepted while Redis is not there yet is sent once it is", async () => {
  const port = await findFreePort();
  const servers = keepServers();
  const route = await openRoute({ redisUrl: `redis://127.0.0.1:${port}` });
  await route.work();
  const id = await route.accept(people("sinch", 2_000));
  await route.start(id);
  expect(await route.counts(id)).toEqual({ queued: 2_000 });
  expect(route.simulator.callCount("sinch")).toBe(0);
  servers.push(await startRedis(["--port", String(port)]));
  expect(await route.untilFinished(id, { unaided: true })).toBe("completed");
  await route.audit(id);
});

/** Servers that end with the test, after the route that uses them. */
function keepServers(): RedisServer[] {
  const servers: RedisServer[] = [];
  onTestFinished(async () => {
    for (const server of servers) await server.stop();
  });
  return servers;
}

async function flushAll(port: number): Promise<void> {
  const socket = createConnection({ host: "127.0.0.1", port });
  const answered = new Promise((resolve) => socket.once("data", resolve));
  socket.write("FLUSHALL\r\n");
  await answered;
  socket.destroy();
}
