// [3] One OAuth2 client-credentials call (RFC 6749, 4.4), and what its reply means.
//
// The reply of a token server is not trusted to be well made: a life may come as a number, a string, not at all, or
// as nonsense. Whether and when to call again is shared-token.ts's business. Neither the URL nor the reply of
// this call may reach a log; only the host's name and the status do.

import type { Account } from "../domain/account.ts";
import { VolleyError } from "../domain/errors.ts";
import { Sensitive, sensitive } from "../domain/sensitive.ts";
import type { HttpCall, HttpClient, HttpResult } from "../platform/http-client.ts";
import { isJsonObject, type JsonObject, parseJsonObject, readString } from "../platform/json.ts";
import type { Logger } from "../platform/log.ts";
import { readRetryAfterMs } from "../platform/retry-after.ts";

/** Together with the wait before a retry it stays within the lease under which shared-token.ts calls. */
const DEADLINE_MS = 10_000;
const RESPONSE_BYTES_MAX = 65_536;
const TOKEN_CHARACTERS_MAX = 16_384;
/** ASSUMED when the server does not say how long its token lives, or says 0 or less: "never", at SMS.CX. */
const LIFE_MS_DEFAULT = 300_000;
const LIFE_MS_MAX = 86_400_000;

/** The request that the account's provider wants. */
export type TokenRequest = {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string | Sensitive<string>>>;
  readonly body: Sensitive<string> | null;
};

export type TokenReply =
  | { readonly kind: "ok"; readonly token: Sensitive<string>; readonly lifeMs: number }
  /** Asking again gives the same answer until a person has acted. */
  | { readonly kind: "refused"; readonly error: VolleyError }
  /** `what` came back, from where: for messages and logs. */
  | { readonly kind: "temporary"; readonly what: string; readonly retryAfterMs: number | null };

export async function fetchToken(options: {
  readonly http: HttpClient;
  readonly request: TokenRequest;
  readonly account: Account;
  readonly log: Logger;
}): Promise<TokenReply> {
  const { http, request, account, log } = options;
  const result = await http.send(reveal(request), {
    deadlineMs: DEADLINE_MS,
    responseBytesMax: RESPONSE_BYTES_MAX,
  });
  const reply = readReply(result, request, account);
  const host = hostOf(request);
  if (reply.kind === "ok") {
    log.info({ account: account.name, host, lifeMs: reply.lifeMs }, "got a token");
  } else {
    const what = result.kind === "response" ? `http-${result.status}` : result.reason;
    log.warn({ account: account.name, host, what, kind: reply.kind }, "got no token");
  }
  return reply;
}

function readReply(result: HttpResult, request: TokenRequest, account: Account): TokenReply {
  const host = hostOf(request);
  if (result.kind === "failed") {
    return { kind: "temporary", what: `${result.reason} at ${host}`, retryAfterMs: null };
  }
  const { status, body } = result;
  const reply = parseJsonObject(body);
  if (status >= 200 && status <= 299) return readGrant(reply, request, account, `${status} from ${host}`);
  // 408 and 425 are the two other 4xx that ask to be tried again.
  if (status < 400 || status >= 500 || status === 429 || status === 408 || status === 425) {
    const retryAfterMs = readRetryAfterMs(result.headers);
    return { kind: "temporary", what: `${status} from ${host}`, retryAfterMs };
  }
  return { kind: "refused", error: readRefusal(status, reply, request, account) };
}

