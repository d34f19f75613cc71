// [7] The doors for providers: delivery reports, inbound SMS, and the token that some providers fetch first.
//
// A door checks who knocks, stores the bytes as they came, and answers 200 when they are committed. It reads
// nothing of them: what they say is found out afterwards. Sinch drops a report for good on any 4xx but 429, so
// that only what can never be right gets one; what may be right later gets 503, and the provider brings it again.
// Neither an answer nor a log line holds anything of the body, the path or the secret in it.

import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Post } from "../ledger/inbox.ts";
import type { Logger } from "../platform/log.ts";
import { describeDatabaseError } from "../platform/postgres.ts";
import type { SignedRequest } from "../providers/provider.ts";
import type { ReportSenders } from "../providers/report-senders.ts";
import { type BodyFault, createRoom, type Room, readRawBody } from "./raw-body.ts";

export type ReportDoor = {
  readonly senders: ReportSenders;
  /** Resolves when the post is committed. */
  readonly store: (post: Post) => Promise<unknown>;
  /** Called soon after posts were stored, once for many of them. */
  readonly onStored?: () => void;
  readonly log: Logger;
};

export type ReportDoorBounds = {
  /** Requests being read or waiting for their commit, and the bytes of their bodies. */
  readonly requestsMax: number;
  readonly heldBytesMax: number;
  /** How long a body may take to come, and its commit; less than the read timeouts that providers are known to have. */
  readonly bodyMsMax: number;
  readonly storeMsMax: number;
};

/** Infobip brings up to 2,000 reports of some 500 bytes in one request. */
const BODY_BYTES_MAX = 2_097_152;
const TOKEN_BODY_BYTES_MAX = 8_192;
const RETRY_AFTER_SECONDS = "5";
const TOLD_AFTER_MS = 50;
const LOGGED_EVERY_MS = 10_000;
const defaultBounds: ReportDoorBounds = {
  requestsMax: 10_000,
  heldBytesMax: 67_108_864,
  bodyMsMax: 20_000,
  storeMsMax: 5_000,
};

type DoorRequest = FastifyRequest<{ Params: { account: string; secret: string } }>;
type Knock = {
  readonly account: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly response: ServerResponse;
};

/** Fastify finds the route and nothing else: its parsers judge content types, and a report comes under any. */
export function addReportDoor(
  app: FastifyInstance,
  door: ReportDoor,
  bounds: Partial<ReportDoorBounds> = {},
): void {
  const { requestsMax, heldBytesMax, bodyMsMax, storeMsMax } = { ...defaultBounds, ...bounds };
  const room = createRoom({ requestsMax, bytesMax: heldBytesMax });
  const receive = createReceiver(door, room, storeMsMax);
  const add = (path: string, bytesMax: number, handle: (knock: Knock) => void) =>
    app.post(path, {
      onRequest: (request: DoorRequest, reply) =>
        letIn(request, reply, { door, room, handle, bytesMax, msMax: bodyMsMax }),
      handler: (_, reply) => reply.callNotFound(),
    });
  add("/reports/:account/:secret", BODY_BYTES_MAX, receive);
  add("/inbound/:account/:secret", BODY_BYTES_MAX, receive);
  add("/reports/:account/:secret/token", TOKEN_BODY_BYTES_MAX, (knock) => {
    room.leave(knock.body.length);
    issueToken(door, knock);
  });
  // What was taken in is still stored and answered; new requests get 503 by now.
  app.addHook("preClose", () => Promise.race([room.untilEmpty(), elapsed(storeMsMax)]));
}

type Entrance = {
  readonly door: ReportDoor;
  readonly room: Room;
  readonly bytesMax: number;
  readonly msMax: number;
  readonly handle: (knock: Knock) => void;
};

/** Before the first byte of the body is read: whoever does not know the secret has nothing read. */
function letIn({ params, raw }: DoorRequest, reply: FastifyReply, entrance: Entrance): void {
  const { door, room, handle } = entrance;
  if (!door.senders.knows(params.account, params.secret)) return void reply.callNotFound();
  reply.hijack();
  const response = reply.raw;
  if (isEncoded(raw.headers)) return end(response, 415);
  if (!room.enter()) return askAgain(response);
  readRawBody(raw, entrance, (body) => {
    if (typeof body === "object" && body.length > 0) {
      return handle({ account: params.account, headers: raw.headers, body, response });
    }
    room.leave(0);
    answerFault(response, typeof body === "object" ? "empty" : body);
  });
}

