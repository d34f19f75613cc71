// HTTP calls to addresses that strangers chose, such as customers' webhooks. Like http-client.ts, a call ends in a
// value; unlike there, nothing on the other side is trusted.
//
// The address is judged where it is connected to: we resolve the name, judge every address it has, and connect to
// those very addresses, so a name that changes between a check and its use gains nothing. A connection is used
// again only for the origin it was opened to, and was judged when it was opened. Redirects are not followed and
// bodies not kept: an answer is its status. The caller bounds how many calls are in flight; there is no bound per
// host, because many customers' endpoints share one (an automation service), and one slow among them must not
// hold up the others.

import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector } from "undici";
import { joinHeaders, readConnectFailure, readExchangeFailure } from "./http-client.ts";
import type { ResolveName } from "./resolve-name.ts";
import { readRetryAfterMs } from "./retry-after.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** For each address of a name but the last, which has what is left. Node's own 250 ms is less than a far host takes. */
const CONNECT_ADDRESS_TIMEOUT_MS = 1_000;
const KEEP_ALIVE_MS = 4_000;
const HEADER_BYTES_MAX = 16_384;
/** A body is read only so that its connection can be used again; it gets this much and this long. */
const BODY_BYTES_MAX = 65_536;
const BODY_WAIT_MS = 1_000;
const REFUSED = "ADDRESS_REFUSED";

export type GuardedCall = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type GuardedResult =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterMs: number | null }
  /** The URL leads to an address that may not be connected to; nothing was sent. */
  | { readonly kind: "refused" }
  /** Stable, lower-case, dash-separated words; never an address, a header or a body. */
  | { readonly kind: "failed"; readonly reason: string };

export type GuardedPostOptions = {
  /** For everything: resolving, connecting, sending, and the answer. */
  readonly deadlineMs: number;
  readonly retryAfterMsMax: number;
};

export type GuardedClient = {
  readonly post: (call: GuardedCall, options: GuardedPostOptions) => Promise<GuardedResult>;
  /** Waits for what is in flight (each call has its deadline), then ends all connections. */
  readonly close: () => Promise<void>;
};

export type GuardOptions = {
  /** Asked of every address before it is connected to, and of the far end of the connection. */
  readonly mayConnect: (address: string) => boolean;
  readonly resolve: ResolveName;
};

export function createGuardedClient(guard: GuardOptions): GuardedClient {
  const agent = new Agent({
    connect: createGuardedConnector(guard),
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // The one total deadline stands above these two, which only watch for silence.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const inFlight = new Set<Promise<GuardedResult>>();
  let closed = false;
  return {
    async post(call, options) {
      const url = URL.parse(call.url);
      if (url === null || !/^https?:$/.test(url.protocol)) return failed("invalid-request");
      if (closed) return failed("closed");
      const result = dispatch(agent, url, call, options);
      inFlight.add(result);
      return result.finally(() => inFlight.delete(result));
    },
    async close() {
      closed = true;
      await Promise.all(inFlight);
      await agent.destroy();
    },
  };
}

function createGuardedConnector({ mayConnect, resolve }: GuardOptions): buildConnector.connector {
  const lookup: LookupFunction = (name, _options, callback) => {
    findAddresses(name).then(
      (addresses) => callback(null, addresses),
      (error) => callback(error, []),
    );
  };
  async function findAddresses(name: string): Promise<LookupAddress[]> {
    const addresses = await resolve(name).catch(() => []);
    if (addresses.length === 0) throw codedError("ENOTFOUND");
    // One bad address condemns the name: whoever owns it chose them all.
    if (!addresses.every(mayConnect)) throw codedError(REFUSED);
    return addresses.map((address) => ({ address, family: isIP(address) }));
  }
  const connect = buildConnector({
    lookup,
    allowH2: false,
    timeout: CONNECT_TIMEOUT_MS,
    // Said out loud, because the environment can turn Node's default off.
    rejectUnauthorized: true,
    // Makes Node ask for all addresses at once, which is the form that `lookup` answers in.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: CONNECT_ADDRESS_TIMEOUT_MS,
  });
  return (target, callback) => {
    // Node does not look an address up, so a literal one is judged here.
    if (isIP(target.hostname) !== 0 && !mayConnect(target.hostname)) {
      queueMicrotask(() => callback(codedError(REFUSED), null));
      return;
    }
    connect(target, (error, socket) => {
      if (error !== null) return callback(error, null);
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && mayConnect(remoteAddress)) return callback(null, socket);
      socket.destroy();
      // A peer that has hung up already has no address left to judge.
      callback(codedError(remoteAddress === undefined ? "ECONNRESET" : REFUSED), null);
    });
  };
}

/** One request: settles once, by the answer, a failure or the deadline, whichever comes first. */
function dispatch(
  agent: Agent,
  url: URL,
  call: GuardedCall,
  options: GuardedPostOptions,
): Promise<GuardedResult> {
  const { promise, resolve } = Promise.withResolvers<GuardedResult>();
  const deadlineAt = performance.now() + options.deadlineMs;
  let settled = false;
  let abort: ((reason: Error) => void) | null = null;
  /** Stands from the moment the status is known, whatever becomes of the body. */
  let answer: GuardedResult | null = null;
  let bodyBytes = 0;
  let timer = setTimeout(giveUp, options.deadlineMs);

  function settle(result: GuardedResult): void {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    resolve(answer ?? result);
  }

  function giveUp(): void {
    settle(failed("deadline"));
    abort?.(new Error("deadline"));
  }

  agent.dispatch(
    {
      origin: url.origin,
      path: url.pathname + url.search,
      method: "POST",
      headers: { "user-agent": "volley", "accept-encoding": "identity", ...call.headers },
      body: call.body,
    },
    {
      onRequestStart(controller) {
        // A throw here makes undici drop the request unwritten; see http-client.ts.
        if (settled || abort !== null) throw new Error("This request must not be written.");
        abort = (reason) => controller.abort(reason);
      },
      onResponseStart(_controller, status, rawHeaders) {
        if (status < 200) return;
        const retryAfterMs = readRetryAfterMs(joinHeaders(rawHeaders), options.retryAfterMsMax);
        answer = { kind: "answered", status, retryAfterMs };
        clearTimeout(timer);
        timer = setTimeout(giveUp, Math.min(BODY_WAIT_MS, Math.max(0, deadlineAt - performance.now())));
      },
      onResponseData(_controller, chunk) {
        bodyBytes += chunk.length;
        if (bodyBytes <= BODY_BYTES_MAX) return;
        settle(failed("body-too-large"));
        // Ends the exchange and its connection; aborting from here would let undici's parser run on.
        throw new Error("body-too-large");
      },
      onResponseEnd() {
        settle(failed("malformed-response"));
      },
      onResponseError(_controller, error) {
        settle(readFailure(error, url.protocol, abort !== null));
      },
    },
  );
  return promise;
}

function readFailure(error: Error, protocol: string, isStarted: boolean): GuardedResult {
  if ("code" in error && error.code === REFUSED) return { kind: "refused" };
  return failed(isStarted ? readExchangeFailure(error) : readConnectFailure(error, protocol));
}

function codedError(code: string): Error {
  return Object.assign(new Error(`Not connected: ${code}.`), { code });
}

function failed(reason: string): GuardedResult {
  return { kind: "failed", reason };
}
