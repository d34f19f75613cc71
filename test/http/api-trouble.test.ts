// What callers hear while the database is away or its connections are all in use, or when a fault is ours, and what
// the log says of it all.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import type { MessageState } from "../../src/domain/message.ts";
import type { ApiDoors } from "../../src/http/doors.ts";
import { startPostgres } from "../support/postgres-server.ts";
import { message, NUMBER, openApi } from "./api-door.ts";

async function open(options: Parameters<typeof openApi>[0] = {}) {
  const api = await openApi(options);
  onTestFinished(api.close);
  return api;
}

it("without its database the API answers 503 with Retry-After, and goes on when it is back", async () => {
  const postgres = await startPostgres();
  onTestFinished(postgres.stop);
  const api = await open({ databaseUrl: postgres.url });
  const headers = { "idempotency-key": "over-the-outage" };
  const send = () => api.call("/v1/messages", { body: message(), headers });
  const { body: first } = await send();
  await postgres.crash();
  for (const reply of [await send(), await api.call("/v1/messages"), await api.call("/v1/suppressions")]) {
    expect(reply).toMatchObject({ status: 503, body: { code: "unavailable" } });
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  await postgres.restart();
  await expect.poll(async () => (await send()).status).toBe(202);
  expect((await send()).body).toEqual(first);
});

it("with all connections in use those who wait too long hear 503, and nobody is stored twice", async () => {
  const api = await open();
  const holder = await api.pool.connect();
  await holder.query("begin");
  await holder.query("lock table volley.message in access exclusive mode");
  const headers = (index: number) => ({ "idempotency-key": `crowd-${index}` });
  const send = (index: number) => api.call("/v1/messages", { body: message(), headers: headers(index) });
  let answered = 0;
  const { promise: firstAnswer, resolve } = Promise.withResolvers<void>();
  const sending = Array.from({ length: 30 }, async (_, index) => {
    const reply = await send(index);
    answered += 1;
    if (answered === 1) resolve();
    return reply;
  });
  await firstAnswer;
  await holder.query("rollback");
  holder.release();
  const replies = await Promise.all(sending);
  const refused = replies.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  for (const reply of refused) expect(reply.headers.get("retry-after")).not.toBeNull();
  expect(replies.length - refused.length).toBe(replies.filter(({ status }) => status === 202).length);
  const again = await Promise.all(Array.from({ length: 30 }, (_, index) => send(index)));
  expect(again.map(({ status }) => status)).toEqual(Array(30).fill(202));
  expect(await api.countMessages()).toBe(30);
});

const withMessages = (doors: ApiDoors, messages: Partial<ApiDoors["ledger"]["messages"]>): ApiDoors => ({
  ...doors,
  ledger: { ...doors.ledger, messages: { ...doors.ledger.messages, ...messages } },
});

it("a fault of ours is 500 without its words, and the log names the route and the place", async () => {
  const api = await open({
    change: (doors) =>
      withMessages(doors, { list: () => Promise.reject(new TypeError(`cannot list ${NUMBER}`)) }),
  });
  const reply = await api.call(`/v1/messages?to=${encodeURIComponent(NUMBER)}`);
  expect(reply).toMatchObject({ status: 500, body: { code: "internal_error" } });
  expect(reply.text).not.toContain("cannot list");
  const logged = api.logged.map((line) => JSON.parse(line)).find((line) => line.msg === "a request failed");
  expect(logged).toMatchObject({
    method: "GET",
    route: "/v1/messages",
    fault: "TypeError",
    at: expect.arrayContaining([expect.stringContaining("api-trouble.test.ts")]),
  });
  expect(api.logged.join("")).not.toContain(NUMBER.slice(1));
});

it("an answer that does not fit its schema is a fault of ours", async () => {
  const api = await open({
    change: (doors) =>
      withMessages(doors, {
        find: async (id) => {
          const found = await doors.ledger.messages.find(id);
          return found === null ? null : { ...found, state: "lost" as MessageState };
        },
      }),
  });
  const { body } = await api.call("/v1/messages", { body: message() });
  expect(await api.call(`/v1/messages/${body.id}`)).toMatchObject({ status: 500 });
  const logged = api.logged.map((line) => JSON.parse(line)).find((line) => line.msg === "a request failed");
  expect(logged).toMatchObject({ route: "/v1/messages/:id", paths: expect.arrayContaining([["state"]]) });
});

it("a day's work leaves no number, text, key or secret in the log", async () => {
  const api = await open();
  const url = "http://127.0.0.1:9/hook-Xanthippe";
  const text = "Pomegranate";
  const calls: [string, Parameters<typeof api.call>[1]][] = [
    ["/v1/messages", { body: message({ text }), headers: { "idempotency-key": "Zarathustra" } }],
    ["/v1/messages", { body: message({ text: `${text}\u0000` }) }],
    ["/v1/messages", { body: `{"to":"${NUMBER}","text":"${text}` }],
    ["/v1/messages", { body: message({ to: `${NUMBER}99999999`, text }) }],
    [`/v1/messages?to=${encodeURIComponent(NUMBER)}&state=${text}`, {}],
    [`/v1/suppressions/${NUMBER}`, { method: "PUT", body: { reason: text } }],
    [`/v1/suppressions/${NUMBER}`, { method: "POST" }],
    [`/v1/suppressions/${NUMBER}99999999`, { method: "DELETE" }],
    ["/v1/webhook-endpoints", { body: { url, events: ["message.accepted"] } }],
    ["/v1/messages", { key: `vk_${"Q".repeat(43)}` }],
    ["/v1/accounts/sinch/token/refresh", { method: "POST" }],
    ["/v1/accounts/refused/token/refresh", { method: "POST" }],
  ];
  for (const [path, call] of calls) await api.call(path, call);
  const said = api.logged.join("");
  const secrets = [NUMBER.slice(1), text, "Zarathustra", "Xanthippe", api.admin, "QQQQ", "wrong-secret"];
  for (const secret of secrets) expect(said).not.toContain(secret);
});

/** A letter at a time, so slowly that it takes several times the bound. */
async function* slowly(text: string, everyMs: number) {
  for (const byte of Buffer.from(text)) {
    await sleep(everyMs);
    yield Uint8Array.of(byte);
  }
}

it("a body that is held as a whole has its time, and an upload takes as long as it takes", async () => {
  const bodyMsMax = 200;
  const api = await open({ bodyMsMax });
  const send = (path: string, method: string, type: string, text: string) =>
    fetch(api.url + path, {
      method,
      headers: { authorization: `Bearer ${api.admin}`, "content-type": type },
      body: slowly(text, 40),
      duplex: "half",
    });
  const { body: draft } = await api.call("/v1/campaigns", { body: { name: "slow", template: "Hi" } });
  const upload = await send(`/v1/campaigns/${draft.id}/recipients`, "PUT", "text/csv", `phone\n${NUMBER}\n`);
  expect(await upload.json()).toMatchObject({ accepted: 1, invalid: 0 });

  const held = send("/v1/messages", "POST", "application/json", JSON.stringify(message()));
  // Whoever still sends when the answer comes may see the connection end before he reads it.
  expect(
    await held.then(
      ({ status }) => status,
      () => 503,
    ),
  ).toBe(503);
  expect(await api.countMessages()).toBe(1);
});
