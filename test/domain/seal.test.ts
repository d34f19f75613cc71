// Tokens at rest.

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { openSealed, seal } from "../../src/domain/seal.ts";
import { sensitive } from "../../src/domain/sensitive.ts";

const key = sensitive(randomBytes(32));
const token = sensitive("eyJhbGciOi.token-ü");

test("a sealed token opens again, and its text shows neither the token nor twice the same", () => {
  const sealed = seal(token, "main", key);
  expect(openSealed(sealed, "main", key)?.reveal()).toBe("eyJhbGciOi.token-ü");
  expect(sealed).not.toContain("eyJ");
  expect(seal(token, "main", key)).not.toBe(sealed);
});

test("without a key a token is stored in plain, and marked so", () => {
  const sealed = seal(token, "main", null);
  expect(sealed).toBe("plain:eyJhbGciOi.token-ü");
  expect(openSealed(sealed, "main", null)?.reveal()).toBe("eyJhbGciOi.token-ü");
});

test("another account, another key, no key, or a key too many opens nothing", () => {
  const sealed = seal(token, "main", key);
  expect(openSealed(sealed, "other", key)).toBeNull();
  expect(openSealed(sealed, "main", sensitive(randomBytes(32)))).toBeNull();
  expect(openSealed(sealed, "main", null)).toBeNull();
  expect(openSealed(seal(token, "main", null), "main", key)).toBeNull();
});

test("a token with any byte changed or cut off does not open", () => {
  const bytes = Buffer.from(seal(token, "main", key).slice("aes-256-gcm:".length), "base64");
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(openSealed(`aes-256-gcm:${changed.toString("base64")}`, "main", key)).toBeNull();
    expect(openSealed(`aes-256-gcm:${bytes.subarray(0, at).toString("base64")}`, "main", key)).toBeNull();
  }
  for (const garbage of ["", "aes-256-gcm:", "aes-256-gcm:!!", "v2:abc", "null"]) {
    expect(openSealed(garbage, "main", key)).toBeNull();
  }
});
