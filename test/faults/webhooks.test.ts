// Customers' receivers that are slow, and workers that die while they call one: fault 29, on the whole route.

import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event.ts";
import { acceptEndpoint } from "../../src/intake/accept-endpoint.ts";
import { openQueue, WEBHOOK_QUEUE } from "../../src/queue/queues.ts";
import { type ReceivedCall, startHttpServer } from "../support/http-server.ts";
import { silent } from "../support/ledger.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const settings = { webhooks: { allowPrivateAddresses: true } };
const PATIENCE = { timeout: 30_000, interval: 50 };

async function listen(
  { parts }: Route,
  answer: (call: ReceivedCall, response: ServerResponse) => void,
  events: readonly EventType[] = eventTypes,
) {
  const receiver = await startHttpServer(answer);
  onTestFinished(receiver.close);
  await acceptEndpoint(parts, { url: receiver.url, events });
  return receiver;
}

const typesOf = (calls: readonly ReceivedCall[]): Record<string, number> => {
  const types = calls.map((call): string => JSON.parse(call.body).type);
  return Object.fromEntries(
    [...new Set(types)].sort().map((type) => [type, types.filter((one) => one === type).length]),
  );
};

describe.each(engines)("on engine %s", (engine) => {
  it("a receiver that never answers holds up neither the campaign nor another receiver", async () => {
    const route = await openRoute({ engine, settings });
    const mute = await listen(route, () => undefined);
    const sound = await listen(route, (_call, response) => response.end());
    await route.work();
    const id = await route.accept(people("mobile-digital", 200));
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    await expect
      .poll(() => typesOf(sound.calls), PATIENCE)
      .toEqual({ "campaign.completed": 1, "campaign.started": 1, "message.accepted": 200 });
    expect(mute.calls.length, "calls in flight at once").toBeLessThanOrEqual(10);
    expect(new Set(sound.calls.map(({ headers }) => headers["webhook-id"])).size).toBe(202);
    await route.audit(id);
  });

  it("a worker killed between POST and record: the next one delivers the same event again", async () => {
    const route = await openRoute({ engine, settings });
    const first = Promise.withResolvers<void>();
    let isDead = false;
    const receiver = await listen(
      route,
      (_call, response) => {
        if (isDead) response.end();
        else first.resolve();
      },
      ["campaign.started"],
    );
    const doomed = await route.startProcess();
    await route.accept(people("mobile-digital", 1));
    await first.promise;
    await doomed.kill();
    isDead = true;
    // As if its leases, on the delivery and on the job, had run out.
    await route.pool.query("update volley.delivery set due_at = now()");
    const queue = openQueue(WEBHOOK_QUEUE, route.parts.engine.queueBackend, silent);
    await queue.obliterate({ force: true });
    await queue.resume();
    await queue.close();
    await route.startProcess();
    await expect.poll(() => receiver.calls.length, PATIENCE).toBe(2);
    const ids = receiver.calls.map(({ headers }) => headers["webhook-id"]);
    expect(ids[0]).toBe(ids[1]);
    await expect
      .poll(async () => (await route.pool.query("select state, tries from volley.delivery")).rows, PATIENCE)
      .toEqual([{ state: "delivered", tries: 1 }]);
  });
});

it("a receiver that comes back after an outage gets everything", async () => {
  const route = await openRoute({ settings });
  let isUp = false;
  const receiver = await listen(route, (_call, response) => void response.writeHead(isUp ? 200 : 502).end());
  await route.work();
  const id = await route.accept(people("mobile-digital", 100));
  await route.start(id);
  expect(await route.untilFinished(id)).toBe("completed");
  await expect.poll(() => receiver.calls.length, PATIENCE).toBeGreaterThan(0);
  isUp = true;
  const heard = new Set<string>();
  await expect
    .poll(async () => {
      await route.pool.query(
        "update volley.delivery set due_at = now() where state = 'waiting' and lease is null",
      );
      const { rows } = await route.pool.query("select from volley.delivery where state <> 'delivered'");
      return rows.length;
    }, PATIENCE)
    .toBe(0);
  for (const { headers } of receiver.calls) heard.add(String(headers["webhook-id"]));
  expect(heard.size).toBe(102);
});

it("an account that fails, and works again, is told of at each change, however many workers find out", async () => {
  const route = await openRoute({
    settings,
    simulator: { providers: { "mobile-digital": { faults: [{ name: "500", count: 10 }] } } },
    limits: { "mobile-digital": { inFlight: 5 } },
  });
  const receiver = await listen(route, (_call, response) => response.end(), [
    "account.degraded",
    "account.recovered",
  ]);
  const id = await route.accept(people("mobile-digital", 200));
  await route.start(id);
  await route.work();
  await route.work(await route.openSet());
  await route.untilFinished(id);
  const told = () => receiver.calls.map((call) => JSON.parse(call.body));
  await expect.poll(() => told().at(-1)?.type, PATIENCE).toBe("account.recovered");
  expect(told()[0].data).toEqual({ account: "mobile-digital", reason: "http-500" });
  // One worker may be through with it before the other one is; but nobody hears the same twice in a row.
  for (const [index, { type }] of told().entries()) {
    expect(type).toBe(index % 2 === 0 ? "account.degraded" : "account.recovered");
  }
  await route.audit(id);
});
