// The transport over real HTTP: every end of a call becomes one outcome per message.

import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { sensitive } from "../../src/domain/sensitive.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createHttpClient } from "../../src/platform/http-client.ts";
import { providers } from "../../src/providers/index.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { createTransport } from "../../src/providers/transport.ts";
import { answerJson, type ReceivedCall, startHttpServer, startTcpServer } from "../support/http-server.ts";
import { accountOf, callId, plainBatch, questionOf } from "./support.ts";

const token = sensitive("token-1");
const question = questionOf(plainBatch(1));
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function setup(sinch: Partial<Provider> = {}, deadlineMs = 20_000) {
  const http = createHttpClient({ connectionsPerOrigin: 4 });
  cleanUps.push(http.close);
  const registry = { ...providers, sinch: { ...providers.sinch, ...sinch } };
  return createTransport({ http, providers: registry, deadlineMs });
}

async function serve(answer: (call: ReceivedCall, response: ServerResponse) => void) {
  const server = await startHttpServer(answer);
  cleanUps.push(server.close);
  return { calls: server.calls, account: accountOf("sinch", { baseUrl: server.url }) };
}

const accepting = (call: ReceivedCall, response: ServerResponse) => {
  const { to, client_reference } = JSON.parse(call.body);
  answerJson(response, 201, { id: "01FC", to, client_reference });
};

