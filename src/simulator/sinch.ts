// Sinch's SMS API (xms/v1) as its documents describe it (read 2026-11-22).
//
//   https://developers.sinch.com/docs/identity-access-management/authenticate/oauth2    token            [auth]
//   https://developers.sinch.com/docs/sms/api-reference                                 batches          [api]
//   https://developers.sinch.com/docs/sms/api-reference/status-codes                    refusals         [codes]
//   https://developers.sinch.com/docs/errors/registry                                   problem types    [errors]
//   sinch/sinch-sdk-node, packages/sms and packages/sdk-client                          what clients see [node]
//
// Left out: questions about the reports of one recipient or of all batches, and filters of them, dry runs, changes and cancellation of a batch, Basic login (for trials only [auth]).

import { randomBytes } from "node:crypto";
import { measureText } from "../domain/sms-text.ts";
import { createTokenDesk, type TokenCheck, type TokenDialect, type TokenSettings } from "./oauth.ts";
import {
  type FaultStatus,
  hasMediaType,
  type Incoming,
  jsonReply,
  type Reply,
  rawJsonReply,
  type SendRefused,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
} from "./provider.ts";
import { createSinchReports, describeSinchBatch, orderSinchReports } from "./reports-sinch.ts";
import { defineSimulated } from "./simulated.ts";
import { createSinchBatches, type SinchBatch } from "./sinch-batches.ts";
import { LIFE_MAX_MS, readSinchBatch, type SinchBatchRequest } from "./sinch-request.ts";
import { createTextOf } from "./sinch-text.ts";

export type SinchSettings = {
  readonly projectId: string;
  /** The other login: this plan, by a fixed token. */
  readonly servicePlanId: string;
  readonly apiToken: string;
  /** Where the account's delivery reports would go; null: a batch that wants them must name an address. */
  readonly defaultCallbackUrl: string | null;
  /** Signs the delivery reports; null: they go out unsigned. */
  readonly hmacSecret: string | null;
};

/** [errors] The problem types' own words. */
const PROBLEMS = {
  "invalid-credentials": "Invalid credentials",
  "access-token-expired": "Access token expired",
  "permission-denied": "Permission denied",
  "too-many-requests": "Too many requests",
  "validation-error": "Validation error",
  "not-found": "Not found",
} as const;

// [auth] Bearer in lower case, an empty scope. Which status and body a wrong key gets is not documented: 401 and
// the registry's shape are ASSUMED. A 429 comes without Retry-After [node].
const dialect: TokenDialect = {
  tokenType: "bearer",
  tokenForm: "jwt",
  credentials: "basic",
  hasScopes: false,
  refuse: (why, detail) => {
    switch (why) {
      case "client":
        return problem(401, "invalid-credentials", detail);
      case "method":
      case "grant":
      case "request":
        return problem(400, "validation-error", detail);
      case "scope":
        return problem(403, "permission-denied", detail);
      case "rate":
        return problem(429, "too-many-requests", detail);
      default:
        return why satisfies never;
    }
  },
  grant: (body) => jsonReply(200, body),
};

const BATCHES_PATH = /^\/xms\/v1\/([^/]+)\/batches(?:\/([^/]+)(\/delivery_report)?)?$/;

type Path = { readonly accountId: string; readonly batchId: string | null; readonly isReport: boolean };

export const sinchSimulated = defineSimulated<SinchSettings>({
  credentials: { projectId: "demo-project", keyId: "demo-id", keySecret: "demo-secret" },
  defaults: {
    // A bucket of 30 that refills at 10 a second [node, oauth2-token.request.ts].
    tokenRate: { burst: 30, perSecond: 10 },
    projectId: "demo-project",
    servicePlanId: "demo-plan",
    apiToken: "demo-token",
    defaultCallbackUrl: null,
    hmacSecret: null,
  },
  build: createSinch,
});

