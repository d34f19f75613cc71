// The HTTP client against real sockets: every failure ends in a value that says whether the request may have left.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createHttpClient, type HttpCall, type HttpClient } from "../../src/platform/http-client.ts";
import { startHttpServer, startTcpServer } from "../support/http-server.ts";

const LONG_MS = 20_000;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const left = (reason: string) => ({ kind: "failed", mayHaveLeft: true, reason });
const notLeft = (reason: string) => ({ kind: "failed", mayHaveLeft: false, reason });

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function setup(options: { connectionsPerOrigin?: number; connectTimeoutMs?: number } = {}): HttpClient {
  const client = createHttpClient({ connectionsPerOrigin: 4, ...options });
  cleanUps.push(client.close);
  return client;
}

async function httpServer(...args: Parameters<typeof startHttpServer>) {
  const server = await startHttpServer(...args);
  cleanUps.push(server.close);
  return server;
}

async function tcpServer(...args: Parameters<typeof startTcpServer>) {
  const server = await startTcpServer(...args);
  cleanUps.push(server.close);
  return server;
}

function post(url: string, body = '{"hello":"wörld"}'): HttpCall {
  return { method: "POST", url, headers: { "content-type": "application/json" }, body };
}

describe("a whole exchange", () => {
  test("sends method, path, headers and body as given and reads the reply as UTF-8", async () => {
    const server = await httpServer((_call, response) => {
      response.writeHead(201, { "X-One": "1", "set-cookie": ["a=1", "b=2"] }).end("grüß dich 👋");
    });
    const result = await setup().send(post(`${server.url}/a/b?c=d%20e`), { deadlineMs: LONG_MS });
    expect(result).toMatchObject({ kind: "response", status: 201, body: "grüß dich 👋" });
    expect(result).toMatchObject({ headers: { "x-one": "1", "set-cookie": "a=1, b=2" } });
    expect(server.calls).toMatchObject([{ method: "POST", path: "/a/b?c=d%20e", body: '{"hello":"wörld"}' }]);
    expect(server.calls[0]?.headers).toMatchObject({ "accept-encoding": "identity" });
  });

  test("a hundred calls at once share the allowed connections and each gets its own reply", async () => {
    const server = await httpServer((call, response) => setImmediate(() => response.end(call.body)));
    const client = setup({ connectionsPerOrigin: 8 });
    const bodies = Array.from({ length: 100 }, (_, index) => `body ${index}`);
    const results = await Promise.all(
      bodies.map((body) => client.send(post(server.url, body), { deadlineMs: LONG_MS })),
    );
    expect(results.map((result) => result.kind === "response" && result.body)).toEqual(bodies);
    expect(server.connectionCount()).toBeLessThanOrEqual(8);
  });

  test("calls one after another reuse their connections", async () => {
    const server = await httpServer((_call, response) => response.end("ok"));
    const client = setup();
    for (let count = 0; count < 50; count += 1) await client.send(post(server.url), { deadlineMs: LONG_MS });
    // A connection rests for one turn of the event loop, so the next call may open a second one.
    expect(server.connectionCount()).toBeLessThanOrEqual(2);
  });

  test("a connection that the server closed while idle is replaced without a failure", async () => {
    const closed: Promise<unknown>[] = [];
    const server = await tcpServer((socket) => {
      closed.push(once(socket, "close"));
      socket.once("data", () => socket.end(OK));
    });
    const client = setup({ connectionsPerOrigin: 1 });
    for (let count = 1; count <= 3; count += 1) {
      expect(await client.send(post(server.url), { deadlineMs: LONG_MS })).toMatchObject({ status: 200 });
      await closed[count - 1];
    }
    expect(closed.length).toBe(3);
  });

  test("a redirect is handed back, not followed", async () => {
    const server = await httpServer((_call, response) => {
      response.writeHead(302, { location: "http://169.254.169.254/" }).end();
    });
    const result = await setup().send(post(server.url), { deadlineMs: LONG_MS });
    expect(result).toMatchObject({ kind: "response", status: 302 });
    expect(server.calls.length).toBe(1);
  });

  test("an interim 103 is skipped", async () => {
    const server = await tcpServer((socket) => {
      socket.on("data", () => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n${OK}`));
    });
    const result = await setup().send(post(server.url), { deadlineMs: LONG_MS });
    expect(result).toMatchObject({ kind: "response", status: 200, body: "ok" });
  });
});

describe("provably not sent", () => {
  test("a refused connection", async () => {
    const url = `http://127.0.0.1:${await findFreePort()}`;
    expect(await setup().send(post(url), { deadlineMs: LONG_MS })).toEqual(notLeft("connect-refused"));
  });

  test("a host name that does not exist", async () => {
    // The name is reserved for this by RFC 2606; a machine without any resolver answers EAI_AGAIN.
    const result = await setup().send(post("http://volley.invalid/"), { deadlineMs: LONG_MS });
    expect(result).toEqual(notLeft("dns"));
  });

  test("a server that never finishes the TLS handshake", async () => {
    const server = await tcpServer(() => undefined);
    const client = setup({ connectTimeoutMs: 200 });
    const result = await client.send(post(`https://127.0.0.1:${server.port}/`), { deadlineMs: LONG_MS });
    expect(result).toEqual(notLeft("connect-timeout"));
  });

  test("a server that speaks no TLS, or resets in the handshake", async () => {
    const plain = await tcpServer((socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
    );
    const resetting = await tcpServer((socket) => socket.on("data", () => socket.resetAndDestroy()));
    for (const { port } of [plain, resetting]) {
      const result = await setup().send(post(`https://127.0.0.1:${port}/`), { deadlineMs: LONG_MS });
      expect(result).toEqual(notLeft("tls"));
    }
  });

  test("a deadline that passes while connecting", async () => {
    const server = await tcpServer(() => undefined);
    const result = await setup().send(post(`https://127.0.0.1:${server.port}/`), { deadlineMs: 50 });
    expect(result).toEqual(notLeft("deadline-before-send"));
  });

  test("a call that still waits for a connection at its deadline is never written later", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = await httpServer((_call, response) => void held.then(() => response.end("ok")));
    const client = setup({ connectionsPerOrigin: 1 });
    const first = client.send(post(server.url, "first"), { deadlineMs: LONG_MS });
    expect(await client.send(post(server.url, "second"), { deadlineMs: 50 })).toEqual(
      notLeft("deadline-before-send"),
    );
    release();
    expect(await first).toMatchObject({ status: 200 });
    await client.send(post(server.url, "third"), { deadlineMs: LONG_MS });
    expect(server.calls.map((call) => call.body)).toEqual(["first", "third"]);
    expect(server.connectionCount()).toBe(1);
  });

  test("a process that was frozen past the deadline does not write when it wakes", async () => {
    const server = await httpServer((_call, response) => response.end("ok"));
    const client = setup({ connectionsPerOrigin: 1 });
    await client.send(post(server.url, "warm"), { deadlineMs: LONG_MS });
    const late = client.send(post(server.url, "late"), { deadlineMs: 20 });
    const wakeAt = performance.now() + 100;
    while (performance.now() < wakeAt);
    expect(await late).toEqual(notLeft("deadline-before-send"));
    await client.send(post(server.url, "after"), { deadlineMs: LONG_MS });
    expect(server.calls.map((call) => call.body)).toEqual(["warm", "after"]);
  });

  test("a signal raised before the call", async () => {
    const result = await setup().send(post("http://127.0.0.1:1/"), {
      deadlineMs: LONG_MS,
      signal: AbortSignal.abort(),
    });
    expect(result).toEqual(notLeft("aborted-before-send"));
  });

  test.each([
    ["not a url", {}],
    ["ftp://127.0.0.1/", {}],
    ["http://127.0.0.1:1/", { authorization: "Bearer a\r\nx: y" }],
    ["http://127.0.0.1:1/", { "bad name": "x" }],
  ])("a request that cannot be written: %s %o", async (url, headers) => {
    const call: HttpCall = { method: "POST", url, headers, body: null };
    expect(await setup().send(call, { deadlineMs: LONG_MS })).toEqual(notLeft("invalid-request"));
  });

  test("a call on a closed client", async () => {
    const client = setup();
    await client.close();
    expect(await client.send(post("http://127.0.0.1:1/"), { deadlineMs: LONG_MS })).toEqual(
      notLeft("closed"),
    );
  });
});

describe("may have been sent", () => {
  test("a reset after the request", async () => {
    const server = await tcpServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("reset"));
  });

  test("a kept-alive connection that is reset under the next request", async () => {
    const server = await tcpServer((socket) => {
      socket.once("data", () => {
        socket.write(OK);
        socket.once("data", () => socket.resetAndDestroy());
      });
    });
    const client = setup({ connectionsPerOrigin: 1 });
    expect(await client.send(post(server.url), { deadlineMs: LONG_MS })).toMatchObject({ status: 200 });
    expect(await client.send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("reset"));
  });

  test("no request is ever written twice, a GET neither", async () => {
    let requests = 0;
    const server = await tcpServer((socket) =>
      socket.on("data", () => {
        requests += 1;
        socket.resetAndDestroy();
      }),
    );
    const call: HttpCall = { method: "GET", url: server.url, headers: {}, body: null };
    expect(await setup().send(call, { deadlineMs: LONG_MS })).toEqual(left("reset"));
    expect(requests).toBe(1);
  });

  test.each([
    ["half a status line", "HTTP/1.1 20"],
    ["half the headers", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["half a body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"],
    ["half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nonly this"],
  ])("%s", async (_title, reply) => {
    const server = await tcpServer((socket) => socket.once("data", () => socket.end(reply)));
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("reset"));
  });

  test.each([
    ["something that is not HTTP", "220 mail.example ESMTP\r\n"],
    ["a wrong chunk size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
  ])("%s", async (_title, reply) => {
    const server = await tcpServer((socket) => socket.once("data", () => socket.end(reply)));
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("malformed-response"));
  });

  test("headers without end", async () => {
    const header = `x-long: ${"a".repeat(1_000)}\r\n`;
    const server = await tcpServer((socket) =>
      socket.once("data", () => socket.write(`HTTP/1.1 200 OK\r\n${header.repeat(100)}`)),
    );
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("headers-too-large"));
  });

  test("a server that hangs ends at the deadline", async () => {
    const server = await tcpServer(() => undefined);
    expect(await setup().send(post(server.url), { deadlineMs: 100 })).toEqual(left("deadline"));
  });

  test("a server that drips a byte at a time ends at the deadline, however often it drips", async () => {
    const server = await tcpServer((socket) =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
        const drip = setInterval(() => socket.write("."), 5);
        socket.on("close", () => clearInterval(drip));
      }),
    );
    expect(await setup().send(post(server.url), { deadlineMs: 200 })).toEqual(left("deadline"));
  });

  test("a signal raised while the reply is awaited", async () => {
    const controller = new AbortController();
    const server = await tcpServer((socket) => socket.once("data", () => controller.abort()));
    const result = await setup().send(post(server.url), { deadlineMs: LONG_MS, signal: controller.signal });
    expect(result).toEqual(left("aborted"));
  });

  test.each(["keep-alive", "close"])("a body over the bound, connection: %s", async (connection) => {
    const server = await httpServer((_call, response) => {
      response.writeHead(200, { connection }).end(randomBytes(50_000));
    });
    const options = { deadlineMs: LONG_MS, responseBytesMax: 1_000 };
    expect(await setup().send(post(server.url), options)).toEqual(left("body-too-large"));
  });

  test("a body without end stops at the bound of 1 MiB", async () => {
    let written = 0;
    const server = await httpServer((_call, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
      };
      response.on("drain", more);
      more();
    });
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("body-too-large"));
    expect(written).toBeLessThan(20_000_000);
  });

  test("a compressed body is not unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const server = await httpServer((_call, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
    });
    expect(await setup().send(post(server.url), { deadlineMs: LONG_MS })).toEqual(left("encoded-body"));
  });

  test("after each of these the client goes on working", async () => {
    let count = 0;
    const server = await tcpServer((socket) =>
      socket.on("data", () => {
        count += 1;
        if (count % 2 === 1) socket.resetAndDestroy();
        else socket.write(OK);
      }),
    );
    const client = setup({ connectionsPerOrigin: 1 });
    const kinds: string[] = [];
    for (let call = 0; call < 6; call += 1) {
      kinds.push((await client.send(post(server.url), { deadlineMs: LONG_MS })).kind);
    }
    expect(kinds).toEqual(["failed", "response", "failed", "response", "failed", "response"]);
  });
});

test("close waits for what is in flight", async () => {
  const server = await httpServer((_call, response) => setImmediate(() => response.end("ok")));
  const client = setup();
  const result = client.send(post(server.url), { deadlineMs: LONG_MS });
  await client.close();
  expect(await result).toMatchObject({ status: 200 });
});
