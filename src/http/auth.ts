// [0] Who may call the API: an API key, and on it the scope that the route asks for. Without a key nothing of the
// API is told, not even which paths there are.
//
// What the ledger said of a key is believed for a moment, so that a busy key costs no statement a request, and a
// revoked one is out within that moment in every process.

import type { FastifyReply, FastifyRequest } from "fastify";
import { type ApiScope, hashApiKey, mayUse } from "../domain/api-key.ts";
import type { KeyInUse } from "../ledger/api-keys.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { refuse } from "./problem.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Null only before the request is let in. */
    apiKey: KeyInUse | null;
  }
  interface FastifyContextConfig {
    /** Every route below /v1 names one. */
    scope?: ApiScope;
  }
}

/** On every answer to a key, also a refusal: what it may do, for clients that offer no more than that. */
const SCOPES_HEADER = "volley-scopes";
const BELIEVED_MS = 2_000;
/** Keys that this process knows at once; each is some 100 bytes. */
const KNOWN_MAX = 10_000;

type Known = { readonly key: Promise<KeyInUse | null>; readonly untilMs: number };

/** A hook for every request below /v1, those for paths that there are not included. */
export function createAuthentication({ apiKeys }: Pick<Ledger, "apiKeys">) {
  const known = new Map<string, Known>();

  function find(hash: Buffer): Promise<KeyInUse | null> {
    const name = hash.toString("base64");
    const nowMs = performance.now();
    const found = known.get(name);
    if (found !== undefined && nowMs < found.untilMs) return found.key;
    // The moment starts when the ledger is asked: what it says cannot be older.
    const key = apiKeys.use(hash);
    known.delete(name);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(name, { key, untilMs: nowMs + BELIEVED_MS });
    // Nothing is remembered of a question that was not answered, nor of a key that nobody has.
    const forget = () => void (known.get(name)?.key === key && known.delete(name));
    key.then((one) => one === null && forget(), forget);
    return key;
  }

  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const hash = readKey(request.headers.authorization);
    const key = hash === null ? null : await find(hash);
    if (key === null) throw unauthenticated();
    reply.header(SCOPES_HEADER, key.scopes.join(" "));
    const { scope } = request.routeOptions.config;
    if (scope !== undefined && !mayUse(key.scopes, scope)) {
      throw refuse({ code: "scope_required", detail: `This needs an API key with the scope ${scope}.` });
    }
    request.apiKey = key;
  };
}

function readKey(header: string | undefined): Buffer | null {
  const [, key] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  return key === undefined ? null : hashApiKey(key);
}

function unauthenticated(): Error {
  return refuse({
    code: "unauthenticated",
    detail:
      "Send a valid key as Authorization: Bearer vk_... The operator makes one with: volley key create --name NAME --scope SCOPE",
    headers: { "www-authenticate": 'Bearer realm="volley"' },
  });
}
