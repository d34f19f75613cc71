// Errors -> problem+json: the only place that decides what a caller of the API hears when something is wrong.
//
// A handler throws a VolleyError, or `refuse(...)` for what only HTTP knows. Anything else is a fault of ours or of
// the database: the caller hears no more than that, and the log what happened, without any value of the request.

import type { FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import { type ErrorCode, VolleyError } from "../domain/errors.ts";
import { isJsonObject } from "../platform/json.ts";
import type { Logger } from "../platform/log.ts";
import { describeDatabaseError, isUnreachable, sqlStateOf } from "../platform/postgres.ts";
import { type FieldFault, type Problem, type ProblemCode, problemCodes } from "./contract/problem.ts";
import { seldom } from "./seldom.ts";

export type Refusal = {
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
  readonly headers?: Readonly<Record<string, string>>;
};

const RETRY_AFTER_SECONDS = "5";
const AWAY: Refusal = {
  code: "unavailable",
  detail:
    "The database cannot be used at the moment. Try again, with an Idempotency-Key: what lost its answer may be done.",
  headers: { "retry-after": RETRY_AFTER_SECONDS },
};

const refusals = new WeakMap<Error, Refusal>();

/** An error to throw from a hook or a handler. */
export function refuse(refusal: Refusal): Error {
  const error = new Error(refusal.code);
  refusals.set(error, refusal);
  return error;
}

export function notFound(what: string): Error {
  return refuse({ code: "not_found", detail: `There is no such ${what}.` });
}

export function invalid(path: string, message: string): Error {
  return refuse({ code: "invalid_request", detail: `${path}: ${message}`, errors: [{ path, message }] });
}

export function sendProblem(reply: FastifyReply, { code, detail, errors, headers }: Refusal): FastifyReply {
  const { status, title } = problemCodes[code];
  const problem: Problem = {
    type: "about:blank",
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined || errors.length === 0 ? {} : { errors: [...errors] }),
  };
  return reply
    .code(status)
    .headers({ "cache-control": "no-store", ...headers })
    .type("application/problem+json")
    .serializer(JSON.stringify)
    .send(problem);
}

/** The handler of all errors below /v1. */
export function createErrorHandler(log: Logger) {
  const logAway = seldom((reason, times) =>
    log.warn({ reason, times }, "the API refuses requests while the database cannot be used"),
  );
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const refusal = toRefusal(error);
    if (refusal === AWAY) logAway(describeDatabaseError(error));
    if (refusal.code === "internal_error") {
      // The route's pattern: the path itself may hold a number.
      const { method, routeOptions } = request;
      log.error({ method, route: routeOptions.url, ...describeFault(error) }, "a request failed");
    }
    return sendProblem(reply, refusal);
  };
}

function toRefusal(error: unknown): Refusal {
  if (!(error instanceof Error)) return { code: "internal_error" };
  const known = refusals.get(error);
  if (known !== undefined) return known;
  if (isUnreachable(error) || isPassing(error)) return AWAY;
  if (error instanceof VolleyError) return volleyRefusal(error);
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.flatMap(({ instancePath, message, params }) =>
      fieldFaults(instancePath, message, params),
    );
    return { code: "invalid_request", detail: "The request does not fit its form.", errors };
  }
  return frameworkRefusal(error);
}

/** Cancelled for its time, a deadlock, a conflict of transactions, a lock that did not come. */
const PASSING_SQL_STATES = new Set(["57014", "40P01", "40001", "55P03"]);

function isPassing(error: Error): boolean {
  return PASSING_SQL_STATES.has(sqlStateOf(error) ?? "");
}

const codesOfErrors: Readonly<Record<ErrorCode, ProblemCode>> = {
  usage: "invalid_request",
  template_invalid: "invalid_request",
  csv_unreadable: "invalid_request",
  idempotency_key_reused: "idempotency_key_reused",
  not_found: "not_found",
  state_conflict: "state_conflict",
  credentials_refused: "provider_failed",
  scope_missing: "provider_failed",
  provider_unreachable: "provider_failed",
  token_unavailable: "provider_failed",
  engine_unreachable: "unavailable",
  engine_unfit: "unavailable",
  database_unreachable: "unavailable",
  database_failed: "internal_error",
  config_invalid: "internal_error",
  port_taken: "internal_error",
};

function volleyRefusal({ code: errorCode, message, details }: VolleyError): Refusal {
  const code = codesOfErrors[errorCode];
  if (code === "internal_error") return { code };
  const headers = code === "unavailable" ? { "retry-after": RETRY_AFTER_SECONDS } : {};
  return { code, detail: message, errors: readFaults(details.faults), headers };
}

function readFaults(faults: unknown): FieldFault[] {
  return (Array.isArray(faults) ? faults : []).flatMap((fault: unknown) => {
    if (!isJsonObject(fault)) return [];
    const { path, message } = fault;
    return typeof path === "string" && typeof message === "string" ? [{ path, message }] : [];
  });
}

/** A field that there is not is told by its own path. */
function fieldFaults(instancePath: string, message = "", params: unknown = {}): FieldFault[] {
  const path = instancePath.slice(1).replaceAll("/", ".");
  const keys = isJsonObject(params) && Array.isArray(params.keys) ? params.keys : [];
  if (keys.length === 0) return [{ path, message }];
  return keys.map((key) => ({
    path: path === "" ? String(key) : `${path}.${key}`,
    message: "There is no such field.",
  }));
}

function frameworkRefusal(error: Error): Refusal {
  const status: unknown = Reflect.get(error, "statusCode");
  switch (status) {
    case 400:
      return { code: "invalid_request", detail: "The request cannot be read." };
    case 404:
      return { code: "not_found" };
    case 408:
      return { code: "too_slow" };
    case 413:
      return { code: "body_too_large" };
    case 415:
      return {
        code: "unsupported_media_type",
        detail:
          "Send the type that this route takes, application/json in UTF-8 unless it says otherwise, not compressed.",
      };
    default:
      return { code: "internal_error" };
  }
}

/** Where it happened, without the error's own words: they may hold what was sent. */
function describeFault(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { fault: typeof error };
  if (sqlStateOf(error) !== null) return { fault: describeDatabaseError(error) };
  if (isResponseSerializationError(error)) {
    return { fault: "the answer does not fit its schema", paths: error.cause.issues.map(({ path }) => path) };
  }
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return { fault: error.name, at: frames.map((line) => line.trim()) };
}
