// The control door, for tests and people in other processes: questions to the journal and changes at run time.
//
//   GET  /_/summary                          GET  /_/recipients?provider=sinch     (ndjson)
//   POST /_/faults   {"provider", "faults": ["drop-before=0.1"]}
//   POST /_/rate     {"provider", "requestsPerSecond", "segmentsPerSecond", "retryAfterSeconds"}
//   POST /_/latency  {"provider", "latencyMs", "latencyJitterMs"}
//   POST /_/reports  {"provider", "undeliveredShare", "delayMs", "inboundUrl" and the rest of report-settings.ts}
//   POST /_/inbound  {"provider", "from", "to", "text"}     POST /_/opt-out {"provider", "number"}
//   POST /_/revoke-tokens {"provider"}       POST /_/reset {"provider"}
//
// `provider` may be left out of a POST: then it means all. It listens on loopback only and has no login.

import { VolleyError } from "../domain/errors.ts";
import { parseFault } from "./faults.ts";
import { type JsonObject, parseJsonBody } from "./json-body.ts";
import type { Line } from "./line.ts";
import { type Incoming, jsonReply, type Reply } from "./provider.ts";

export type Lines = ReadonlyMap<string, Line>;

export const CONTROL_PREFIX = "/_";

type Change = (line: Line, body: JsonObject) => void;

const CHANGES: ReadonlyMap<string, Change> = new Map<string, Change>([
  ["/faults", (line, body) => line.setFaults(readTexts(body, "faults").map(parseFault))],
  [
    "/rate",
    (line, body) =>
      line.setRate({
        ...readLimit(body, "requestsPerSecond"),
        ...readLimit(body, "segmentsPerSecond"),
        ...readLimit(body, "retryAfterSeconds"),
      }),
  ],
  [
    "/latency",
    (line, body) =>
      line.setLatency({ ...readNumber(body, "latencyMs"), ...readNumber(body, "latencyJitterMs") }),
  ],
  [
    "/reports",
    (line, body) =>
      line.reports.setSettings({
        ...readNumber(body, "delayMs"),
        ...readNumber(body, "undeliveredShare"),
        ...readNumber(body, "retryScale"),
        ...readNumber(body, "copies"),
        ...readNumber(body, "strays"),
        ...readLimit(body, "perPostMax"),
        ...readFlag(body, "reversed"),
        ...readFlag(body, "early"),
        ...readAddress(body, "url"),
        ...readAddress(body, "inboundUrl"),
        ...readAddress(body, "authorization"),
      }),
  ],
  // Whether the receiver takes it shows in the summary; nobody waits here.
  [
    "/inbound",
    (line, body) => {
      const sms = { from: readText(body, "from"), to: readText(body, "to"), text: readText(body, "text") };
      void line.reports.sendInbound(sms);
    },
  ],
  ["/opt-out", (line, body) => void line.reports.sendOptOut(readText(body, "number"))],
  ["/revoke-tokens", (line) => line.revokeTokens()],
  ["/reset", (line) => line.reset()],
]);

export function answerControl(incoming: Incoming, lines: Lines): Reply {
  try {
    if (incoming.method === "GET") return answerQuestion(incoming, lines);
    const change = incoming.method === "POST" ? CHANGES.get(incoming.path) : undefined;
    if (change === undefined) return jsonReply(404, { error: "No such control." });
    const body = incoming.body.length === 0 ? {} : parseJsonBody(incoming.body);
    if (body === null) throw usage("the body is not a JSON object");
    for (const line of chosenLines(body.provider, lines)) change(line, body);
    return jsonReply(200, { ok: true });
  } catch (error) {
    if (error instanceof VolleyError) return jsonReply(400, { error: error.message });
    throw error;
  }
}

function answerQuestion(incoming: Incoming, lines: Lines): Reply {
  if (incoming.path === "/summary") {
    return jsonReply(200, Object.fromEntries([...lines].map(([name, line]) => [name, summarize(line)])));
  }
  if (incoming.path !== "/recipients") return jsonReply(404, { error: "No such question." });
  const name = new URLSearchParams(incoming.query).get("provider");
  if (name === null) throw usage("the query has no provider");
  const rows = chosenLines(name, lines).flatMap((line) => [...line.journal.acceptedPerRecipient()]);
  const body = rows.map(([number, count]) => `${JSON.stringify({ number, count })}\n`).join("");
  return { status: 200, headers: ["Content-Type", "application/x-ndjson"], body };
}

function summarize({ journal, reports, tokenCalls }: Line) {
  return {
    accepted: journal.accepted(),
    recipients: journal.acceptedPerRecipient().size,
    duplicates: journal.duplicateCount(),
    calls: journal.callCount(),
    callsByStatus: journal.callsByStatus(),
    lookUps: journal.lookUps(),
    tokenCalls: tokenCalls().length,
    peakInSlidingSecond: journal.peak(),
    reports: reports.counts(),
  };
}

function chosenLines(name: unknown, lines: Lines): readonly Line[] {
  if (name === undefined) return [...lines.values()];
  for (const [known, line] of lines) if (known === name) return [line];
  throw usage(`provider must be one of ${[...lines.keys()].join(", ")}`);
}

function readTexts(body: JsonObject, name: string): readonly string[] {
  const value = body[name];
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw usage(`${name} must be a list of texts`);
}

function readText(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value === "string") return value;
  throw usage(`${name} must be a text`);
}

function readAddress<Name extends string>(body: JsonObject, name: Name): { [_ in Name]?: string | null } {
  if (body[name] === undefined) return {};
  const field: { [_ in Name]?: string | null } = {};
  field[name] = body[name] === null ? null : readText(body, name);
  return field;
}

function readFlag<Name extends string>(body: JsonObject, name: Name): { [_ in Name]?: boolean } {
  const value = body[name];
  if (value === undefined) return {};
  if (typeof value !== "boolean") throw usage(`${name} must be true or false`);
  const field: { [_ in Name]?: boolean } = {};
  field[name] = value;
  return field;
}

/** Nothing when the field is absent, so that the setting stays. */
function readNumber<Name extends string>(body: JsonObject, name: Name): { [_ in Name]?: number } {
  const value = body[name];
  if (value === undefined) return {};
  if (typeof value !== "number") throw usage(`${name} must be a number`);
  const field: { [_ in Name]?: number } = {};
  field[name] = value;
  return field;
}

function readLimit<Name extends string>(body: JsonObject, name: Name): { [_ in Name]?: number | null } {
  if (body[name] !== null) return readNumber(body, name);
  const field: { [_ in Name]?: number | null } = {};
  field[name] = null;
  return field;
}

function usage(reason: string): VolleyError {
  return new VolleyError("usage", `Cannot control the simulator: ${reason}.`);
}
