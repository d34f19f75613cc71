// How a token or a webhook's secret lies at rest: sealed with AES-256-GCM when the configuration has a key, else in
// plain.
//
// The owner's name (an account, an endpoint) is authenticated along with the value, so a sealed value cannot be
// moved to another owner. What cannot be opened (another key, another owner, a bit changed, sealing switched on or
// off since) is null, and its reader gets a new one; a plain value is not taken where a key is set.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type Sensitive, sensitive } from "./sensitive.ts";

const ALGORITHM = "aes-256-gcm";
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = "aes-256-gcm:";
const PLAIN = "plain:";

export type SealKey = Sensitive<Buffer> | null;

export function seal(value: Sensitive<string>, owner: string, key: SealKey): string {
  if (key === null) return PLAIN + value.reveal();
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key.reveal(), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(owner));
  const hidden = Buffer.concat([cipher.update(value.reveal(), "utf8"), cipher.final()]);
  return SEALED + Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString("base64");
}

export function openSealed(sealed: string, owner: string, key: SealKey): Sensitive<string> | null {
  if (key === null) return sealed.startsWith(PLAIN) ? sensitive(sealed.slice(PLAIN.length)) : null;
  if (!sealed.startsWith(SEALED)) return null;
  const bytes = Buffer.from(sealed.slice(SEALED.length), "base64");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key.reveal(), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(owner));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const opened = Buffer.concat([
      decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
      decipher.final(),
    ]);
    return sensitive(opened.toString("utf8"));
  } catch {
    return null;
  }
}
