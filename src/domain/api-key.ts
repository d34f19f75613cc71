// A key of the HTTP API, and what its holder may do.
//
// `vk_` and 32 random bytes. Only its hash is kept, so that nobody who reads the database can use it.

import { createHash, randomBytes } from "node:crypto";
import { type Sensitive, sensitive } from "./sensitive.ts";

/** admin: everything that the others may, and the accounts. */
export const apiScopes = [
  "messages:send",
  "messages:read",
  "campaigns:write",
  "campaigns:read",
  "webhooks:manage",
  "suppressions:manage",
  "admin",
] as const;
export type ApiScope = (typeof apiScopes)[number];

export type ApiKeyId = string & { readonly brand: "ApiKeyId" };

const KEY_BYTES = 32;
const FORM = /^vk_[A-Za-z0-9_-]{43}$/;

export function createApiKey(): { readonly key: Sensitive<string>; readonly hash: Buffer } {
  const key = `vk_${randomBytes(KEY_BYTES).toString("base64url")}`;
  return { key: sensitive(key), hash: sha256(key) };
}

/** Null: no key of ours looks like this. */
export function hashApiKey(text: string): Buffer | null {
  return FORM.test(text) ? sha256(text) : null;
}

export function mayUse(scopes: readonly ApiScope[], wanted: ApiScope): boolean {
  return scopes.includes(wanted) || scopes.includes("admin");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
