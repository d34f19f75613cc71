// HTTP calls that end in a value, never in a throw, and that say whether the request may have left.
//
// `mayHaveLeft` is false only on proof. The proof is undici's own order of work (8.12, lib/dispatcher/client-h1.js,
// writeH1): `onRequestStart` is called right before the first byte is written, and never for a request whose
// connection failed or that still waits in the pool. So what never started never left; whatever fails after the
// start counts as sent, also when a kept-alive connection turns out to be dead.

import { errors, Pool } from "undici";

/** The proof above holds for HTTP/1.1 with one request at a time on a connection. */
const PIPELINING = 1;
const CONNECT_TIMEOUT_MS = 5_000;
/** Node servers drop idle connections after 5 s, others later; we let go first, so that few sends meet a dead one. */
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_HINTED_MS_MAX = 30_000;
/** How much sooner than a server's own `keep-alive: timeout=` we let go. */
const KEEP_ALIVE_MARGIN_MS = 2_000;
const RESPONSE_BYTES_MAX = 1_048_576;
const HEADER_BYTES_MAX = 16_384;

export type HttpCall = {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

export type HttpResult =
  | {
      readonly kind: "response";
      readonly status: number;
      /** Lower-case names; a repeated header is joined by ", ". */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly kind: "failed";
      /** False: proven that no byte of the request left. */
      readonly mayHaveLeft: boolean;
      /** Stable, lower-case, dash-separated words; never an address, a header or a body. */
      readonly reason: string;
    };

export type HttpSendOptions = {
  /** For everything: waiting for a connection, connecting, sending, and the whole body of the response. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  readonly responseBytesMax?: number;
};

export type HttpClient = {
  readonly send: (call: HttpCall, options: HttpSendOptions) => Promise<HttpResult>;
  /** Waits for what is in flight (each call has its deadline), then ends all connections. */
  readonly close: () => Promise<void>;
};

export function createHttpClient(options: {
  readonly connectionsPerOrigin: number;
  readonly connectTimeoutMs?: number;
}): HttpClient {
  const pools = new Map<string, Pool>();
  const inFlight = new Set<Promise<HttpResult>>();
  let closed = false;

  function poolFor(origin: string): Pool {
    const known = pools.get(origin);
    if (known !== undefined) return known;
    const pool = new Pool(origin, {
      connections: options.connectionsPerOrigin,
      pipelining: PIPELINING,
      allowH2: false,
      connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_HINTED_MS_MAX,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      // The one total deadline stands above these two, which only watch for silence.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    pools.set(origin, pool);
    return pool;
  }

  return {
    async send(call, sendOptions) {
      const url = URL.parse(call.url);
      if (url === null || !/^https?:$/.test(url.protocol)) return notLeft("invalid-request");
      if (closed) return notLeft("closed");
      const result = dispatch(poolFor(url.origin), url, call, sendOptions);
      inFlight.add(result);
      return result.finally(() => inFlight.delete(result));
    },
    async close() {
      closed = true;
      await Promise.all(inFlight);
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** One request: settles once, by the response, a failure, the signal or the deadline, whichever comes first. */
function dispatch(pool: Pool, url: URL, call: HttpCall, options: HttpSendOptions): Promise<HttpResult> {
  const { deadlineMs, signal, responseBytesMax = RESPONSE_BYTES_MAX } = options;
  if (signal?.aborted) return Promise.resolve(notLeft("aborted-before-send"));
  const { promise, resolve } = Promise.withResolvers<HttpResult>();
  const deadlineAt = performance.now() + deadlineMs;
  let settled = false;
  let abort: ((reason: Error) => void) | null = null;
  let status = 0;
  let headers: Readonly<Record<string, string>> = {};
  const chunks: Buffer[] = [];
  let bytes = 0;

  const timer = setTimeout(() => fail("deadline"), deadlineMs);
  const onAbort = () => fail("aborted");
  signal?.addEventListener("abort", onAbort);

  function settle(result: HttpResult): void {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    resolve(result);
  }

  /** Ends the call from our side; a connection that still carries it is of no more use. */
  function fail(reason: string): void {
    if (settled) return;
    settle(abort === null ? notLeft(`${reason}-before-send`) : maybeLeft(reason));
    abort?.(new Error(reason));
  }

  /** For undici's callbacks, where a throw ends the exchange; aborting there would let its parser run on. */
  function refuse(reason: string): Error {
    settle(maybeLeft(reason));
    return new Error(reason);
  }

  pool.dispatch(
    {
      path: url.pathname + url.search,
      method: call.method,
      // Bodies are small; a compressed one would only be a way to fill our memory.
      headers: { "user-agent": "volley", "accept-encoding": "identity", ...call.headers },
      body: call.body,
    },
    {
      onRequestStart(controller) {
        // A throw here makes undici drop the request unwritten and keep the connection. The clock is read again
        // because a process that was frozen may get here before its overdue timer runs; and a second start of one
        // request would be a silent resend.
        if (performance.now() >= deadlineAt) fail("deadline");
        if (settled || abort !== null) throw new Error("This request must not be written.");
        abort = (reason) => controller.abort(reason);
      },
      onResponseStart(_controller, statusCode, rawHeaders) {
        if (statusCode < 200) return;
        status = statusCode;
        headers = joinHeaders(rawHeaders);
        const encoding = headers["content-encoding"] ?? "identity";
        if (encoding.toLowerCase() !== "identity") throw refuse("encoded-body");
      },
      onResponseData(_controller, chunk) {
        bytes += chunk.length;
        if (bytes > responseBytesMax) throw refuse("body-too-large");
        chunks.push(chunk);
      },
      onResponseEnd() {
        settle({ kind: "response", status, headers, body: new TextDecoder().decode(Buffer.concat(chunks)) });
      },
      onResponseError(_controller, error) {
        if (abort === null) settle(notLeft(readConnectFailure(error, url.protocol)));
        else settle(maybeLeft(readExchangeFailure(error)));
      },
    },
  );
  return promise;
}

function notLeft(reason: string): HttpResult {
  return { kind: "failed", mayHaveLeft: false, reason };
}

function maybeLeft(reason: string): HttpResult {
  return { kind: "failed", mayHaveLeft: true, reason };
}

export function joinHeaders(
  raw: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const joined: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) joined[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return joined;
}

/** Before the request was started: there was no connection to write to. */
export function readConnectFailure(error: Error, protocol: string): string {
  switch (codeOf(error)) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_FAIL":
    case "EAI_NODATA":
      return "dns";
    case "ECONNREFUSED":
      return "connect-refused";
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return "connect-timeout";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return "connect-unreachable";
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
      return "invalid-request";
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return "closed";
    default:
      // A reset while TLS is being agreed on has the code of any reset.
      return protocol === "https:" ? "tls" : "connect-failed";
  }
}

export function readExchangeFailure(error: Error): string {
  if (error instanceof errors.HTTPParserError) return "malformed-response";
  switch (codeOf(error)) {
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return "malformed-response";
    case "UND_ERR_HEADERS_OVERFLOW":
      return "headers-too-large";
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
      return "reset";
    default:
      return "connection-failed";
  }
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