describe("send", () => {
  test("logs in with the token and reads the reply", async () => {
    const { account, calls } = await serve(accepting);
    const reading = await setup().send(plainBatch(2), account, token);
    expect(reading.outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(calls).toMatchObject([
      { method: "POST", path: "/xms/v1/project-1/batches", headers: { authorization: "Bearer token-1" } },
    ]);
  });

  test("a refused connection is provably not sent, uses a try, and counts against the account", async () => {
    const account = accountOf("sinch", { baseUrl: `http://127.0.0.1:${await findFreePort()}` });
    expect(await setup().send(plainBatch(1), account, token)).toEqual({
      outcomes: [{ kind: "later", reason: "connect-refused", usesTry: true }],
      trouble: { kind: "failing", reason: "connect-refused" },
    });
  });

  test("a reset after the request is unknown for the whole batch", async () => {
    const server = await startTcpServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    cleanUps.push(server.close);
    const reading = await setup().send(plainBatch(2), accountOf("sinch", { baseUrl: server.url }), token);
    expect(reading).toEqual({
      outcomes: [
        { kind: "unknown", reason: "reset" },
        { kind: "unknown", reason: "reset" },
      ],
      trouble: { kind: "failing", reason: "reset" },
    });
  });

  test("a provider that hangs ends at the deadline of the call", async () => {
    const { account } = await serve(() => undefined);
    const reading = await setup().send(plainBatch(1), account, token, { deadlineMs: 100 });
    expect(reading.outcomes).toEqual([{ kind: "unknown", reason: "deadline" }]);
  });

  test("an adapter that throws while reading leaves the batch unknown", async () => {
    const { account } = await serve(accepting);
    const transport = setup({
      readResponse: () => {
        throw new Error("447900900000 Hello token-1");
      },
    });
    expect(await transport.send(plainBatch(1), account, token)).toEqual({
      outcomes: [{ kind: "unknown", reason: "unreadable" }],
      trouble: { kind: "failing", reason: "unreadable" },
    });
  });

  test("an adapter that throws while building sends nothing", async () => {
    const { account, calls } = await serve(accepting);
    const reading = await setup().send({ ...plainBatch(0), messages: [] }, account, token);
    expect(reading.outcomes).toEqual([]);
    const withoutToken = await setup().send(plainBatch(1), account, null);
    expect(withoutToken.outcomes).toEqual([{ kind: "later", reason: "unbuildable-request", usesTry: true }]);
    expect(calls.length).toBe(0);
  });

  test("a reading with too few or too many outcomes is made whole", async () => {
    const { account } = await serve(accepting);
    const rejected = { kind: "rejected", reason: "x" } as const;
    const few = setup({ readResponse: () => ({ outcomes: [rejected], trouble: null }) });
    expect((await few.send(plainBatch(2), account, token)).outcomes).toEqual([
      rejected,
      { kind: "unknown", reason: "no-outcome" },
    ]);
    const many = setup({ readResponse: () => ({ outcomes: [rejected, rejected], trouble: null }) });
    expect((await many.send(plainBatch(1), account, token)).outcomes).toEqual([rejected]);
  });

  test.each([
    ["7", 7_000],
    ["-1", null],
    ["1e9", null],
    ["abc", null],
    ["99999", 900_000],
  ])("Retry-After %s of a 429", async (value, retryAfterMs) => {
    const { account } = await serve((_call, response) => {
      response.writeHead(429, { "retry-after": value }).end();
    });
    const reading = await setup().send(plainBatch(1), account, token);
    expect(reading.trouble).toEqual({ kind: "throttled", retryAfterMs });
  });

  test("a reply that repeats a big request is read, though it is over the usual bound", async () => {
    const { account } = await serve((call, response) => {
      const { to, client_reference, body } = JSON.parse(call.body);
      const echo = [...body]
        .map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join("");
      response
        .writeHead(201)
        .end(
          `{"id":"01FC","to":${JSON.stringify(to)},"client_reference":"${client_reference}","body":"${echo}"}`,
        );
    });
    const reading = await setup().send(plainBatch(1, "=".repeat(300_000)), account, token);
    expect(reading.outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  test("a redirect is not followed with the token", async () => {
    const elsewhere = await serve(accepting);
    const { account } = await serve((_call, response) => {
      response.writeHead(307, { location: `${elsewhere.account.baseUrl}/xms/v1/project-1/batches` }).end();
    });
    expect((await setup().send(plainBatch(1), account, token)).outcomes).toMatchObject([{ kind: "unknown" }]);
    expect(elsewhere.calls.length).toBe(0);
  });
});

describe("lookUp", () => {
  test("asks and answers", async () => {
    const { account, calls } = await serve((_call, response) => {
      answerJson(response, 200, {
        count: 1,
        batches: [{ id: "01FC", to: ["447900900000"], client_reference: callId }],
      });
    });
    expect(await setup().lookUp(question, account, token)).toEqual({
      kind: "answered",
      findings: [{ kind: "accepted", providerMessageId: "01FC" }],
    });
    expect(calls).toMatchObject([{ method: "GET", headers: { authorization: "Bearer token-1" } }]);
  });

  test("a provider that cannot be asked says so", async () => {
    expect(await setup().lookUp(question, accountOf("mobile-digital"), token)).toMatchObject({
      kind: "no-answer",
      reason: "no-look-up",
    });
  });

  test("a call that fails is no answer", async () => {
    const account = accountOf("sinch", { baseUrl: `http://127.0.0.1:${await findFreePort()}` });
    expect(await setup().lookUp(question, account, token)).toEqual({
      kind: "no-answer",
      reason: "connect-refused",
      trouble: { kind: "failing", reason: "connect-refused" },
    });
  });

  test("an adapter that throws, or answers for too few, is no answer", async () => {
    const { account } = await serve((_call, response) => answerJson(response, 200, {}));
    const { lookUp } = providers.sinch;
    if (lookUp === null) throw new Error("Sinch has a look-up.");
    const throwing = () => {
      throw new Error("x");
    };
    const short = () => ({ kind: "answered", findings: [] }) as const;
    for (const readResponse of [throwing, short]) {
      const transport = setup({ lookUp: { ...lookUp, readResponse } });
      expect(await transport.lookUp(question, account, token)).toMatchObject({ reason: "unreadable" });
    }
  });

  test("a throttled look-up hands on the hint", async () => {
    const { account } = await serve((_call, response) => {
      response.writeHead(429, { "retry-after": "3" }).end();
    });
    expect(await setup().lookUp(question, account, token)).toMatchObject({
      trouble: { kind: "throttled", retryAfterMs: 3_000 },
    });
  });
});
