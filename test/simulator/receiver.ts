// Somebody who is told: a real HTTP server that keeps what was POSTed to it and answers as the test says.

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, loosely typed: tests compare it. */
  readonly json: Record<string, unknown>;
};

export type Receiver = {
  readonly url: string;
  readonly received: readonly Received[];
  readonly connections: () => number;
  readonly until: (posts: number) => Promise<readonly Received[]>;
  /** The statuses of the next answers; 200 after them. Null: the connection is cut. */
  readonly answerWith: (...statuses: readonly (number | null)[]) => void;
  /** Runs when a POST has come, before it is answered. */
  readonly onPost: (listener: () => void) => void;
};

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const statuses: (number | null)[] = [];
  const waiting: { readonly posts: number; readonly resolve: () => void }[] = [];
  let listener = () => {};
  let connections = 0;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const text = Buffer.concat(pieces).toString();
    received.push({ path: request.url ?? "", headers: request.headers, text, json: JSON.parse(text) });
    listener();
    const status = statuses.length === 0 ? 200 : (statuses.shift() ?? null);
    if (status === null) response.socket?.resetAndDestroy();
    else response.writeHead(status).end(status === 204 ? undefined : "ok");
    for (const waiter of waiting) if (received.length >= waiter.posts) waiter.resolve();
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/r/abc`,
    received,
    connections: () => connections,
    until: async (posts) => {
      if (received.length < posts) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.push({ posts, resolve });
        await promise;
      }
      return received;
    },
    answerWith: (...next) => void statuses.push(...next),
    onPost: (next) => {
      listener = next;
    },
  };
}