function readGrant(
  reply: JsonObject | null,
  request: TokenRequest,
  account: Account,
  what: string,
): TokenReply {
  const token = readString(reply, "access_token");
  const type = readString(reply, "token_type") ?? "bearer";
  // A token goes into a header as it is; a server that sends a line break in one is not to be followed.
  if (token === null || !/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_CHARACTERS_MAX) {
    return { kind: "temporary", what: `${what} without a readable token`, retryAfterMs: null };
  }
  if (type.toLowerCase() !== "bearer") {
    return { kind: "temporary", what: `${what} with a token that is not of type bearer`, retryAfterMs: null };
  }
  const granted = readString(reply, "scope")?.split(/\s+/);
  const missing = requestedScopes(request).filter(
    (scope) => granted !== undefined && !granted.includes(scope),
  );
  if (missing.length > 0) return { kind: "refused", error: scopeMissing(account, missing, what) };
  return { kind: "ok", token: sensitive(token), lifeMs: readLifeMs(reply?.expires_in) };
}

function readLifeMs(expiresIn: unknown): number {
  const isNumeric = typeof expiresIn === "string" && /^\s*-?\d+(\.\d+)?\s*$/.test(expiresIn);
  const seconds = isNumeric ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== "number" || seconds <= 0) return LIFE_MS_DEFAULT;
  return Math.round(Math.min(seconds * 1_000, LIFE_MS_MAX));
}

/** Every 4xx is a fault of the request: of its credentials, its scope, or the address it went to. */
function readRefusal(
  status: number,
  reply: JsonObject | null,
  request: TokenRequest,
  account: Account,
): VolleyError {
  const host = hostOf(request);
  const error = readErrorName(reply);
  const scopes = requestedScopes(request);
  const isScope =
    error === "invalid_scope" || error === "insufficient_scope" || (status === 403 && error !== null);
  if (isScope && scopes.length > 0) return scopeMissing(account, scopes, `${status} from ${host}`);
  const isAddress = status !== 400 && status !== 401 && status !== 403;
  const check = isAddress ? "the account's tokenUrl or baseUrl" : secretSources(account);
  // The gateway before mobile.digital's token endpoint answers 403 to a wrong path, too.
  const alsoAddress = status === 403 ? ", and the account's tokenUrl or baseUrl" : "";
  return new VolleyError(
    "credentials_refused",
    `Cannot get a token for account ${account.name}: ${status} from ${host}. Check ${check}${alsoAddress}.`,
    { details: { account: account.name, status, host } },
  );
}

/** By RFC 6749, as SMS.CX nests it, and as Infobip words its own. */
function readErrorName(reply: JsonObject | null): string | null {
  const flat = readString(reply, "error");
  if (flat !== null) return flat;
  const nested = readString(objectAt(reply, "error"), "type");
  if (nested !== null) return nested;
  return readString(objectAt(objectAt(reply, "requestError"), "serviceException"), "messageId");
}

function objectAt(of: JsonObject | null, name: string): JsonObject | null {
  const value = of?.[name];
  return isJsonObject(value) ? value : null;
}

function scopeMissing(account: Account, scopes: readonly string[], what: string): VolleyError {
  const names = scopes.map((scope) => `"${scope}"`).join(", ");
  return new VolleyError(
    "scope_missing",
    `Cannot get a token with scope ${names} for account ${account.name}: ${what}. Ask the provider to grant the scope to these credentials.`,
    { details: { account: account.name, scopes } },
  );
}

/** Where the secret came from, since that is what people mistype; all sources when none is called a secret. */
function secretSources(account: Account): string {
  const sources = Object.entries(account.credentialSources);
  const secrets = sources.filter(([name]) => name.endsWith("Secret"));
  const named = (secrets.length > 0 ? secrets : sources).map(([, source]) => source);
  return named.length > 0 ? named.join(" and ") : "the account's credentials";
}

function requestedScopes(request: TokenRequest): string[] {
  const scope = new URLSearchParams(request.body?.reveal() ?? "").get("scope") ?? "";
  return scope.split(" ").filter((name) => name !== "");
}

function hostOf(request: TokenRequest): string {
  return URL.parse(request.url)?.host ?? "an invalid tokenUrl";
}

function reveal(request: TokenRequest): HttpCall {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = value instanceof Sensitive ? value.reveal() : value;
  }
  return { method: request.method, url: request.url, headers, body: request.body?.reveal() ?? null };
}
