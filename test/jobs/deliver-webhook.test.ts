// The last hop with a real ledger and real receivers on loopback.

import { randomBytes, randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { pino } from "pino";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deliverDue, deliverWebhooks, testWebhook } from "../../jobs/deliver-webhook.ts";
import type { EndpointId } from "../../src/domain/endpoint.ts";
import { VolleyError } from "../../src/domain/errors.ts";
import { type EventType, eventTypes } from "../../src/domain/event.ts";
import { type Sensitive, sensitive } from "../../src/domain/sensitive.ts";
import { acceptEndpoint, rotateSecret } from "../../src/intake/accept-endpoint.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { writeEvents } from "../../src/ledger/write-events.ts";
import { createWebhooks, type Webhooks } from "../../src/webhooks/webhooks.ts";
import { type HttpTestServer, type ReceivedCall, startHttpServer } from "../support/http-server.ts";
import { type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
let webhooks: Webhooks;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query("truncate volley.event, volley.delivery, volley.endpoint");
  webhooks = createWebhooks({ allowPrivateAddresses: true });
});
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await webhooks.close();
  for (const close of closers.splice(0)) await close();
});

type Answer = (call: ReceivedCall, response: ServerResponse) => void;
const status =
  (code: number, headers = {}) =>
  (_call: ReceivedCall, response: ServerResponse) =>
    void response.writeHead(code, headers).end();

/** What happens to other tests' endpoints is nobody's here. */
const ownEvents = eventTypes.filter((type) => type !== "endpoint.disabled");

/** A receiver whose answer a test may change, and its endpoint. */
async function setup(first: Answer = status(200), events: readonly EventType[] = ownEvents) {
  let answer = first;
  const receiver = await startHttpServer((call, response) => answer(call, response));
  closers.push(receiver.close);
  const { endpoint, secret } = await acceptEndpoint(
    { ledger: bench.ledger, webhooks },
    { url: `${receiver.url}/hook?key=customers-own`, events },
  );
  return {
    id: endpoint.id,
    secret,
    receiver,
    answer: (next: Answer) => {
      answer = next;
    },
    deliveries: async () => (await bench.ledger.events.list(endpoint.id, { limit: 100 }))?.deliveries ?? [],
  };
}

const lines: string[] = [];
const stream = new PassThrough();
stream.on("data", (chunk: Buffer) => lines.push(chunk.toString()));
const log = pino({ level: "debug" }, stream);

const turn = (id: EndpointId, ledger = bench.ledger, signal = new AbortController().signal) =>
  deliverWebhooks({ ledger, webhooks, log }, { endpoint: id }, signal);

/** By the code that every change uses, for a subject that stands for a message. */
async function happen(subject: string, name: string): Promise<void> {
  await bench.pool.query(
    `with ${writeEvents({
      columns: "subject, data",
      happened:
        "select 'account.degraded' as type, $1::uuid as subject, jsonb_build_object('name', $2::text) as data",
    })} select 1`,
    [subject, name],
  );
}

const retryNow = () => bench.pool.query("update volley.delivery set due_at = now() where state = 'waiting'");
const nameOf = (call: ReceivedCall): string => JSON.parse(call.body).data.name;
const names = (receiver: HttpTestServer) => receiver.calls.map(nameOf);
const idsOf = (receiver: HttpTestServer) => receiver.calls.map(({ headers }) => headers["webhook-id"]);

function verify(call: ReceivedCall | undefined, secret: Sensitive<string>): unknown {
  const headers = Object.entries(call?.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return new Webhook(secret.reveal()).verify(call?.body ?? "", Object.fromEntries(headers));
}

describe("a turn", () => {
  it("delivers each event once, signed, as type, timestamp and data", async () => {
    const { id, secret, receiver, deliveries } = await setup();
    await happen(randomUUID(), "first");
    await happen(randomUUID(), "second");
    expect(await turn(id)).toEqual({ kind: "done" });
    expect(await turn(id)).toEqual({ kind: "done" });
    expect(names(receiver).sort()).toEqual(["first", "second"]);
    expect(verify(receiver.calls[0], secret)).toEqual({
      type: "account.degraded",
      timestamp: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/),
      data: { name: nameOf(receiver.calls[0] as ReceivedCall) },
    });
    expect(await deliveries()).toMatchObject([
      { state: "delivered", status: 200, tries: 1, reason: null },
      { state: "delivered", status: 200, tries: 1, reason: null },
    ]);
  });

  it("goes on until nothing is due, however much there is", async () => {
    const { id, receiver } = await setup();
    await bench.pool.query(
      `with ${writeEvents({
        columns: "subject, data",
        happened: `select 'account.degraded' as type, gen_random_uuid() as subject,
          jsonb_build_object('name', n) as data from generate_series(1, 350) as n`,
      })} select 1`,
    );
    expect(await turn(id)).toEqual({ kind: "done" });
    expect(new Set(names(receiver)).size).toBe(350);
    expect(receiver.calls).toHaveLength(350);
  });

  it("that two processes take at once delivers each event once", async () => {
    const { id, receiver } = await setup();
    for (let event = 0; event < 30; event++) await happen(randomUUID(), `${event}`);
    await Promise.all([turn(id), turn(id), turn(id)]);
    expect(new Set(names(receiver)).size).toBe(30);
    expect(receiver.calls).toHaveLength(30);
  });

  it("of a process that is told to stop gives back what it has not tried", async () => {
    const stopping = new AbortController();
    const { id, receiver, deliveries } = await setup((_call, response) => {
      stopping.abort();
      response.end();
    });
    for (let event = 0; event < 40; event++) await happen(randomUUID(), `${event}`);
    await turn(id, bench.ledger, stopping.signal);
    expect(receiver.calls.length).toBeLessThan(40);
    const left = (await deliveries()).filter(({ state }) => state === "waiting").length;
    expect(left + receiver.calls.length).toBe(40);
    expect(await bench.ledger.deliveries.take(id, { limit: 100, leaseMs: 0 })).toHaveLength(left);
  });
});

