// [0] [7] The HTTP doors: those that an operator's machinery asks (is it alive, is it ready), those of the
// providers, the customers' API and the dashboard. No answer repeats the request's path, for it may hold a secret.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { VolleyError } from "../domain/errors.ts";
import { inTime } from "../platform/in-time.ts";
import { type ApiBounds, addApi } from "./api.ts";
import { addDashboard } from "./dashboard.ts";
import type { ApiDoors } from "./doors.ts";
import { addReportDoor, type ReportDoor, type ReportDoorBounds } from "./reports.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Its body is read as it comes, with a bound on its silences. */
    streamsIn?: true;
  }
}

/** Answers the reasons why the process is not ready; empty when it is. */
export type Readiness = () => Promise<readonly string[]>;

export type HttpServer = { readonly url: string; readonly close: () => Promise<void> };

const BODY_BYTES_MAX = 1_048_576;
const READINESS_MS_MAX = 5_000;
/** An account's name or a secret; longer parts of a path are not found. */
const PATH_PART_CHARACTERS_MAX = 200;
const HEADERS_MS_MAX = 10_000;
/** For a body that is held as a whole. */
const BODY_MS_MAX = 300_000;
/** How often Node looks for those who are slower than that. */
const SLOW_LOOKED_FOR_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 10_000;

export async function openHttpServer({
  host,
  port,
  readiness,
  reportDoor,
  api,
  headersMsMax = HEADERS_MS_MAX,
  bodyMsMax = BODY_MS_MAX,
  reportDoorBounds,
  apiBounds,
}: {
  readonly host: string;
  readonly port: number;
  readonly readiness: Readiness;
  readonly reportDoor?: ReportDoor;
  /** The customers' API, and the dashboard that asks it; absent: there is neither. */
  readonly api?: ApiDoors;
  readonly headersMsMax?: number;
  readonly bodyMsMax?: number;
  readonly reportDoorBounds?: Partial<ReportDoorBounds>;
  readonly apiBounds?: Partial<ApiBounds>;
}): Promise<HttpServer> {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    // Node would count an upload of any size, too; see boundBodies.
    requestTimeout: 0,
    http: {
      headersTimeout: headersMsMax,
      connectionsCheckingInterval: Math.min(SLOW_LOOKED_FOR_EVERY_MS, headersMsMax),
    },
    routerOptions: { maxParamLength: PATH_PART_CHARACTERS_MAX },
    frameworkErrors: (_error, _request, reply) => void answerProblem(reply, 404),
    clientErrorHandler: refuseBroken,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setNotFoundHandler((_, reply) => answerProblem(reply, 404));
  app.setErrorHandler((error, _, reply) => answerProblem(reply, statusOf(error)));
  boundBodies(app, bodyMsMax);
  addHealth(app, readiness);
  if (reportDoor !== undefined) addReportDoor(app, reportDoor, reportDoorBounds);
  if (api !== undefined) {
    addApi(app, api, apiBounds);
    addDashboard(app);
  }
  try {
    const url = await app.listen({ host, port });
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
}

/** Fastify's own answers name the path. */
function answerProblem(reply: FastifyReply, status: number): FastifyReply {
  const problem = {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    code: codeOf(status),
  };
  return reply.code(status).type("application/problem+json").send(problem);
}

/** What Node could not read. It would answer 408 to a slow sender, after which Sinch drops its report for good. */
function refuseBroken({ code }: { readonly code?: string }, socket: Socket): void {
  if (code === "ECONNRESET" || socket.destroyed) return;
  const status = code === "ERR_HTTP_REQUEST_TIMEOUT" ? 503 : code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
  if (socket.writable) socket.write(head);
  socket.destroy();
}

/** A body that takes longer is cut off; one that is streamed in may take as long as it does not fall silent. */
function boundBodies(app: FastifyInstance, bodyMsMax: number): void {
  app.addHook("onRequest", async ({ raw, routeOptions }, reply) => {
    if (routeOptions.config.streamsIn === true) return;
    const timer = setTimeout(() => {
      if (!raw.complete) refuseBroken({ code: "ERR_HTTP_REQUEST_TIMEOUT" }, raw.socket);
    }, bodyMsMax);
    reply.raw.once("close", () => clearTimeout(timer));
  });
}

function codeOf(status: number): string {
  return (STATUS_CODES[status] ?? "error").toLowerCase().replace(/[^a-z]+/g, "_");
}

function statusOf(error: unknown): number {
  const status: unknown = error instanceof Error ? Reflect.get(error, "statusCode") : undefined;
  return typeof status === "number" && status >= 400 && status <= 599 ? status : 500;
}

function addHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_, reply) => {
    // A database that does not answer at all is a reason too; whoever asks gives up sooner than we would.
    const faults = await inTime(readiness(), READINESS_MS_MAX, () => ["checks: no answer in time"]).catch(
      () => ["checks: failed"],
    );
    return reply
      .code(faults.length === 0 ? 200 : 503)
      .send({ status: faults.length === 0 ? "ready" : "not ready", faults });
  });
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
