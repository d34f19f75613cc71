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
import { seldom } from "./seldom.ts";

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
const defaultBounds: ReportDoorBounds = {
  requestsMax: 10_000,
  heldBytesMax: 67_108_864,
  bodyMsMax: 20_000,
  storeMsMax: 5_000,
};

/** gone: there is nobody to answer. */
const faultStatuses: Readonly<Record<BodyFault | "empty", number | null>> = {
  empty: 400,
  // Not 408: Sinch drops a report on any 4xx but 429.
  "too-slow": 503,
  "too-long": 413,
  "no-room": 503,
  gone: null,
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
  if (!door.senders.knows(params.account, params.secret)) {
    reply.callNotFound();
    return;
  }
  reply.hijack();
  const response = reply.raw;
  const refusal = isEncoded(raw.headers) ? 415 : room.enter() ? null : 503;
  if (refusal !== null) {
    answer(response, refusal);
    return;
  }
  readRawBody(raw, entrance, (body) => {
    if (typeof body === "object" && body.length > 0) {
      handle({ account: params.account, headers: raw.headers, body, response });
      return;
    }
    room.leave(0);
    const status = faultStatuses[typeof body === "object" ? "empty" : body];
    // The rest of a slow body may still come: nobody reads it.
    if (body === "too-slow") response.setHeader("connection", "close");
    if (status !== null) answer(response, status);
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
      refuse(response, proof.challenge);
      return;
    }
    // An answer that comes too late frees the provider, not the memory: the room is left when the commit ended.
    const timer = setTimeout(() => {
      logFailed("no answer in time");
      answer(response, 503);
    }, storeMsMax);
    door.store({ account, body }).then(
      () => {
        clearTimeout(timer);
        room.leave(body.length);
        answer(response, 200);
        tell();
      },
      (error: unknown) => {
        clearTimeout(timer);
        room.leave(body.length);
        logFailed(describeDatabaseError(error));
        answer(response, 503);
      },
    );
  };
}

function issueToken({ senders }: ReportDoor, { account, headers, body, response }: Knock): void {
  const { status, json } = senders.issueToken(account, signedRequest(headers, body));
  if (status === 401) response.setHeader("www-authenticate", challenge("Basic"));
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" }).end(json);
}

/** Nothing is told but what to log in with. */
function refuse(response: ServerResponse, scheme: "Basic" | "Bearer" | null): void {
  if (scheme !== null) response.setHeader("www-authenticate", challenge(scheme));
  answer(response, scheme === null ? 403 : 401);
}

function challenge(scheme: "Basic" | "Bearer"): string {
  return `${scheme} realm="reports"`;
}

/** All that is ever answered. */
function answer(response: ServerResponse, status: number): void {
  if (response.headersSent) return;
  if (status === 503) response.setHeader("retry-after", RETRY_AFTER_SECONDS);
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
