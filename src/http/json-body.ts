// [0] Reads JSON bodies of the API: in UTF-8, not compressed, within bounds of bytes and time, and with none of the
// keys that reach an object's prototype.
//
// A body that is too long is read to its end and forgotten, or its sender would be cut off while writing and never
// hear why.

import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { refuse } from "./problem.ts";
import { type BodyFault, createRoom, readRawBody } from "./raw-body.ts";

const JSON_BYTES_MAX = 1_048_576;
const FORGOTTEN_BYTES_MAX = 67_108_864;
const BODY_MS_MAX = 20_000;
/** Bodies being read at once, and their bytes together. */
const REQUESTS_MAX = 2_000;
const HELD_BYTES_MAX = 67_108_864;

export function takeJsonBodies(api: FastifyInstance): void {
  const room = createRoom({ requestsMax: REQUESTS_MAX, bytesMax: HELD_BYTES_MAX });
  const bounds = {
    bytesMax: JSON_BYTES_MAX,
    msMax: BODY_MS_MAX,
    room,
    forgottenBytesMax: FORGOTTEN_BYTES_MAX,
  };
  const parseJson = api.getDefaultJsonParser("error", "error");
  api.removeAllContentTypeParsers();
  api.addContentTypeParser("application/json", (request, _payload, done) => {
    if (!room.enter()) return done(faultOf("no-room"));
    readRawBody(request.raw, bounds, (body) => {
      room.leave(typeof body === "object" ? body.length : 0);
      if (typeof body === "string") return done(faultOf(body));
      // Clients name the type of bodies that they do not have.
      if (body.length === 0) return done(null, undefined);
      if (!isUtf8(body)) return done(malformed("The body is not UTF-8."));
      parseJson(request, body.toString("utf8"), (error, value) =>
        done(error === null ? null : malformed("The body is not valid JSON."), value),
      );
    });
  });
}

/** Before anything of the body is read. */
export async function refuseEncodedBody({ headers }: FastifyRequest): Promise<void> {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "" || encoding.toLowerCase() === "identity") return;
  throw refuse({
    code: "unsupported_media_type",
    detail: "Send the body as it is, without a Content-Encoding.",
    headers: { "accept-encoding": "identity" },
  });
}

function malformed(detail: string): Error {
  return refuse({ code: "malformed_json", detail });
}

function faultOf(fault: BodyFault): Error {
  switch (fault) {
    case "too-long":
      return refuse({ code: "body_too_large", detail: `JSON may have up to ${JSON_BYTES_MAX} bytes.` });
    case "no-room":
      return refuse({ code: "unavailable", headers: { "retry-after": "1" } });
    case "too-slow":
    case "gone":
      return refuse({ code: "too_slow" });
    default:
      return fault satisfies never;
  }
}
