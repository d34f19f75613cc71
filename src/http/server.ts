// [0] The HTTP doors. For now the two that an operator's machinery asks: is it alive, is it ready.

import Fastify, { type FastifyInstance } from "fastify";
import { VolleyError } from "../domain/errors.ts";

/** Answers the reasons why the process is not ready; empty when it is. */
export type Readiness = () => Promise<readonly string[]>;

export type HttpServer = { readonly url: string; readonly close: () => Promise<void> };

const BODY_BYTES_MAX = 1_048_576;
const READINESS_MS_MAX = 5_000;

export async function openHttpServer({
  host,
  port,
  readiness,
}: {
  readonly host: string;
  readonly port: number;
  readonly readiness: Readiness;
}): Promise<HttpServer> {
  const app = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  addHealth(app, readiness);
  try {
    const url = await app.listen({ host, port });
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
}

function addHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_, reply) => {
    const faults = await inTime(readiness()).catch(() => ["checks: failed"]);
    return reply
      .code(faults.length === 0 ? 200 : 503)
      .send({ status: faults.length === 0 ? "ready" : "not ready", faults });
  });
}

/** A database that does not answer at all is a reason too; whoever asks gives up sooner than we would. */
async function inTime(asked: Promise<readonly string[]>): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  const timer = setTimeout(resolve, READINESS_MS_MAX, ["checks: no answer in time"]);
  try {
    return await Promise.race([asked, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const where = `${host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return new VolleyError(
        "port_taken",
        `Cannot listen on ${where}: another program does. Set server.port, or stop that program.`,
      );
    case "EACCES":
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new VolleyError(
        "port_taken",
        `Cannot listen on ${where}: ${code}. Check server.host and server.port.`,
      );
    default:
      return error;
  }
}
