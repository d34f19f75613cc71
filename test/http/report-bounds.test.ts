// The bounds of the report doors: of one body, of all together, and of time.

import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { counted, openDoor, SECRET } from "./report-door.ts";

const BODY_BYTES_MAX = 2_097_152;

/** Sends raw bytes and gathers what comes back until the server closes the connection. */
async function openSocket(url: string) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  let received = "";
  socket.on("data", (part) => {
    received += part.toString("latin1");
  });
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(received)));
  return { socket, closed, received: () => received };
}

const head = (length: number) =>
  `POST /reports/main/${SECRET} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;

describe("a body", () => {
  it("of 2 MB is taken, one byte more is 413, with and without a length told before", async () => {
    const door = await openDoor();
    const chunked = (bytes: number) => ({
      body: new Blob([Buffer.alloc(bytes, "x")]).stream(),
      duplex: "half" as const,
    });
    expect((await door.report(Buffer.alloc(BODY_BYTES_MAX, "x"))).status).toBe(200);
    expect((await door.report(Buffer.alloc(BODY_BYTES_MAX + 1, "x"))).status).toBe(413);
    expect((await door.call(`/reports/main/${SECRET}`, chunked(BODY_BYTES_MAX))).status).toBe(200);
    expect((await door.call(`/reports/main/${SECRET}`, chunked(BODY_BYTES_MAX + 1))).status).toBe(413);
    expect((await door.call(`/reports/main/${SECRET}/token`, { body: "x".repeat(8_193) })).status).toBe(413);
    expect((await door.stored()).map(({ body }) => body.length)).toEqual([BODY_BYTES_MAX, BODY_BYTES_MAX]);
  });

  it("without end is cut off", async () => {
    const door = await openDoor();
    const { socket, closed } = await openSocket(door.server.url);
    socket.write(head(1e12));
    const piece = Buffer.alloc(65_536);
    const more = () => {
      while (socket.writable && socket.write(piece));
    };
    socket.on("drain", more);
    more();
    await closed;
    expect(socket.bytesWritten).toBeLessThan(100_000_000);
    expect(await door.stored()).toEqual([]);
  });

  it("that is empty or packed is refused", async () => {
    const door = await openDoor();
    expect((await door.report("")).status).toBe(400);
    expect((await door.call(`/reports/main/${SECRET}`)).status).toBe(400);
    const headers = { "content-encoding": "gzip" };
    expect((await door.report(gzipSync(Buffer.alloc(50_000_000)), { headers })).status).toBe(415);
    expect((await door.report("{}", { headers: { "content-encoding": "Identity" } })).status).toBe(200);
    expect(await door.stored()).toHaveLength(1);
  });
});

describe("with the database slow", () => {
  it("so many requests are held, and the next is told at once to come again", async () => {
    const came = counted(3);
    const door = await openDoor({
      bounds: { requestsMax: 3 },
      store: (store) => (post) => {
        came.done();
        return store(post);
      },
    });
    const unlock = await door.lockInbox();
    const held = ["a", "b", "c"].map((body) => door.report(body));
    await came.reached;
    const refused = await door.report("d");
    expect(refused).toMatchObject({ status: 503, body: "" });
    expect(refused.headers.get("retry-after")).toBe("5");
    await unlock();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await door.report("e")).status).toBe(200);
  });

  it("so many bytes are held, whatever the number of requests", async () => {
    const came = counted(1);
    const door = await openDoor({
      bounds: { heldBytesMax: 1_000 },
      store: (store) => (post) => {
        came.done();
        return store(post);
      },
    });
    const unlock = await door.lockInbox();
    const held = door.report("x".repeat(900));
    await came.reached;
    expect((await door.report("x".repeat(200))).status).toBe(503);
    await unlock();
    expect((await held).status).toBe(200);
    expect((await door.report("x".repeat(200))).status).toBe(200);
  });

  it("nobody waits longer than the bound, and what came late is stored all the same", async () => {
    const door = await openDoor({ bounds: { storeMsMax: 50, requestsMax: 1 } });
    const unlock = await door.lockInbox();
    expect((await door.report("late")).status).toBe(503);
    // Its memory is not free before its commit ended.
    expect((await door.report("next")).status).toBe(503);
    await unlock();
    await vi.waitFor(async () => expect((await door.report("again")).status).toBe(200), { timeout: 10_000 });
    expect((await door.stored()).map(({ body }) => body.toString())).toEqual(["late", "again"]);
  });
});

describe("a slow sender", () => {
  it("of a body is told so and cut off, and leaves its place", async () => {
    const door = await openDoor({ bounds: { bodyMsMax: 100, requestsMax: 1 } });
    const { socket, closed } = await openSocket(door.server.url);
    socket.write(`${head(100)}{"type"`);
    // Not 408: Sinch drops a report on any 4xx but 429.
    expect(await closed).toMatch(/^HTTP\/1\.1 503 .*connection: close/is);
    expect((await door.report("{}")).status).toBe(200);
    expect(await door.stored()).toHaveLength(1);
  });

  it("of a head is told so and cut off", async () => {
    const door = await openDoor({ headersMsMax: 100 });
    const { socket, closed } = await openSocket(door.server.url);
    socket.write(`POST /reports/main/${SECRET} HTTP/1.1\r\nhost: x\r\n`);
    expect(await closed).toBe(
      "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    expect(await door.stored()).toEqual([]);
  });

  it("who hangs up in the middle leaves his place, and nothing of his is stored", async () => {
    const door = await openDoor({ bounds: { requestsMax: 1 } });
    const { socket, closed } = await openSocket(door.server.url);
    socket.write(`${head(100)}{"type"`);
    // Its place is taken as soon as the server has read that.
    await vi.waitFor(async () => expect((await door.report("{}")).status).toBe(503), { timeout: 10_000 });
    socket.destroy();
    await closed;
    await vi.waitFor(async () => expect((await door.report("after")).status).toBe(200), { timeout: 10_000 });
    expect((await door.stored()).map(({ body }) => body.toString())).not.toContain('{"type"');
  });

  it("who knows no secret has not one byte of his body read", async () => {
    const door = await openDoor({ bounds: { requestsMax: 0 } });
    const { socket, received } = await openSocket(door.server.url);
    socket.write(`POST /reports/main/wrong HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n`);
    await vi.waitFor(() => expect(received()).toMatch(/^HTTP\/1\.1 404 /), { timeout: 10_000 });
  });
});

it("garbage instead of HTTP is answered without repeating it", async () => {
  const door = await openDoor();
  const { socket, closed } = await openSocket(door.server.url);
  socket.write(`POST /reports/main/${SECRET}\u0000 HTTP/9\r\n\r\n`);
  const answer = await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).not.toContain(SECRET);
  expect(door.logged).toEqual([]);
});
