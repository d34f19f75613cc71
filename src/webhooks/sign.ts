// [8] Signatures of customer webhooks, after Standard Webhooks 1.0:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
//
// What is signed is `id.timestamp.body`. The id belongs to the event and stays; the timestamp belongs to the try,
// because receivers refuse old ones. While a secret is rotated both are active and each gives a signature.

import assert from "node:assert";
import { createHmac, randomBytes } from "node:crypto";
import { Sensitive } from "../domain/sensitive.ts";

const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 32;
/** What the specification lets a secret be. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
/** A dot would move the borders between what is signed; the rest keeps an id within one header line. */
const ID_FORM = /^[\w-]{1,128}$/;

export type WebhookContent = {
  readonly id: string;
  /** When this try is made. */
  readonly timestamp: Date;
  readonly body: Sensitive<string>;
};

/** The active secrets, newest first: one, or two while the older one is being replaced. */
export type WebhookSecrets = readonly [Sensitive<string>, ...Sensitive<string>[]];

export function createWebhookSecret(): Sensitive<string> {
  return new Sensitive(SECRET_PREFIX + randomBytes(SECRET_BYTES).toString("base64"));
}

export function signWebhook(content: WebhookContent, secrets: WebhookSecrets): Record<string, string> {
  assert(ID_FORM.test(content.id), "An event's id is letters, digits, - and _.");
  const timestamp = Math.floor(content.timestamp.getTime() / 1000).toString();
  const signed = `${content.id}.${timestamp}.${content.body.reveal()}`;
  const signatures = secrets.map((secret) => {
    const key = readKey(secret);
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  return {
    "webhook-id": content.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

/** Secrets are our own making: one that is not whole was damaged on the way, and nobody could verify by it. */
function readKey(secret: Sensitive<string>): Buffer {
  const text = secret.reveal();
  assert(text.startsWith(SECRET_PREFIX), "A webhook secret starts with whsec_.");
  const encoded = text.slice(SECRET_PREFIX.length);
  const key = Buffer.from(encoded, "base64");
  // Buffer skips what is not base64; a receiver's decoder would not.
  assert(key.toString("base64") === encoded, "A webhook secret is base64.");
  assert(
    key.length >= SECRET_BYTES_MIN && key.length <= SECRET_BYTES_MAX,
    "A webhook secret is 24 to 64 bytes.",
  );
  return key;
}
