// What a simulated provider is to the rest of the simulator: it reads requests and words replies, nothing else.
//
// Sockets, latency, faults, rates and the journal are shared (line.ts). One file a provider, written from the
// vendor's documents and never from our adapters, so that the two can disagree.

import type { IncomingHttpHeaders } from "node:http";
import type { InnerFaultName } from "./faults.ts";
import type { TokenDesk } from "./oauth.ts";
import type { FateAt, ReportOrder, ReportWire } from "./report-order.ts";

export type Clock = {
  /** Never goes back: rates, token lives, arrival times. */
  readonly nowMs: () => number;
  /** What the provider writes into its replies and compares dates with. */
  readonly wallMs: () => number;
};

export type Incoming = {
  readonly method: string;
  /** Below the provider's prefix, without the query. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type Reply = {
  readonly status: number;
  /** Name, value, name, value: the form that node:http writes fastest. Without content-length. */
  readonly headers: readonly string[];
  readonly body: string;
};

/** The reply to a request that was taken. */
export type SendAnswer = Reply & {
  /** By index: recipients who are named in the request and refused in the reply. Left out: nobody. */
  readonly refused?: ReadonlySet<number>;
  /** What the provider will have to report. Left out: nothing. */
  readonly reports?: readonly ReportOrder[];
};

/** A send request that the provider would take. Nothing has been taken before `accept`. */
export type SendRequest = {
  readonly kind: "send";
  readonly reference: string | null;
  /** Digits only, in the order of the request. */
  readonly recipients: readonly string[];
  readonly segments: number;
  /** What the recipient reads; null when the provider takes the message and cannot send it later. */
  readonly textOf: (index: number) => string | null;
  /** The provider has taken this request before: it answers again and takes nothing. */
  readonly replay?: boolean;
  /** Takes the messages. `incomplete` asks for a reply that leaves items out. */
  readonly accept: (incomplete: boolean) => SendAnswer;
};

export type SendRefused = {
  readonly kind: "refused";
  readonly reply: Reply;
  /** Known only when the request could be read as far as them. */
  readonly reference: string | null;
  readonly recipients: readonly string[];
};

/** The statuses that a fault can ask for; the provider knows the body that goes with each. */
export type FaultStatus = 401 | 403 | 429 | 500 | 502 | 503 | 504;

export type SimulatedProvider = {
  /** Null, and no tokens: accounts log in with a key. */
  readonly tokenPath: string | null;
  readonly tokens: TokenDesk | null;
  readonly isSend: (incoming: Incoming) => boolean;
  readonly readSend: (incoming: Incoming) => SendRequest | SendRefused;
  /** Look-ups, and whatever else arrives: wrong paths and verbs. */
  readonly answerOther: (incoming: Incoming) => Reply;
  readonly isLookUp: (incoming: Incoming) => boolean;
  readonly faultReply: (status: FaultStatus) => Reply;
  readonly reports: ReportWire;
  /** Says in how many seconds (or when: any value of `Retry-After`) to come back; left out: by `Retry-After`. */
  readonly withWait?: (reply: Reply, value: string) => Reply;
  /** Forgets what it has taken, not who may log in. */
  readonly reset: () => void;
};

/** What the fault settings mean to a provider that is reading a request. */
export type ProviderFaults = {
  /** By digits. */
  readonly isRejected: (recipient: string) => boolean;
  readonly lookUpLagMs: () => number;
  /** Throws the dice of a fault that only the provider itself can play. */
  readonly strikes: (name: InnerFaultName) => boolean;
};

/** How many more requests fit into this second; null where there is no limit. */
export type RequestsLeft = () => { readonly limit: number; readonly left: number } | null;

/** What a simulated provider may use while it works. */
export type SimulatorTools = {
  readonly clock: Clock;
  readonly faults: ProviderFaults;
  readonly fateAt: FateAt;
  readonly requestsLeft: RequestsLeft;
};

const JSON_HEADERS = ["Content-Type", "application/json"] as const;

export function jsonReply(status: number, value: unknown, headers: readonly string[] = []): Reply {
  return rawJsonReply(status, JSON.stringify(value), headers);
}

export function rawJsonReply(status: number, body: string, headers: readonly string[] = []): Reply {
  return { status, headers: headers.length === 0 ? JSON_HEADERS : [...JSON_HEADERS, ...headers], body };
}

export function withRetryAfter(reply: Reply, value: string): Reply {
  return { ...reply, headers: [...reply.headers, "Retry-After", value] };
}

/** Media types are compared without case and parameters (RFC 9110, 8.3.1). */
export function hasMediaType(incoming: Incoming, type: string): boolean {
  const given = incoming.headers["content-type"];
  if (given === type) return true;
  return given !== undefined && given.split(";", 1)[0]?.trim().toLowerCase() === type;
}
