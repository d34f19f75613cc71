// The guarded client against real sockets, a real name server and real TLS: where it connects, and how little it
// takes from the other side.

import { once } from "node:events";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createGuardedClient, type GuardOptions } from "../../src/platform/guarded-client.ts";
import { createDnsResolver, resolveBySystem } from "../../src/platform/resolve-name.ts";
import { createCertificate } from "../support/certificate.ts";
import { startHttpServer, startTcpServer } from "../support/http-server.ts";
import { startNameServer } from "../support/name-server.ts";

const LONG_MS = 20_000;
const SHORT_MS = 150;
const BODY_BYTES_MAX = 65_536;
const SOCKET_BUFFERS_BYTES_MAX = 33_554_432;

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function kept<T extends { readonly close: () => Promise<void> }>(part: T): T {
  cleanUps.push(part.close);
  return part;
}

const isPublic = (address: string) => !/^(127\.|10\.|::1$|169\.254\.)/.test(address);

function setup(guard: Partial<GuardOptions> = {}) {
  const client = kept(createGuardedClient({ mayConnect: () => true, resolve: resolveBySystem, ...guard }));
  return (url: string, deadlineMs = LONG_MS) =>
    client.post(
      { url, headers: { "content-type": "application/json" }, body: '{"a":"ü"}' },
      { deadlineMs, retryAfterMsMax: 36_000_000 },
    );
}

/** A TCP server whose first connection's end the test can await. */
async function rawServer(onConnection: (socket: Socket) => void) {
  const closed = Promise.withResolvers<void>();
  const server = kept(
    await startTcpServer((socket) => {
      socket.once("close", () => closed.resolve());
      onConnection(socket);
    }),
  );
  return { ...server, firstSocketClosed: closed.promise };
}

describe("an exchange", () => {
  test("sends what it was given and takes back nothing but the status and a hint", async () => {
    const server = kept(
      await startHttpServer((_call, response) => {
        response.writeHead(503, { "retry-after": "7200", "x-secret": "s" }).end("do not echo me");
      }),
    );
    const post = setup();
    expect(await post(`${server.url}/a?b=c`)).toEqual({
      kind: "answered",
      status: 503,
      retryAfterMs: 7_200_000,
    });
    expect(server.calls).toMatchObject([{ method: "POST", path: "/a?b=c", body: '{"a":"ü"}' }]);
    expect(server.calls[0]?.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "volley" });
  });

  test("a connection is used again while it is fresh", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end("ok")));
    const post = setup();
    for (let count = 0; count < 20; count += 1) await post(server.url);
    expect(server.connectionCount()).toBeLessThanOrEqual(2);
  });

  test.each([301, 302, 303, 307, 308])(
    "a redirect by %i is an answer and is not followed",
    async (status) => {
      const target = kept(await startHttpServer((_call, response) => response.end()));
      for (const location of [target.url, "http://169.254.169.254/latest/meta-data/"]) {
        const server = kept(
          await startHttpServer((_call, response) => response.writeHead(status, { location }).end()),
        );
        expect(await setup()(server.url)).toEqual({ kind: "answered", status, retryAfterMs: null });
        expect(server.calls).toHaveLength(1);
      }
      expect(target.connectionCount()).toBe(0);
    },
  );

  test("after close nothing is sent", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const client = createGuardedClient({ mayConnect: () => true, resolve: resolveBySystem });
    await client.close();
    const result = await client.post(
      { url: server.url, headers: {}, body: "" },
      { deadlineMs: LONG_MS, retryAfterMsMax: 1 },
    );
    expect(result).toEqual({ kind: "failed", reason: "closed" });
    expect(server.connectionCount()).toBe(0);
  });
});

