// The simulated providers on loopback: one HTTP server, a path prefix for each, and the control door.
//
// Bare node:http, because the simulator must outrun what it measures and must be able to mistreat sockets. It
// collects a request's body, picks the line by the prefix, and leaves the rest to it.

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { VolleyError } from "../domain/errors.ts";
import { answerControl, CONTROL_PREFIX, type Lines } from "./control.ts";
import { deliver } from "./deliver.ts";
import { digitsOf, type FaultRule } from "./faults.ts";
import type { CallRecord, Duplicate } from "./journal.ts";
import type { LatencySettings, Line, RateSettings } from "./line.ts";
import type { TokenCall } from "./oauth.ts";
import { optionsForAll, type ProviderOptions, type SimulatorOptions, systemClock } from "./options.ts";
import { type Incoming, jsonReply } from "./provider.ts";
import type { Peak } from "./rate-window.ts";
import { type SimulatedProviderName, simulatedProviders } from "./registry.ts";
import type { ReportCounts } from "./report-counts.ts";
import type { InboundSms } from "./report-order.ts";
import type { ReportSettings } from "./report-settings.ts";
import type { Simulated } from "./simulated.ts";

export type Simulator<Name extends string = SimulatedProviderName> = {
  /** `${url}/sinch`, `${url}/infobip` and so on are what an account's `baseUrl` takes. */
  readonly url: string;
  readonly baseUrl: (provider: Name) => string;
  readonly tokenUrl: (provider: Name) => string;
  /** Messages, not requests. */
  readonly accepted: (provider: Name) => number;
  /** Keys are digits only. */
  readonly acceptedPerRecipient: (provider: Name) => ReadonlyMap<string, number>;
  readonly refusedPerRecipient: (provider: Name) => ReadonlyMap<string, number>;
  readonly acceptedPerReference: (provider: Name) => ReadonlyMap<string, number>;
  /** With `keepDetails`; null stands for a message accepted that lacks a parameter and will never be sent. */
  readonly texts: (provider: Name, recipient: string) => readonly (string | null)[];
  readonly calls: (provider: Name) => readonly CallRecord[];
  readonly callCount: (provider: Name) => number;
  readonly lookUps: (provider: Name) => number;
  readonly tokenCalls: (provider: Name) => readonly TokenCall[];
  readonly peakInSlidingSecond: (provider: Name) => Peak;
  /** Over all providers when none is named. */
  readonly duplicates: (provider?: Name) => readonly Duplicate[];
  readonly untilCalls: (provider: Name, count: number) => Promise<void>;
  readonly untilAccepted: (provider: Name, count: number) => Promise<void>;
  /** Messages whose final report was answered with a 2xx, and what became of the others. */
  readonly reported: (provider: Name) => ReportCounts;
  /** What the final report about a message to this person says; the seed decides, not the order. */
  readonly fate: (provider: Name, recipient: string) => "delivered" | "undelivered";
  readonly untilReported: (provider: Name, count: number) => Promise<void>;
  /** Settles when no final report is outstanding. */
  readonly untilReportsSettled: (provider: Name) => Promise<void>;
  readonly setReports: (provider: Name, change: Partial<ReportSettings>) => void;
  /** POSTs it to `inboundUrl`. The last try's status; null: never answered. */
  readonly sendInbound: (provider: Name, sms: InboundSms) => Promise<number | null>;
  /** SMS.CX alone has such an event. */
  readonly sendOptOut: (provider: Name, number: string) => Promise<number | null>;
  readonly setFaults: (provider: Name, rules: readonly FaultRule[]) => void;
  readonly setRate: (provider: Name, change: Partial<RateSettings>) => void;
  readonly setLatency: (provider: Name, change: Partial<LatencySettings>) => void;
  readonly revokeTokens: (provider: Name) => void;
  readonly reset: (provider?: Name) => void;
  /** Cuts every connection, hanging calls too, and sends no more reports. */
  readonly close: () => Promise<void>;
};

const HOST = "127.0.0.1";
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const KEEP_ALIVE_MS = 65_000;
const NO_BYTES = Buffer.alloc(0);

export function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return createSimulatorOf(simulatedProviders, options);
}

