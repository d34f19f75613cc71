// The token endpoint that the providers share: client credentials, a form, opaque rules.
//
// It hands tokens out, knows them again, and can forget them. What a refusal looks like differs from vendor to
// vendor, so the provider words every reply (`dialect`); the grant itself is RFC 6749, section 4.4.

import { randomBytes } from "node:crypto";
import { type BucketRate, createBucket } from "./bucket.ts";
import { type Clock, hasMediaType, type Incoming, type Reply } from "./provider.ts";

export type TokenRate = BucketRate;

export type TokenSettings = {
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the client may be granted. */
  readonly scopes: readonly string[];
  /** Put into `expires_in` as it is, a string too; null leaves the field out. */
  readonly tokenLifeSeconds: number | string | null;
  /** When the token really dies; null: when `expires_in` says so, or after an hour where it says nothing. */
  readonly tokenRealLifeSeconds: number | null;
  /** A living token is handed out again instead of a new one. */
  readonly sameToken: boolean;
  readonly tokenRate: TokenRate | null;
};

export type TokenRefusal = "client" | "method" | "request" | "grant" | "scope" | "rate";

export type TokenDialect = {
  readonly tokenType: string;
  readonly tokenForm: "jwt" | "hex";
  /** `fields`: client_id and client_secret, in the form or, where a client puts everything there, in the query. */
  readonly credentials: "basic" | "fields";
  /** False: a requested scope is ignored and the reply's `scope` is empty. */
  readonly hasScopes: boolean;
  readonly refuse: (why: TokenRefusal, detail: string) => Reply;
  readonly grant: (body: Readonly<Record<string, unknown>>) => Reply;
};

export type TokenCheck =
  | { readonly kind: "good"; readonly scopes: readonly string[] }
  | { readonly kind: "missing" | "unknown" | "expired" | "revoked" };

export type TokenCall = { readonly atMs: number; readonly status: number | null };

export type TokenDesk = {
  readonly answer: (incoming: Incoming) => Reply;
  /** Takes the whole `Authorization` header. */
  readonly check: (authorization: string | undefined) => TokenCheck;
  readonly revoke: () => void;
};

const FALLBACK_LIFE_SECONDS = 3600;
/** The oldest are forgotten beyond this: they were handed out more than 10,000 calls ago. */
const TOKENS_MAX = 10_000;
const HEX_TOKEN_BYTES = 20;
const BEARER = /^bearer +(\S+)$/i;
const BASIC = /^basic +(\S+)$/i;

type IssuedToken = { readonly expiresAtMs: number; readonly scopes: readonly string[]; revoked: boolean };