describe("an address that may not be connected to", () => {
  test.each(["127.0.0.1", "127.1", "0x7f000001", "2130706433"])("is refused as %s", async (host) => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const url = server.url.replace("127.0.0.1", host);
    expect(await setup({ mayConnect: isPublic })(url)).toEqual({ kind: "refused" });
    expect(server.connectionCount()).toBe(0);
  });

  test("is refused when a name leads to it, also beside a good one", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const url = server.url.replace("127.0.0.1", "hooks.example.com");
    for (const addresses of [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["10.0.0.1", "8.8.8.8"]]) {
      const post = setup({ mayConnect: isPublic, resolve: async () => addresses });
      expect(await post(url)).toEqual({ kind: "refused" });
    }
    expect(server.connectionCount()).toBe(0);
  });

  test("is refused when a name that was public a moment ago leads to it", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const answers = [["8.8.8.8"], ["127.0.0.1"]];
    const names = kept(await startNameServer(() => answers.shift() ?? []));
    const resolve = createDnsResolver({ servers: [names.server] });
    expect(await resolve("rebinding.example.com")).toEqual(["8.8.8.8"]);
    const url = server.url.replace("127.0.0.1", "rebinding.example.com");
    expect(await setup({ mayConnect: isPublic, resolve })(url)).toEqual({ kind: "refused" });
    expect(answers).toEqual([]);
    expect(server.connectionCount()).toBe(0);
  });

  test("a name is resolved once for a connection, so there is no second answer to connect to", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const seen: string[] = [];
    const post = setup({
      mayConnect: (address) => seen.push(address) > 0,
      resolve: async () => answers.shift() ?? [],
    });
    const result = await post(server.url.replace("127.0.0.1", "hooks.example.com"));
    expect(result).toMatchObject({ kind: "answered", status: 200 });
    expect(seen).toEqual(["127.0.0.1", "127.0.0.1"]);
    expect(answers).toHaveLength(1);
  });

  test("is refused at the far end of the connection, before a byte of the request", async () => {
    const received: Buffer[] = [];
    const server = await rawServer((socket) => socket.on("data", (chunk) => received.push(chunk)));
    let questions = 0;
    const mayConnect = () => {
      questions += 1;
      return questions === 1;
    };
    expect(await setup({ mayConnect })(server.url)).toEqual({ kind: "refused" });
    await server.firstSocketClosed;
    expect(received).toEqual([]);
  });
});

describe("what the other side cannot do", () => {
  test("answer without end: the rest is dropped and the connection ended", async () => {
    const block = Buffer.alloc(16_384, "x");
    let written = 0;
    const server = await rawServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
        const pump = () => {
          do written += block.length;
          while (!socket.destroyed && socket.write(block));
        };
        socket.on("drain", pump);
        pump();
      });
    });
    expect(await setup()(server.url)).toMatchObject({ kind: "answered", status: 200 });
    await server.firstSocketClosed;
    // What the two kernels keep on the way is megabytes; a second of reading is hundreds of them.
    expect(written).toBeLessThan(SOCKET_BUFFERS_BYTES_MAX);
  });

  test("answer in a body that trickles: the status stands and the wait is short", async () => {
    const server = await rawServer((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nx"));
    });
    expect(await setup()(server.url)).toMatchObject({ kind: "answered", status: 202 });
    await server.firstSocketClosed;
  });

  test("break off in the body: the status stands", async () => {
    const server = await rawServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx"));
    });
    expect(await setup()(server.url)).toMatchObject({ kind: "answered", status: 200 });
  });

  test("drip headers past the deadline", async () => {
    const server = await rawServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nx-drip: ");
        const drip = setInterval(() => socket.write("x"), 5);
        socket.once("close", () => clearInterval(drip));
      });
    });
    expect(await setup()(server.url, SHORT_MS)).toEqual({ kind: "failed", reason: "deadline" });
    await server.firstSocketClosed;
  });

  test.each([
    ["send headers without end", `HTTP/1.1 200 OK\r\nx: ${"x".repeat(40_000)}`, "headers-too-large"],
    ["speak another protocol", "220 mail.example.com ESMTP\r\n", "malformed-response"],
    ["hang up", "", "reset"],
  ])("%s: a failure with its own word", async (_title, bytes, reason) => {
    const server = await rawServer((socket) => socket.once("data", () => socket.end(bytes)));
    expect(await setup()(server.url)).toEqual({ kind: "failed", reason });
  });

  test("exactly the allowed body leaves the connection usable", async () => {
    const body = "x".repeat(BODY_BYTES_MAX);
    const server = kept(await startHttpServer((_call, response) => response.end(body)));
    const post = setup();
    for (let count = 0; count < 10; count += 1) await post(server.url);
    expect(server.connectionCount()).toBeLessThanOrEqual(2);
  });
});

