// How the simulated SMS.CX says no: one shape for all, with a type, a code and a status each.
//
//   smscx/smscx-api-php-library, docs/Api, docs/Model/Error.md, README.md (read 2026-11-22)
//
// The types and the codes of POST /sms and of the token are documented there. ASSUMED: the codes below 1100 and
// the type of a bad access token.

import { jsonReply, type Reply } from "./provider.ts";

export type SmscxErrorType =
  | "invalid_param"
  | "invalid_body"
  | "insufficient_credit"
  | "duplicate_id"
  | "invalid_request"
  | "invalid_scope"
  | "unsupported_grant_type"
  | "invalid_client"
  | "invalid_api_key"
  | "invalid_token"
  | "insufficient_scope"
  | "access_denied"
  | "no_coverage"
  | "not_found"
  | "invalid_method"
  | "rate_limit"
  | "server_error";

export type SmscxError = {
  readonly type: SmscxErrorType;
  readonly code: number;
  readonly message: string;
  /** The bad numbers as they were written; stands beside the error, not inside. */
  readonly invalid?: readonly string[];
};

const STATUSES: Readonly<Record<SmscxErrorType, number>> = {
  invalid_param: 400,
  invalid_body: 400,
  insufficient_credit: 400,
  duplicate_id: 400,
  invalid_request: 400,
  invalid_scope: 400,
  unsupported_grant_type: 400,
  invalid_client: 401,
  invalid_api_key: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  access_denied: 403,
  no_coverage: 403,
  not_found: 404,
  invalid_method: 405,
  rate_limit: 429,
  server_error: 500,
};

export function smscxErrorReply(error: SmscxError, headers: readonly string[] = []): Reply {
  const { type, message, code, invalid } = error;
  const uri = "https://sms.cx/sms-api-documentation/#section/Errors";
  const body = { error: { type, message, uri, code }, ...(invalid === undefined ? {} : { invalid }) };
  return jsonReply(STATUSES[type], body, headers);
}

export function invalidParam(code: number, message: string): SmscxError {
  return { type: "invalid_param", code, message };
}
