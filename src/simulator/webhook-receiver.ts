// A customer's system on loopback: takes webhooks, and checks each signature by the specification, not by our code.
//
//   https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type WebhookReceiver = {
  readonly url: string;
  /** From now on only what is signed with it counts as verified. */
  readonly trust: (secret: string) => void;
  /** Different events by type, each once however often it came. */
  readonly events: () => ReadonlyMap<string, number>;
  readonly deliveries: () => { readonly verified: number; readonly forged: number };
  readonly close: () => Promise<void>;
};

const BODY_BYTES_MAX = 65_536;
const AGE_SECONDS_MAX = 300;

export async function createWebhookReceiver(): Promise<WebhookReceiver> {
  const seen = new Set<string>();
  const byType = new Map<string, number>();
  let key: Buffer | null = null;
  let [verified, forged] = [0, 0];

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request) {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString();
    const isGood = key !== null && bytes <= BODY_BYTES_MAX && isSigned(request.headers, body, key);
    if (isGood) verified += 1;
    else forged += 1;
    const id = String(request.headers["webhook-id"]);
    if (isGood && !seen.has(id)) {
      seen.add(id);
      const { type } = JSON.parse(body);
      byType.set(type, (byType.get(type) ?? 0) + 1);
    }
    response.writeHead(isGood ? 204 : 401).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server that listens has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/events`,
    trust: (secret) => {
      key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    },
    events: () => byType,
    deliveries: () => ({ verified, forged }),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `webhook-signature` lists signatures, of which one must be `v1,` and ours over id, time and body. */
function isSigned(headers: IncomingHttpHeaders, body: string, key: Buffer): boolean {
  const id = String(headers["webhook-id"]);
  const timestamp = String(headers["webhook-timestamp"]);
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > AGE_SECONDS_MAX) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  return String(headers["webhook-signature"])
    .split(" ")
    .filter((one) => one.startsWith("v1,"))
    .map((one) => Buffer.from(one.slice(3), "base64"))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}