export function createTokenDesk(settings: TokenSettings, dialect: TokenDialect, clock: Clock): TokenDesk {
  const tokens = new Map<string, IssuedToken>();
  const bucket = settings.tokenRate === null ? null : createBucket(settings.tokenRate, clock);

  function issue(scopes: readonly string[]): { readonly text: string; readonly token: IssuedToken } {
    const nowMs = clock.nowMs();
    if (settings.sameToken) {
      for (const [text, token] of tokens) {
        const fits = token.scopes.join(" ") === scopes.join(" ");
        if (fits && !token.revoked && token.expiresAtMs > nowMs) return { text, token };
      }
    }
    const lifeMs = realLifeSeconds(settings) * 1000;
    const token: IssuedToken = { expiresAtMs: nowMs + lifeMs, scopes, revoked: false };
    const text =
      dialect.tokenForm === "hex"
        ? randomBytes(HEX_TOKEN_BYTES).toString("hex")
        : createJwt(settings.clientId, scopes, clock.wallMs(), lifeMs);
    tokens.set(text, token);
    const oldest = tokens.keys().next();
    if (tokens.size > TOKENS_MAX && oldest.done !== true) tokens.delete(oldest.value);
    return { text, token };
  }

  function saidLife(token: IssuedToken): Readonly<Record<string, unknown>> {
    const said = settings.tokenLifeSeconds;
    if (said === null) return {};
    if (!settings.sameToken || typeof said === "string") return { expires_in: said };
    const leftSeconds = Math.ceil((token.expiresAtMs - clock.nowMs()) / 1000);
    return { expires_in: Math.min(said, leftSeconds) };
  }

  return {
    answer: (incoming) => {
      if (bucket !== null && !bucket()) return dialect.refuse("rate", "Too many token requests.");
      if (incoming.method !== "POST") return dialect.refuse("method", "The token endpoint takes POST.");
      const form = readForm(incoming, dialect);
      if (form === null) {
        return dialect.refuse("request", "The body must be application/x-www-form-urlencoded.");
      }
      const given =
        dialect.credentials === "basic"
          ? readBasic(incoming.headers.authorization)
          : `${form.get("client_id")}:${form.get("client_secret")}`;
      if (given !== `${settings.clientId}:${settings.clientSecret}`) {
        return dialect.refuse("client", "The client id or the secret is wrong.");
      }
      const grantType = form.get("grant_type");
      if (grantType === null) return dialect.refuse("request", "grant_type is missing.");
      if (grantType !== "client_credentials") {
        return dialect.refuse("grant", "grant_type must be client_credentials.");
      }
      const asked = (form.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
      const lacking = asked.filter((scope) => !settings.scopes.includes(scope));
      if (dialect.hasScopes && lacking.length > 0) {
        return dialect.refuse("scope", `The client may not have the scope ${lacking.join(" ")}.`);
      }
      // A client that names no scope gets all that it may have (RFC 6749, 3.3 leaves this to the server: ASSUMED).
      const scopes = dialect.hasScopes && asked.length > 0 ? asked : settings.scopes;
      const { text, token } = issue(scopes);
      return dialect.grant({
        access_token: text,
        ...saidLife(token),
        scope: dialect.hasScopes ? scopes.join(" ") : "",
        token_type: dialect.tokenType,
      });
    },
    check: (authorization) => {
      const text = authorization?.match(BEARER)?.[1];
      if (text === undefined) return { kind: "missing" };
      const token = tokens.get(text);
      if (token === undefined) return { kind: "unknown" };
      if (token.revoked) return { kind: "revoked" };
      if (token.expiresAtMs <= clock.nowMs()) return { kind: "expired" };
      return { kind: "good", scopes: token.scopes };
    },
    revoke: () => {
      for (const token of tokens.values()) token.revoked = true;
    },
  };
}

function realLifeSeconds(settings: TokenSettings): number {
  if (settings.tokenRealLifeSeconds !== null) return settings.tokenRealLifeSeconds;
  const said = settings.tokenLifeSeconds === null ? Number.NaN : Number(settings.tokenLifeSeconds);
  return Number.isFinite(said) ? said : FALLBACK_LIFE_SECONDS;
}

/** Null: not a form. */
function readForm(incoming: Incoming, dialect: TokenDialect): URLSearchParams | null {
  const query = dialect.credentials === "fields" ? new URLSearchParams(incoming.query) : null;
  if (query?.has("client_secret") === true) return query;
  if (!hasMediaType(incoming, "application/x-www-form-urlencoded")) return null;
  return new URLSearchParams(incoming.body.toString());
}

function readBasic(authorization: string | undefined): string | null {
  const coded = authorization?.match(BASIC)?.[1];
  return coded === undefined ? null : Buffer.from(coded, "base64").toString();
}

/** The shape of a JWT and nothing behind it: clients must not look inside, and nobody here checks it. */
function createJwt(clientId: string, scopes: readonly string[], wallMs: number, lifeMs: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const issuedAt = Math.floor(wallMs / 1000);
  const claims = {
    sub: clientId,
    scope: scopes.join(" "),
    iat: issuedAt,
    exp: issuedAt + Math.ceil(lifeMs / 1000),
    jti: randomBytes(8).toString("hex"),
  };
  return `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}.${randomBytes(32).toString("base64url")}`;
}
