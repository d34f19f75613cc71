// The two questions that an operator's machinery asks, and what they answer when nobody can say.

import { expect, it, onTestFinished } from "vitest";
import { openHttpServer, type Readiness } from "../../src/http/server.ts";

async function open(readiness: Readiness) {
  const server = await openHttpServer({ host: "127.0.0.1", port: 0, readiness });
  onTestFinished(() => server.close());
  return async (path: string, init?: RequestInit) => {
    const reply = await fetch(`${server.url}${path}`, init);
    return { status: reply.status, body: await reply.json() };
  };
}

it("readyz says why not, and healthz is alive all the same", async () => {
  const ask = await open(async () => ["database: away", "workers: not running"]);
  expect(await ask("/readyz")).toEqual({
    status: 503,
    body: { status: "not ready", faults: ["database: away", "workers: not running"] },
  });
  expect(await ask("/healthz")).toEqual({ status: 200, body: { status: "ok" } });
});

it("a check that fails is a fault, and tells nothing of what it failed with", async () => {
  const ask = await open(() => Promise.reject(new Error("postgres://me:geheim@db.example")));
  expect(await ask("/readyz")).toEqual({
    status: 503,
    body: { status: "not ready", faults: ["checks: failed"] },
  });
});

it("a check that never ends is a fault within seconds", async () => {
  const ask = await open(() => new Promise(() => undefined));
  expect(await ask("/readyz")).toEqual({
    status: 503,
    body: { status: "not ready", faults: ["checks: no answer in time"] },
  });
});

it("there is nothing else", async () => {
  const ask = await open(async () => []);
  expect(await ask("/readyz")).toEqual({ status: 200, body: { status: "ready", faults: [] } });
  for (const path of ["/", "/metrics", "/readyz/..%2f"]) expect((await ask(path)).status).toBe(404);
  expect((await ask("/healthz", { method: "POST", body: "{" })).status).toBe(404);
});
