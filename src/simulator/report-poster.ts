// POSTs bodies to receivers on loopback over connections that are kept: the cheapest client that a report needs.
//
// Bare node:net, because the simulator must outrun what it measures: node:http's client costs several times as much
// a POST. Of the answer only the status counts. An answer that tells no end costs its connection.

import { connect, type Socket } from "node:net";

export type Target = {
  readonly host: string;
  readonly port: number;
  /** What stands in `Host`. */
  readonly name: string;
  readonly path: string;
};

export type Post = {
  readonly target: Target;
  /** Ready for the wire, each line with its end. */
  readonly headers: string;
  readonly body: string;
  /** Null: no answer. Never called before `post` has returned. */
  readonly done: (status: number | null) => void;
};

export type Poster = {
  /** Opens a connection for each POST at a time: the caller bounds how many there are. */
  readonly post: (post: Post) => void;
  readonly close: () => void;
};

type Connection = {
  readonly socket: Socket;
  post: Post | null;
  received: string;
  /** An earlier POST went well on it. */
  isUsed: boolean;
  isLate: boolean;
};

const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_CHARACTERS_MAX = 65_536;
const IDLE_MAX = 64;
const HEAD_END = "\r\n\r\n";
/** A chunk could hold these bytes, too; nobody answers a report so, and it would cost one repeated POST. */
const LAST_CHUNK = /\r\n0\r\n\r\n$/;

/** Null: not on loopback, or not plain HTTP. The simulator has no login and must not be a way out for anybody. */
export function readTarget(url: string): Target | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, host, port, pathname, search } = new URL(url);
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol !== "http:" || !isLoopback) return null;
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    name: host,
    path: pathname + search,
  };
}

export function createPoster(): Poster {
  const idle = new Map<string, Connection[]>();
  const connections = new Set<Connection>();
  let idleCount = 0;
  let isClosed = false;

  function open(target: Target): Connection {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const connection: Connection = { socket, post: null, received: "", isUsed: false, isLate: false };
    connections.add(connection);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      connection.isLate = true;
      socket.destroy();
    });
    socket.on("data", (piece) => read(connection, piece));
    // The close that follows says all that matters.
    socket.on("error", () => {});
    socket.on("close", () => lose(connection, target.name));
    return connection;
  }

  function start(connection: Connection, post: Post): void {
    connection.post = post;
    connection.received = "";
    connection.socket.write(wordRequest(post));
  }

  function read(connection: Connection, piece: Buffer | string): void {
    const { post, socket } = connection;
    // A receiver that speaks without being asked is not worth its connection.
    if (post === null) {
      socket.destroy();
      return;
    }
    connection.received += piece.toString("latin1");
    const answer = readAnswer(connection.received);
    if (answer === null) return;
    connection.post = null;
    connection.isUsed = true;
    if (answer.isReusable && idleCount < IDLE_MAX) keep(post.target.name, connection);
    else socket.destroy();
    post.done(answer.status);
  }

  function keep(name: string, connection: Connection): void {
    const kept = idle.get(name);
    if (kept === undefined) idle.set(name, [connection]);
    else kept.push(connection);
    idleCount += 1;
  }

  function take(name: string): Connection | undefined {
    const connection = idle.get(name)?.pop();
    if (connection !== undefined) idleCount -= 1;
    return connection;
  }

  function lose(connection: Connection, name: string): void {
    connections.delete(connection);
    const { post, isUsed, isLate, received } = connection;
    if (post === null) {
      const kept = idle.get(name) ?? [];
      const at = kept.indexOf(connection);
      if (at >= 0) {
        kept.splice(at, 1);
        idleCount -= 1;
      }
      if (kept.length === 0) idle.delete(name);
      return;
    }
    // A receiver may end a kept connection at the moment that a POST leaves on it (RFC 9112, 9.3.1).
    if (isUsed && !isLate && received === "" && !isClosed) start(open(post.target), post);
    else post.done(null);
  }

  return {
    post: (post) => start(take(post.target.name) ?? open(post.target), post),
    close: () => {
      isClosed = true;
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function wordRequest({ target, headers, body }: Post): string {
  return (
    `POST ${target.path} HTTP/1.1\r\nHost: ${target.name}\r\nContent-Type: application/json\r\n` +
    `${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** Null: it is not there yet. */
function readAnswer(
  received: string,
): { readonly status: number | null; readonly isReusable: boolean } | null {
  const headEnd = received.indexOf(HEAD_END);
  const isTooLong = received.length > ANSWER_CHARACTERS_MAX;
  if (headEnd < 0) return isTooLong ? { status: null, isReusable: false } : null;
  const head = received.slice(0, headEnd);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return { status: null, isReusable: false };
  const closes = /\r\nconnection:[ \t]*close/i.test(head) || head.startsWith("HTTP/1.0");
  if (closes || isTooLong) return { status, isReusable: false };
  const length = status === 204 ? 0 : Number(/\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1] ?? Number.NaN);
  const isWhole = Number.isNaN(length)
    ? LAST_CHUNK.test(received.slice(headEnd + 2))
    : received.length >= headEnd + HEAD_END.length + length;
  if (isWhole) return { status, isReusable: true };
  return Number.isNaN(length) && !/\r\ntransfer-encoding:[ \t]*chunked/i.test(head)
    ? { status, isReusable: false }
    : null;
}