function createSinch(
  settings: TokenSettings & SinchSettings,
  { faults, clock, fateAt }: SimulatorTools,
): SimulatedProvider {
  const tokens = createTokenDesk(settings, dialect, clock);
  const batches = createSinchBatches();
  const nextId = createIds();

  /** The id in the path belongs to the login: a project to OAuth2, a service plan to a fixed token [node]. */
  function refuseLogin(incoming: Incoming, path: Path): Reply | null {
    const { authorization } = incoming.headers;
    const check = tokens.check(authorization);
    const byPlan = check.kind !== "good" && authorization === `Bearer ${settings.apiToken}`;
    if (check.kind !== "good" && !byPlan) return unauthorized(check.kind);
    const ownId = byPlan ? settings.servicePlanId : settings.projectId;
    // [codes] 404 for a wrong id; its body is ASSUMED.
    return path.accountId === ownId ? null : problem(404, "not-found", "No such project or service plan.");
  }

  function readSend(incoming: Incoming): SendRequest | SendRefused {
    const path = readPath(incoming.path);
    const refusal = path === null ? notFound() : refuseLogin(incoming, path);
    if (refusal !== null) return refused(refusal);
    // [codes] 415: the header is missing or another.
    if (!hasMediaType(incoming, "application/json")) {
      return refused(problem(415, "validation-error", "Send application/json."));
    }
    const reading = readSinchBatch(incoming.body, {
      defaultCallbackUrl: settings.defaultCallbackUrl,
      isRejected: faults.isRejected,
      wallMs: clock.wallMs(),
    });
    if (reading.ok) return takeable(reading.request);
    const { status, code, text } = reading.refusal;
    return { ...reading, kind: "refused", reply: jsonReply(status, { code, text }) };
  }

  function takeable(request: SinchBatchRequest): SendRequest {
    const { recipients, reference, body, parameters } = request;
    const textOf = createTextOf(body, parameters);
    const { segments, doomed } = measureAll(request, textOf);
    return {
      kind: "send",
      reference,
      recipients,
      segments,
      textOf: (index) => textOf(recipients[index] ?? ""),
      accept: (incomplete) => {
        const createdAtMs = clock.wallMs();
        const answer = describeBatch(nextId(), request, createdAtMs);
        const json = JSON.stringify(answer);
        const { from } = request.fields;
        const sender = typeof from === "string" ? from : null;
        batches.add({ id: answer.id, createdAtMs, reference, from: sender, json, doomed });
        const { defaultCallbackUrl } = settings;
        const order = orderSinchReports(request, { id: answer.id, defaultCallbackUrl, textOf });
        const reports = order === null ? [] : [order];
        if (!incomplete) return { ...rawJsonReply(201, json), reports };
        const some = recipients.filter((_recipient, index) => index % 2 === 1);
        return { ...jsonReply(201, { ...answer, to: some }), reports };
      },
    };
  }

  function answerLookUp(incoming: Incoming, path: Path): Reply {
    const refusal = refuseLogin(incoming, path);
    if (refusal !== null) return refusal;
    if (path.batchId !== null) {
      const batch = batches.find(path.batchId);
      if (batch === null) return notFound();
      return path.isReport ? answerReport(incoming, batch) : rawJsonReply(200, batch.json);
    }
    const now = { wallMs: clock.wallMs(), lagMs: faults.lookUpLagMs() };
    const listing = batches.list(incoming.query, now);
    if (listing.ok) return rawJsonReply(200, listing.json);
    return jsonReply(400, { code: listing.code, text: listing.text });
  }

  /** [api] `summary` unless `full` is asked for. */
  function answerReport({ query }: Incoming, batch: SinchBatch): Reply {
    const type = new URLSearchParams(query).get("type") ?? "summary";
    if (type === "full" || type === "summary") {
      return rawJsonReply(200, describeSinchBatch(batch, type === "full", fateAt));
    }
    return jsonReply(400, { code: "syntax_constraint_violation", text: "type is summary or full." });
  }

  return {
    tokenPath: "/oauth2/token",
    tokens,
    isSend: ({ method, path }) => method === "POST" && readPath(path)?.batchId === null,
    readSend,
    isLookUp: ({ method, path }) => method === "GET" && readPath(path) !== null,
    answerOther: (incoming) => {
      const path = readPath(incoming.path);
      if (path === null) return notFound();
      if (incoming.method === "GET") return answerLookUp(incoming, path);
      // [codes] 405: the path is right and the verb is not. The body is ASSUMED.
      const allowed = path.batchId === null ? "GET, POST" : "GET";
      return problem(405, "validation-error", "The method is not allowed here.", ["Allow", allowed]);
    },
    faultReply,
    reports: createSinchReports(settings, clock),
    reset: batches.clear,
  };
}