describe("a failure", () => {
  it("is tried again after the schedule's wait, under the same webhook-id", async () => {
    const { id, receiver, answer, deliveries } = await setup(status(500));
    await happen(randomUUID(), "one");
    expect(await turn(id)).toEqual({ kind: "again", afterMs: 5_000 });
    expect(await deliveries()).toMatchObject([
      { state: "waiting", status: 500, reason: "server-error", tries: 1 },
    ]);
    await turn(id);
    expect(receiver.calls, "not before its time").toHaveLength(1);
    answer(status(204));
    await retryNow();
    await turn(id);
    expect(await deliveries()).toMatchObject([{ state: "delivered", status: 204, tries: 2 }]);
    expect(new Set(idsOf(receiver)).size).toBe(1);
  });

  it("waits for as long as Retry-After says", async () => {
    const { id, deliveries } = await setup(status(429, { "retry-after": "600" }));
    await happen(randomUUID(), "one");
    await turn(id);
    const [delivery] = await deliveries();
    const waitMs = (delivery?.dueAt?.getTime() ?? 0) - (delivery?.triedAt?.getTime() ?? 0);
    expect(waitMs).toBeGreaterThanOrEqual(600_000);
    expect(waitMs).toBeLessThanOrEqual(720_000);
  });

  it("holds up later events of its own subject, and no other subject", async () => {
    const [troubled, other] = [randomUUID(), randomUUID()];
    const { id, receiver, answer } = await setup(
      (call, response) => void response.writeHead(nameOf(call) === "accepted" ? 500 : 200).end(),
    );
    await happen(troubled, "accepted");
    await happen(troubled, "delivered");
    await happen(other, "other 1");
    await happen(other, "other 2");
    await turn(id);
    expect(names(receiver).filter((name) => name.startsWith("other"))).toEqual(["other 1", "other 2"]);
    expect(names(receiver)).not.toContain("delivered");
    answer(status(200));
    await retryNow();
    await turn(id);
    expect(names(receiver).slice(-2)).toEqual(["accepted", "delivered"]);
  });

  it("that outlasts the schedule gives the event up, and what waits behind it goes on", async () => {
    const subject = randomUUID();
    const { id, receiver, deliveries } = await setup(
      (call, response) => void response.writeHead(nameOf(call) === "lost" ? 500 : 200).end(),
    );
    await happen(subject, "lost");
    await happen(subject, "next");
    await bench.pool.query(
      "update volley.delivery set tries = 10 where event_seq = (select min(seq) from volley.event)",
    );
    await turn(id);
    await turn(id);
    expect(names(receiver)).toEqual(["lost", "next"]);
    expect(await deliveries()).toMatchObject([{ state: "delivered" }, { state: "failed", tries: 11 }]);
  });

  it("of everything leaves the endpoint alone for a while", async () => {
    const { id, receiver } = await setup(status(503));
    for (let event = 0; event < 60; event++) await happen(randomUUID(), `${event}`);
    expect(await turn(id)).toEqual({ kind: "again", afterMs: 5_000 });
    expect(receiver.calls.length).toBeLessThan(20);
  });

  it("after the POST and before the record means a second delivery of the same event", async () => {
    const { id, receiver } = await setup();
    await happen(randomUUID(), "one");
    const [taken] = await bench.ledger.deliveries.take(id, { limit: 1, leaseMs: 60_000 });
    await turn(id);
    expect(receiver.calls, "under its lease").toHaveLength(0);
    await retryNow();
    await turn(id);
    expect(idsOf(receiver)).toEqual([taken?.eventId]);
  });

  it("that the lease's former holder reports late does not disturb the new one", async () => {
    const { id, deliveries } = await setup();
    await happen(randomUUID(), "one");
    const [former] = await bench.ledger.deliveries.take(id, { limit: 1, leaseMs: 0 });
    const [holder] = await bench.ledger.deliveries.take(id, { limit: 1, leaseMs: 60_000 });
    if (former === undefined || holder === undefined) throw new Error("both had it");
    const failure = { delivered: false, status: 500, reason: "server-error", againInMs: 0 };
    await bench.ledger.deliveries.record({ ...former, ...failure });
    expect(await deliveries()).toMatchObject([{ state: "waiting", tries: 0 }]);
    await bench.ledger.deliveries.record({
      ...former,
      ...failure,
      delivered: true,
      status: 200,
      reason: null,
    });
    await bench.ledger.deliveries.record({ ...holder, ...failure });
    expect(await deliveries()).toMatchObject([{ state: "delivered", tries: 1 }]);
  });
});