function createReceiver(door: ReportDoor, room: Room, storeMsMax: number): (knock: Knock) => void {
  const logRefused = seldom((account: string, times: number) =>
    door.log.warn(
      { account, times },
      "refused requests that knew the door's secret but did not prove their sender; check the account's reports settings",
    ),
  );
  const logFailed = seldom((reason: string, times: number) =>
    door.log.warn({ reason, times }, "cannot store what providers bring; they are asked to bring it again"),
  );
  const tell = soon(door.onStored);

  return ({ account, headers, body, response }) => {
    const proof = door.senders.prove(account, signedRequest(headers, body));
    if (proof.kind === "refused") {
      room.leave(body.length);
      logRefused(account);
      return refuse(response, proof.challenge);
    }
    // An answer that comes too late frees the provider, not the memory: the room is left when the commit ended.
    const timer = setTimeout(() => {
      logFailed("no answer in time");
      askAgain(response);
    }, storeMsMax);
    door.store({ account, body }).then(
      () => {
        clearTimeout(timer);
        room.leave(body.length);
        if (!response.headersSent) end(response, 200);
        tell();
      },
      (error: unknown) => {
        clearTimeout(timer);
        room.leave(body.length);
        logFailed(describeDatabaseError(error));
        if (!response.headersSent) askAgain(response);
      },
    );
  };
}

function issueToken({ senders }: ReportDoor, { account, headers, body, response }: Knock): void {
  const { status, json } = senders.issueToken(account, signedRequest(headers, body));
  if (status === 401) response.setHeader("www-authenticate", challenge("Basic"));
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" }).end(json);
}

function answerFault(response: ServerResponse, fault: BodyFault | "empty"): void {
  switch (fault) {
    case "empty":
      return end(response, 400);
    case "too-long":
      return end(response, 413);
    case "too-slow":
      response.setHeader("connection", "close");
      return end(response, 408);
    case "no-room":
      return askAgain(response);
    case "gone":
      return;
    default:
      fault satisfies never;
  }
}

/** Nothing is told but what to log in with. */
function refuse(response: ServerResponse, scheme: "Basic" | "Bearer" | null): void {
  if (scheme === null) return end(response, 403);
  response.setHeader("www-authenticate", challenge(scheme));
  end(response, 401);
}

function challenge(scheme: "Basic" | "Bearer"): string {
  return `${scheme} realm="reports"`;
}

function askAgain(response: ServerResponse): void {
  response.setHeader("retry-after", RETRY_AFTER_SECONDS);
  end(response, 503);
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": "0" }).end();
}

/** No provider compresses, and a body that cannot be read as it came would be stored for nothing. */
function isEncoded(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"];
  return encoding !== undefined && encoding !== "" && encoding.toLowerCase() !== "identity";
}

function signedRequest(headers: IncomingHttpHeaders, rawBody: Buffer): SignedRequest {
  return { headers: hasSingles(headers) ? headers : {}, rawBody };
}

/** Node gathers only Set-Cookie into a list, and a request has no business with one. */
function hasSingles(
  headers: IncomingHttpHeaders,
): headers is IncomingHttpHeaders & Record<string, string | undefined> {
  return headers["set-cookie"] === undefined;
}

/** Calls at once, then at most every few seconds, with how often it was asked to since. */
function seldom(say: (about: string, times: number) => void): (about: string) => void {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  let times = 0;
  return (about) => {
    times += 1;
    const nowMs = performance.now();
    if (nowMs - saidAtMs < LOGGED_EVERY_MS) return;
    say(about, times);
    saidAtMs = nowMs;
    times = 0;
  };
}

function soon(call: (() => void) | undefined): () => void {
  let timer: NodeJS.Timeout | null = null;
  return () => {
    if (call === undefined || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      call();
    }, TOLD_AFTER_MS);
  };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
