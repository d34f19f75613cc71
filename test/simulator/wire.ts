// A client without any manners of its own, to see what really happens on a connection: bytes, an orderly end,
// a reset, or nothing.

import { connect, type Socket } from "node:net";

export type Wire = {
  readonly socket: Socket;
  /** Settles when at least so many bytes of the response's body are there, or the connection is over. */
  readonly untilBody: (bytes: number) => Promise<void>;
  readonly head: () => string;
  readonly body: () => Buffer;
  /** "end" for an orderly one, else the error's code. */
  readonly over: Promise<string>;
  /** What has come to an end, if anything. */
  readonly ended: () => string | null;
};

export function openWire(url: string, path: string, token: string, body: string): Wire {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let received = Buffer.alloc(0);
  let ended: string | null = null;
  const waiting: (() => void)[] = [];
  const over = Promise.withResolvers<string>();
  const bodyStart = () => received.indexOf("\r\n\r\n") + 4;
  const length = () => (bodyStart() < 4 ? -1 : received.length - bodyStart());
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  const finish = (how: string) => {
    ended ??= how;
    over.resolve(ended);
    wake();
  };
  socket.on("data", (piece) => {
    received = Buffer.concat([received, Buffer.from(piece)]);
    wake();
  });
  socket.on("error", (error) => finish("code" in error ? String(error.code) : "error"));
  socket.on("end", () => finish("end"));
  socket.on("close", () => finish("closed"));
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return {
    socket,
    untilBody: async (bytes) => {
      while (length() < bytes && ended === null) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.push(resolve);
        await promise;
      }
    },
    head: () => received.subarray(0, Math.max(0, bodyStart())).toString("latin1"),
    body: () => (bodyStart() < 4 ? Buffer.alloc(0) : received.subarray(bodyStart())),
    over: over.promise,
    ended: () => ended,
  };
}