describe("an endpoint", () => {
  it("that answers 410 is disabled at once, others hear of it, and the log tells its host alone", async () => {
    const other = await setup(status(200), ["endpoint.disabled"]);
    const { id, receiver } = await setup(status(410));
    for (let event = 0; event < 60; event++) await happen(randomUUID(), `${event}`);
    lines.length = 0;
    expect(await turn(id)).toEqual({ kind: "done" });
    expect(await bench.ledger.endpoints.find(id)).toMatchObject({ enabled: false, disabledReason: "gone" });
    const called = receiver.calls.length;
    await retryNow();
    await turn(id);
    expect(receiver.calls).toHaveLength(called);
    await turn(other.id);
    expect(await bench.ledger.endpoints.due()).toEqual([]);
    const bodies = other.receiver.calls.map(({ body }) => JSON.parse(body));
    expect(bodies.filter(({ type }) => type === "endpoint.disabled")).toMatchObject([
      { data: { endpoint: id, reason: "gone" } },
    ]);
    const notices = lines.filter((line) => line.includes("is disabled"));
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain(new URL(receiver.url).host);
    expect(lines.join("")).not.toMatch(/\/hook|customers-own/);
  });

  it("that fails for days is disabled; one good answer in between, and it is not", async () => {
    const { id, answer, deliveries } = await setup(status(500));
    const shift = () =>
      bench.pool.query("update volley.endpoint set failing_since = failing_since - interval '6 days'");
    await happen(randomUUID(), "one");
    await turn(id);
    await shift();
    answer(status(200));
    await retryNow();
    await turn(id);
    expect(await bench.ledger.endpoints.find(id)).toMatchObject({ enabled: true, failingSince: null });
    answer(status(500));
    await happen(randomUUID(), "two");
    await turn(id);
    expect(await bench.ledger.endpoints.find(id)).toMatchObject({
      enabled: true,
      failingSince: expect.any(Date),
    });
    await shift();
    await retryNow();
    await turn(id);
    expect(await bench.ledger.endpoints.find(id)).toMatchObject({
      enabled: false,
      disabledReason: "failing",
    });
    expect(await deliveries(), "it waits for the endpoint").toMatchObject([
      { state: "waiting" },
      { state: "delivered" },
    ]);

    answer(status(200));
    await bench.ledger.endpoints.update(id, { enabled: true });
    await retryNow();
    await turn(id);
    expect(await deliveries()).toMatchObject([{ state: "delivered" }, { state: "delivered" }]);
  });

  it("gets a replay of what it had, under the same ids", async () => {
    const { id, receiver } = await setup();
    const since = new Date(Date.now() - 60_000);
    await happen(randomUUID(), "one");
    await happen(randomUUID(), "two");
    await turn(id);
    expect(await bench.ledger.events.replay(id, new Date(Date.now() + 60_000))).toBe(0);
    expect(await bench.ledger.events.replay(id, since)).toBe(2);
    expect(await bench.ledger.events.replay(id, since), "they wait already").toBe(0);
    await turn(id);
    expect(idsOf(receiver)).toHaveLength(4);
    expect(new Set(idsOf(receiver)).size).toBe(2);
  });

  it("gets two signatures while its secret is rotated, and one a day later", async () => {
    const { id, secret: old, receiver } = await setup();
    const fresh = await rotateSecret({ ledger: bench.ledger, webhooks }, id);
    if (fresh === null) throw new Error("the endpoint is there");
    await happen(randomUUID(), "one");
    await turn(id);
    expect(verify(receiver.calls[0], old)).toEqual(verify(receiver.calls[0], fresh));
    await bench.pool.query("update volley.endpoint set rotated_at = rotated_at - interval '25 hours'");
    await happen(randomUUID(), "two");
    await turn(id);
    expect(verify(receiver.calls[1], fresh)).toMatchObject({ data: { name: "two" } });
    expect(() => verify(receiver.calls[1], old)).toThrow();
  });

  it("has its secret sealed at rest, and is disabled when it cannot be opened", async () => {
    const key = sensitive(randomBytes(32));
    const sealing = createLedger({ pool: bench.pool, encryptionKey: key });
    const receiver = await startHttpServer(status(200));
    closers.push(receiver.close);
    const { endpoint, secret } = await acceptEndpoint(
      { ledger: sealing, webhooks },
      { url: receiver.url, events: eventTypes },
    );
    const { rows } = await bench.pool.query<{ row: string }>("select p::text as row from volley.endpoint p");
    expect(rows[0]?.row).not.toContain(secret.reveal().slice(10, 30));
    await happen(randomUUID(), "one");
    const other = createLedger({ pool: bench.pool, encryptionKey: sensitive(randomBytes(32)) });
    await turn(endpoint.id, other);
    expect(receiver.calls).toHaveLength(0);
    expect(await other.endpoints.find(endpoint.id)).toMatchObject({ disabledReason: "secret-lost" });
    await sealing.endpoints.update(endpoint.id, { enabled: true });
    await turn(endpoint.id, sealing);
    expect(verify(receiver.calls[0], secret)).toMatchObject({ data: { name: "one" } });
  });

  it("from before there was a key goes on", async () => {
    const { id, secret, receiver } = await setup();
    await happen(randomUUID(), "one");
    await turn(id, createLedger({ pool: bench.pool, encryptionKey: sensitive(randomBytes(32)) }));
    expect(verify(receiver.calls[0], secret)).toMatchObject({ data: { name: "one" } });
  });

  it("at a private address is neither taken nor called", async () => {
    const { id, receiver, deliveries } = await setup();
    await happen(randomUUID(), "one");
    await webhooks.close();
    webhooks = createWebhooks({ allowPrivateAddresses: false });
    await turn(id);
    expect(receiver.calls).toHaveLength(0);
    expect(receiver.connectionCount()).toBe(0);
    expect(await deliveries()).toMatchObject([{ state: "waiting", status: null, tries: 1 }]);
    for (const url of [
      receiver.url,
      "https://127.0.0.1/",
      "https://[::1]/",
      "https://10.0.0.8/x",
      "https://localhost/",
    ]) {
      const refused = acceptEndpoint({ ledger: bench.ledger, webhooks }, { url, events: eventTypes });
      await expect(refused, url).rejects.toThrow(VolleyError);
    }
  });

  it("is tested with an event of its own, even when it is disabled, and the test is not repeated", async () => {
    const { id, secret, receiver, answer, deliveries } = await setup();
    await bench.ledger.endpoints.disable(id, "gone");
    const parts = { ledger: bench.ledger, webhooks };
    expect(await testWebhook(parts, id)).toEqual({ kind: "delivered", status: 200 });
    expect(verify(receiver.calls[0], secret)).toMatchObject({ type: "webhook.test", data: { endpoint: id } });
    answer(status(500));
    expect(await testWebhook(parts, id)).toMatchObject({ kind: "failed", status: 500 });
    await bench.ledger.endpoints.update(id, { enabled: true });
    await retryNow();
    await turn(id);
    expect(receiver.calls).toHaveLength(2);
    expect(await deliveries()).toMatchObject([{ state: "failed", status: 500 }, { state: "delivered" }]);
  });

  it("that was removed is forgotten with its deliveries, in the middle of a turn, too", async () => {
    const { id, answer } = await setup();
    answer((_call, response) => {
      bench.ledger.endpoints.remove(id).then(() => response.writeHead(500).end());
    });
    for (let event = 0; event < 3; event++) await happen(randomUUID(), `${event}`);
    await turn(id);
    expect(await bench.ledger.endpoints.list()).toEqual([]);
    const { rows } = await bench.pool.query("select from volley.delivery");
    expect(rows).toHaveLength(0);
  });
});

describe("the sweep", () => {
  it("puts each endpoint with due deliveries into the queue, and no other", async () => {
    const [first, idle] = [await setup(), await setup()];
    await bench.ledger.endpoints.update(idle.id, { events: ["message.failed"] });
    await happen(randomUUID(), "one");
    const asked: EndpointId[][] = [];
    const enqueue = { endpoints: async (ids: readonly EndpointId[]) => asked.push([...ids]) > 0 };
    await deliverDue({ ledger: bench.ledger, enqueue });
    await turn(first.id);
    await deliverDue({ ledger: bench.ledger, enqueue });
    expect(asked).toEqual([[first.id]]);
  });
});