describe("failures without an answer", () => {
  test("have words of their own", async () => {
    const port = await findFreePort();
    expect(await setup()(`http://127.0.0.1:${port}/`)).toEqual({ kind: "failed", reason: "connect-refused" });
    const post = setup({ resolve: () => Promise.reject(new Error("no such name")) });
    expect(await post("http://hooks.example.com/")).toEqual({ kind: "failed", reason: "dns" });
    const nowhere = setup({ resolve: async () => [] });
    expect(await nowhere("http://hooks.example.com/")).toEqual({ kind: "failed", reason: "dns" });
    expect(await setup()("gopher://127.0.0.1/")).toEqual({ kind: "failed", reason: "invalid-request" });
  });

  test("a name whose servers never answer ends at the deadline and holds up no other name", async () => {
    const server = kept(await startHttpServer((_call, response) => response.end()));
    const names = kept(await startNameServer((name) => (name.startsWith("silent") ? null : ["127.0.0.1"])));
    const post = setup({ resolve: createDnsResolver({ servers: [names.server] }) });
    const at = (name: string) => server.url.replace("127.0.0.1", `${name}.example.com`);
    const silent = Array.from({ length: 50 }, (_, index) => post(at(`silent-${index}`), 1_000));
    expect(await post(at("quick"))).toMatchObject({ kind: "answered", status: 200 });
    for (const result of await Promise.all(silent))
      expect(result).toEqual({ kind: "failed", reason: "deadline" });
    expect(server.connectionCount()).toBe(1);
  });

  test("a name that the name servers do not know is a failure of the name", async () => {
    const names = kept(await startNameServer(() => []));
    const post = setup({ resolve: createDnsResolver({ servers: [names.server] }) });
    expect(await post("http://unknown.example.com/")).toEqual({ kind: "failed", reason: "dns" });
  });
});

test("endpoints that never answer hold up no other, not even one on the same host", async () => {
  const waiting = new Set<{ end: () => unknown }>();
  const arrived = Promise.withResolvers<void>();
  const server = kept(
    await startHttpServer((call, response) => {
      if (call.path !== "/slow") return response.end();
      waiting.add(response);
      if (waiting.size === 100) arrived.resolve();
    }),
  );
  const post = setup();
  const slow = Array.from({ length: 100 }, () => post(`${server.url}/slow`));
  await arrived.promise;
  expect(await post(`${server.url}/quick`)).toMatchObject({ kind: "answered", status: 200 });
  expect(waiting.size).toBe(100);
  for (const response of waiting) response.end();
  for (const result of await Promise.all(slow)) expect(result).toMatchObject({ kind: "answered" });
});

describe("TLS", () => {
  async function tlsServer(host: string) {
    const { key, cert } = createCertificate(host);
    const server = createServer({ key, cert }, (_request, response) => response.end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUps.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A TLS server has no port.");
    return { cert, port: address.port };
  }

  function trust(cert: string): void {
    const usual = getCACertificates("default");
    setDefaultCACertificates([...usual, cert]);
    cleanUps.push(async () => setDefaultCACertificates(usual));
  }

  const resolve = async () => ["127.0.0.1"];

  test("a host that proves its name is answered", async () => {
    const server = await tlsServer("hooks.example.com");
    trust(server.cert);
    const result = await setup({ resolve })(`https://hooks.example.com:${server.port}/`);
    expect(result).toMatchObject({ kind: "answered", status: 200 });
  });

  test("a host that proves another name, or nothing, gets nothing", async () => {
    const strange = await tlsServer("hooks.example.com");
    const url = `https://hooks.example.com:${strange.port}/`;
    expect(await setup({ resolve })(url)).toEqual({ kind: "failed", reason: "tls" });
    const other = await tlsServer("other.example.com");
    trust(other.cert);
    const otherUrl = `https://hooks.example.com:${other.port}/`;
    expect(await setup({ resolve })(otherUrl)).toEqual({ kind: "failed", reason: "tls" });
  });

  test("the environment cannot turn the check off", async () => {
    const server = await tlsServer("hooks.example.com");
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    cleanUps.push(async () => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    });
    const result = await setup({ resolve })(`https://hooks.example.com:${server.port}/`);
    expect(result).toEqual({ kind: "failed", reason: "tls" });
  });
});
