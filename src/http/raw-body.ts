// [7] Reads the bytes of a request as they came, whatever content type they claim, within three bounds: of this body,
// of all bodies that the process holds at once, and of time.
//
// The callback instead of a promise, and no stream in between: the report door answers tens of thousands of
// requests a second.

import type { IncomingMessage } from "node:http";

/** What all requests of a door hold together, while they arrive and while they wait to be stored. */
export type Room = {
  /** False: there is no place for another request. */
  readonly enter: () => boolean;
  /** False: there is no place for these bytes. */
  readonly grow: (bytes: number) => boolean;
  readonly leave: (bytes: number) => void;
  /** Resolves when nobody is inside. */
  readonly untilEmpty: () => Promise<void>;
};

/** gone: the sender hung up, there is nobody to answer. */
export type BodyFault = "too-long" | "no-room" | "too-slow" | "gone";

export type BodyBounds = {
  readonly bytesMax: number;
  readonly msMax: number;
  readonly room: Room;
  /** Of a body that is too long, so much is read and forgotten; see FORGOTTEN_TIMES_MAX. */
  readonly forgottenBytesMax?: number;
};

/**
 * The rest of a body that is refused is read and forgotten up to so many times the bound, because a sender who
 * is cut off while it writes does not hear why.
 */
const FORGOTTEN_TIMES_MAX = 4;

export function createRoom({
  requestsMax,
  bytesMax,
}: {
  readonly requestsMax: number;
  readonly bytesMax: number;
}): Room {
  let requests = 0;
  let held = 0;
  let waiting: (() => void)[] = [];
  return {
    enter() {
      if (requests >= requestsMax) return false;
      requests += 1;
      return true;
    },
    grow(bytes) {
      if (held + bytes > bytesMax) return false;
      held += bytes;
      return true;
    },
    leave(bytes) {
      requests -= 1;
      held -= bytes;
      if (requests > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    async untilEmpty() {
      if (requests > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** The caller has entered the room and leaves it with the body's length; after a fault with nothing. */
export function readRawBody(
  request: IncomingMessage,
  { bytesMax, msMax, room, forgottenBytesMax = bytesMax * FORGOTTEN_TIMES_MAX }: BodyBounds,
  done: (body: Buffer | BodyFault) => void,
): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  let seen = 0;
  let fault: BodyFault | null = null;
  let isOver = false;
  const timer = setTimeout(() => {
    fail("too-slow");
    end();
  }, msMax);
  request.on("data", (part: Buffer) => {
    seen += part.length;
    if (seen > forgottenBytesMax) request.destroy();
    else if (fault !== null) return;
    else if (seen > bytesMax) fail("too-long");
    else if (!room.grow(part.length)) fail("no-room");
    else {
      bytes += part.length;
      parts.push(part);
    }
  });
  request.on("end", end);
  request.on("close", () => {
    if (!request.complete) fail("gone");
    end();
  });

  function fail(reason: BodyFault): void {
    fault ??= reason;
    room.grow(-bytes);
    bytes = 0;
    parts = [];
  }

  function end(): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    const [first] = parts;
    if (fault !== null) done(fault);
    else done(first !== undefined && parts.length === 1 ? first : Buffer.concat(parts, bytes));
  }
}
