// Puts a reply on the wire, well or badly. The only file that touches a response; what a fault looks like to
// the client is decided here and nowhere else.

import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { Spoiling } from "./faults.ts";
import type { Reply } from "./provider.ts";

const DRIP_MS = 1000;
export const HUGE_BODY_BYTES = 64 * 1024 * 1024;
const HUGE_BODY_PIECE_BYTES = 64 * 1024;
/** 64 members of 4 MiB: 256 MiB of spaces in about 256 KiB of gzip. */
const GZIP_BOMB_MEMBERS = 64;
const GZIP_BOMB_MEMBER_BYTES = 4 * 1024 * 1024;

const HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>";

export function deliver(response: ServerResponse, reply: Reply): void {
  response
    .writeHead(reply.status, [...reply.headers, "Content-Length", String(Buffer.byteLength(reply.body))])
    .end(reply.body);
}

/** A TCP reset, not an orderly end: the client learns nothing about what happened. */
export function drop(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** What a hotel's or a company's proxy says instead of the provider. */
export function deliverHtml(response: ServerResponse): void {
  deliver(response, { status: 200, headers: ["Content-Type", "text/html; charset=utf-8"], body: HTML });
}

export function deliverSpoilt(response: ServerResponse, reply: Reply, how: Spoiling): void {
  switch (how) {
    case "drip":
      drip(response, reply);
      break;
    case "half-json":
      deliver(response, { ...reply, body: reply.body.slice(0, Math.floor(reply.body.length / 2)) });
      break;
    case "huge-body":
      deliverHuge(response, reply);
      break;
    case "gzip-bomb":
      deliverBomb(response, reply);
      break;
    default:
      how satisfies never;
  }
}

function drip(response: ServerResponse, reply: Reply): void {
  const bytes = Buffer.from(reply.body);
  response.writeHead(reply.status, [...reply.headers, "Content-Length", String(bytes.length)]);
  response.write(bytes.subarray(0, 1));
  let sent = 1;
  const timer = setInterval(() => {
    response.write(bytes.subarray(sent, sent + 1));
    sent += 1;
    if (sent >= bytes.length) response.end();
  }, DRIP_MS);
  timer.unref();
  response.once("close", () => clearInterval(timer));
}

/** Valid JSON all the same, behind 64 MiB of spaces: only a bound of the client's own stops it. */
function deliverHuge(response: ServerResponse, reply: Reply): void {
  const piece = Buffer.alloc(HUGE_BODY_PIECE_BYTES, " ");
  response.writeHead(reply.status, [...reply.headers]);
  let left = HUGE_BODY_BYTES;
  const more = () => {
    while (left > 0) {
      if (response.destroyed) return;
      left -= piece.length;
      if (response.write(piece)) continue;
      response.once("drain", more);
      return;
    }
    response.end(reply.body);
  };
  more();
}

let bomb: Buffer | null = null;

function deliverBomb(response: ServerResponse, reply: Reply): void {
  // A gzip file may have many members (RFC 1952, 2.2), so one of them, repeated, saves compressing all that.
  if (bomb === null) {
    const member = gzipSync(Buffer.alloc(GZIP_BOMB_MEMBER_BYTES, " "));
    bomb = Buffer.concat(Array.from({ length: GZIP_BOMB_MEMBERS }, () => member));
  }
  const length = String(bomb.length);
  response
    .writeHead(reply.status, [...reply.headers, "Content-Encoding", "gzip", "Content-Length", length])
    .end(bomb);
}
