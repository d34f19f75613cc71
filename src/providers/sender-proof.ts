// [7] Is this report from the provider? The secret in the path, and beside it what the account configures: a
// signature, HTTP Basic, or a token that the provider gets from us first. Every configured proof must hold.
//
// Pure and without memory. A token of ours is its own expiry and a MAC over it, so any process can issue and any
// can check it; it ends by time, or when the client secret changes. A replay says what has been said already.

import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { Account } from "../domain/account.ts";
import { type Sensitive, sensitive } from "../domain/sensitive.ts";
import type { Provider, SignedRequest } from "./provider.ts";

export const REPORT_TOKEN_SECONDS = 3_600;

type ReportClient = { readonly clientId: string; readonly clientSecret: Sensitive<string> };

/** Errors in the words of RFC 6749, 5.2; `invalid_client` is answered with 401, the others with 400. */
export type TokenIssue =
  | { readonly ok: true; readonly token: Sensitive<string>; readonly expiresInSeconds: number }
  | { readonly ok: false; readonly error: "invalid_client" | "invalid_request" | "unsupported_grant_type" };

/**
 * True when every proof that the account configures beside the path's secret holds; none configured: true. A
 * signature that is configured where the provider has none can never hold, so that no slip opens the door.
 */
export function proveSender(
  request: SignedRequest,
  {
    account,
    provider,
    nowMs,
  }: { readonly account: Account; readonly provider: Provider; readonly nowMs: number },
): boolean {
  const { reports } = account;
  if (reports === null) return false;
  const { authorization } = request.headers;
  const isSigned =
    reports.hmacSecret === null ||
    (provider.reports?.isSigned?.(request, reports.hmacSecret, nowMs) ?? false);
  const isLoggedIn = reports.basic === null || isBasic(authorization, reports.basic);
  const hasToken = reports.oauth2 === null || isReportToken(bearerOf(authorization), account, nowMs);
  return isSigned && isLoggedIn && hasToken;
}

/** The provider asks for a token by client credentials, which stand in HTTP Basic or in the form. */
export function issueReportToken(
  { headers, rawBody }: SignedRequest,
  account: Account,
  nowMs: number,
): TokenIssue {
  const oauth2 = account.reports?.oauth2 ?? null;
  if (oauth2 === null) return { ok: false, error: "invalid_client" };
  const form = new URLSearchParams(rawBody.toString("utf8"));
  const isClient =
    headers.authorization === undefined
      ? isFormLogin(form, oauth2)
      : isBasicLogin(headers.authorization, oauth2);
  if (!isClient) return { ok: false, error: "invalid_client" };
  const grant = form.get("grant_type");
  if (grant === null) return { ok: false, error: "invalid_request" };
  if (grant !== "client_credentials") return { ok: false, error: "unsupported_grant_type" };
  const expiry = String(Math.floor(nowMs / 1000) + REPORT_TOKEN_SECONDS);
  const token = sensitive(`${expiry}.${macOf(account.name, expiry, oauth2.clientSecret)}`);
  return { ok: true, token, expiresInSeconds: REPORT_TOKEN_SECONDS };
}

/** Takes the same time wherever two texts differ: digests of one length are compared, not the texts. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function isReportToken(token: string | null, account: Account, nowMs: number): boolean {
  const oauth2 = account.reports?.oauth2 ?? null;
  const [, expiry, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(token ?? "") ?? [];
  if (oauth2 === null || expiry === undefined || mac === undefined) return false;
  const isOurs = isSameSecret(mac, macOf(account.name, expiry, oauth2.clientSecret));
  return isOurs && Number(expiry) * 1000 > nowMs;
}

/** The account's name is in it, because two accounts may have been given one secret. */
function macOf(accountName: string, expiry: string, secret: Sensitive<string>): string {
  return createHmac("sha256", secret.reveal())
    .update(`report-token\n${accountName}\n${expiry}`)
    .digest("base64url");
}

/** `pair` is `user:password`. The scheme's case does not count (RFC 9110, 11.1); everything else does. */
function isBasic(authorization: string | undefined, pair: Sensitive<string>): boolean {
  const [, given] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "") ?? [];
  return given !== undefined && isSameSecret(Buffer.from(given, "base64").toString("utf8"), pair.reveal());
}

function bearerOf(authorization: string | undefined): string | null {
  return /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? null;
}

function isFormLogin(form: URLSearchParams, { clientId, clientSecret }: ReportClient): boolean {
  const isId = isSameSecret(form.get("client_id") ?? "", clientId);
  const isSecret = isSameSecret(form.get("client_secret") ?? "", clientSecret.reveal());
  return isId && isSecret;
}

/** RFC 6749 (2.3.1) wants id and secret form-encoded before Basic; hardly anybody does so, both are taken. */
function isBasicLogin(authorization: string, { clientId, clientSecret }: ReportClient): boolean {
  const plain = `${clientId}:${clientSecret.reveal()}`;
  const encoded = `${formEncoded(clientId)}:${formEncoded(clientSecret.reveal())}`;
  const isPlain = isBasic(authorization, sensitive(plain));
  return isBasic(authorization, sensitive(encoded)) || isPlain;
}

function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