/** [api] Numbers come back without a plus; what was not asked for is left out. That the parameters are, too, is ASSUMED. */
function describeBatch(id: string, request: SinchBatchRequest, createdAtMs: number) {
  const { to: _to, from, body, parameters: _parameters, ...optional } = request.fields;
  const { send_at: sendAt } = optional;
  const startMs = typeof sendAt === "string" ? Date.parse(sendAt) : createdAtMs;
  const created = new Date(createdAtMs).toISOString();
  return {
    id,
    to: request.recipients,
    ...(from === undefined ? {} : { from }),
    canceled: false,
    body,
    type: "mt_text",
    created_at: created,
    modified_at: created,
    delivery_report: "none",
    expire_at: new Date(startMs + LIFE_MAX_MS).toISOString(),
    flash_message: false,
    ...optional,
  };
}

const NOBODY: ReadonlySet<string> = new Set();

function measureAll(
  request: SinchBatchRequest,
  textOf: (digits: string) => string | null,
): { readonly segments: number; readonly doomed: ReadonlySet<string> } {
  const { recipients, body, fields } = request;
  if (fields.parameters === undefined) {
    return { segments: measureText(body).segments * recipients.length, doomed: NOBODY };
  }
  const doomed = new Set<string>();
  let segments = 0;
  for (const recipient of recipients) {
    const text = textOf(recipient);
    if (text === null) doomed.add(recipient);
    else segments += measureText(text).segments;
  }
  return { segments, doomed };
}

function readPath(path: string): Path | null {
  const match = BATCHES_PATH.exec(path);
  if (match === null) return null;
  return { accountId: match[1] ?? "", batchId: match[2] ?? null, isReport: match[3] !== undefined };
}

function unauthorized(why: Exclude<TokenCheck["kind"], "good">): Reply {
  // [node] The official client refreshes only when this header holds the word "expired"; its form is RFC 6750's.
  if (why === "expired") {
    const challenge = 'Bearer error="invalid_token", error_description="The access token expired"';
    return problem(401, "access-token-expired", "The access token expired.", ["WWW-Authenticate", challenge]);
  }
  return problem(401, "invalid-credentials", "The access token is not valid.", [
    "WWW-Authenticate",
    "Bearer",
  ]);
}

/** The bodies are ASSUMED but for the shape of 403 [codes]; 500, 502, 503 and 504 have none that is documented. */
function faultReply(status: FaultStatus): Reply {
  switch (status) {
    case 401:
      return unauthorized("expired");
    case 403:
      return jsonReply(403, { code: "blocked_account", text: "The account is blocked." });
    case 429:
      return problem(429, "too-many-requests", "Too many requests.");
    case 500:
    case 502:
    case 503:
    case 504:
      return { status, headers: ["Content-Type", "text/plain"], body: "" };
    default:
      return status satisfies never;
  }
}

function notFound(): Reply {
  return problem(404, "not-found", "Nothing is here.");
}

function refused(reply: Reply): SendRefused {
  return { kind: "refused", reply, reference: null, recipients: [] };
}

/** [errors] */
function problem(
  status: number,
  type: keyof typeof PROBLEMS,
  detail: string,
  headers: readonly string[] = [],
): Reply {
  const url = `https://developers.sinch.com/docs/errors/registry/${type}`;
  return jsonReply(status, { type: url, title: PROBLEMS[type], detail }, headers);
}

/** 26 characters like the sample's; a counter at the end, because thousands a second are asked for. */
function createIds(): () => string {
  const prefix = `01${randomBytes(8).toString("hex").toUpperCase()}`;
  let count = 0;
  return () => {
    count += 1;
    return prefix + count.toString(32).toUpperCase().padStart(8, "0");
  };
}
