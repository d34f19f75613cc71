// Real servers on loopback for tests: an HTTP server that keeps a journal, and a raw TCP server for what no
// HTTP server would do.

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";

export type ReceivedCall = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

export type HttpTestServer = {
  readonly url: string;
  readonly calls: readonly ReceivedCall[];
  /** Connections accepted so far. */
  readonly connectionCount: () => number;
  readonly close: () => Promise<void>;
};

export async function startHttpServer(
  answer: (call: ReceivedCall, response: ServerResponse, request: IncomingMessage) => void,
  options: { readonly keepAliveTimeoutMs?: number } = {},
): Promise<HttpTestServer> {
  const calls: ReceivedCall[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const call = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      calls.push(call);
      answer(call, response, request);
    });
  });
  if (options.keepAliveTimeoutMs !== undefined) {
    // Node adds a second of grace by default, and tells the client.
    server.keepAliveTimeout = options.keepAliveTimeoutMs;
    server.keepAliveTimeoutBuffer = 0;
  }
  server.on("connection", () => {
    connections += 1;
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    connectionCount: () => connections,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export type TcpTestServer = {
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
};

export async function startTcpServer(onConnection: (socket: Socket) => void): Promise<TcpTestServer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port.");
  return address.port;
}