/** Of other providers than the registry's, for whoever builds one. */
export async function createSimulatorOf<Name extends string>(
  kinds: Readonly<Record<Name, Simulated>>,
  options: SimulatorOptions = {},
): Promise<Simulator<Name>> {
  const lines = createLines(kinds, options);
  const byPrefix = new Map<string, Line>([...lines].map(([name, line]) => [`/${name}`, line]));
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    collectBody(request, response, (body) => route(request, body, response, byPrefix, lines));
  });
  const port = options.port ?? 0;
  server.listen(port, HOST);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new VolleyError("port_taken", `Cannot listen on ${HOST}:${port} for the simulator.`, { cause });
  }
  // A TCP server that listens has an AddressInfo.
  const url = `http://${HOST}:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    for (const line of lines.values()) line.close();
    await closed;
  };
  return describeSimulator(url, lines, close);
}

function createLines(kinds: Readonly<Record<string, Simulated>>, options: SimulatorOptions): Lines {
  const { clock = systemClock, seed = 1, keepDetails = false } = options;
  const forAll = optionsForAll(options);
  const own: Readonly<Record<string, ProviderOptions | undefined>> = options.providers ?? {};
  return new Map(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      kind.open(name, { forAll, own: own[name] }, { clock, seed, keepDetails }),
    ]),
  );
}

function describeSimulator<Name extends string>(
  url: string,
  lines: Lines,
  close: () => Promise<void>,
): Simulator<Name> {
  const at = (provider: Name): Line => {
    const line = lines.get(provider);
    if (line === undefined) throw new VolleyError("usage", `There is no simulated provider ${provider}.`);
    return line;
  };
  const chosen = (provider: Name | undefined) =>
    provider === undefined ? [...lines.values()] : [at(provider)];
  return {
    url,
    baseUrl: (provider) => `${url}/${provider}`,
    tokenUrl: (provider) => `${url}/${provider}${at(provider).tokenPath ?? ""}`,
    accepted: (provider) => at(provider).journal.accepted(),
    acceptedPerRecipient: (provider) => at(provider).journal.acceptedPerRecipient(),
    refusedPerRecipient: (provider) => at(provider).journal.refusedPerRecipient(),
    acceptedPerReference: (provider) => at(provider).journal.acceptedPerReference(),
    texts: (provider, recipient) => at(provider).journal.texts(recipient.replace(/^\+/, "")),
    calls: (provider) => at(provider).journal.calls(),
    callCount: (provider) => at(provider).journal.callCount(),
    lookUps: (provider) => at(provider).journal.lookUps(),
    tokenCalls: (provider) => at(provider).tokenCalls(),
    peakInSlidingSecond: (provider) => at(provider).journal.peak(),
    duplicates: (provider) => chosen(provider).flatMap(({ journal }) => journal.duplicates()),
    untilCalls: (provider, count) => at(provider).journal.untilCalls(count),
    untilAccepted: (provider, count) => at(provider).journal.untilAccepted(count),
    reported: (provider) => at(provider).reports.counts(),
    fate: (provider, recipient) => at(provider).reports.fate(digitsOf(recipient)),
    untilReported: (provider, count) => at(provider).reports.untilReported(count),
    untilReportsSettled: (provider) => at(provider).reports.untilSettled(),
    setReports: (provider, change) => at(provider).reports.setSettings(change),
    sendInbound: async (provider, sms) => at(provider).reports.sendInbound(sms),
    sendOptOut: async (provider, number) => at(provider).reports.sendOptOut(number),
    setFaults: (provider, rules) => at(provider).setFaults(rules),
    setRate: (provider, change) => at(provider).setRate(change),
    setLatency: (provider, change) => at(provider).setLatency(change),
    revokeTokens: (provider) => at(provider).revokeTokens(),
    reset: (provider) => {
      for (const line of chosen(provider)) line.reset();
    },
    close,
  };
}

/** Nearly every body is one piece: that one is passed on without a copy. */
function collectBody(request: IncomingMessage, response: ServerResponse, done: (body: Buffer) => void): void {
  let first: Buffer | null = null;
  let pieces: Buffer[] | null = null;
  let bytes = 0;
  request.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) {
      deliver(response, jsonReply(413, { message: "Request Too Long" }, ["Connection", "close"]));
      request.removeAllListeners("data").removeAllListeners("end").resume();
      return;
    }
    if (first === null) first = piece;
    else {
      pieces ??= [first];
      pieces.push(piece);
    }
  });
  request.on("end", () => done(pieces === null ? (first ?? NO_BYTES) : Buffer.concat(pieces)));
}

function route(
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  byPrefix: ReadonlyMap<string, Line>,
  lines: Lines,
): void {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  const whole = mark < 0 ? url : url.slice(0, mark);
  const slash = whole.indexOf("/", 1);
  const prefix = slash < 0 ? whole : whole.slice(0, slash);
  const incoming: Incoming = {
    method: request.method ?? "GET",
    path: slash < 0 ? "/" : whole.slice(slash),
    query: mark < 0 ? "" : url.slice(mark + 1),
    headers: request.headers,
    body,
  };
  const line = byPrefix.get(prefix);
  if (line !== undefined) line.handle(incoming, response);
  else if (prefix === CONTROL_PREFIX) deliver(response, answerControl(incoming, lines));
  else deliver(response, jsonReply(404, { error: `No provider is simulated at ${prefix}.` }));
}
