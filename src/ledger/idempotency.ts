// [6] Requests that create something, once: the request's key, what it creates and the answer stand in one
// transaction, so that none of them stands without the others.
//
//   first request   inserts the key's row, creates, stores the answer, commits
//   a second one    waits at the row until the first has committed (then it gets the first one's answer) or failed
//                   (then it is the first)
//
// Only what was created is remembered: a refused request leaves nothing, and may come again under its key.

import type { Pool, PoolClient } from "pg";
import { VolleyError } from "../domain/errors.ts";
import { openSealed, type SealKey, seal } from "../domain/seal.ts";
import { sensitive } from "../domain/sensitive.ts";
import { type Queryable, withTransaction } from "../platform/postgres.ts";

export type RequestKey = {
  /** Who sent it. */
  readonly owner: string;
  /** SHA-256 of the key that the sender chose. */
  readonly keyHash: Buffer;
  /** SHA-256 of all that the request asks for. */
  readonly fingerprint: Buffer;
};

/** The body is JSON. */
export type StoredAnswer = { readonly status: number; readonly body: unknown };

/** other-request: the key was used for something else. */
export type OnceEnd<Answer extends StoredAnswer> =
  | { readonly kind: "done"; readonly answer: Answer }
  | { readonly kind: "done-before"; readonly answer: StoredAnswer }
  | { readonly kind: "other-request" };

/** Senders repeat a request within hours; after this a key is free again. */
const KEPT_HOURS = 24;

/** `openOn` builds the parts that create things, on the connection of the transaction. */
export function createIdempotency<Creators>(
  pool: Pool,
  { openOn, encryptionKey }: { openOn: (db: Queryable) => Creators; encryptionKey: SealKey },
) {
  return {
    /**
     * `create` gets a ledger whose rows commit with the key. It must use no other connection: a pool whose every
     * connection holds such a transaction would have none left to give.
     */
    run<Answer extends StoredAnswer>(
      request: RequestKey,
      create: (creators: Creators) => Promise<Answer>,
    ): Promise<OnceEnd<Answer>> {
      return withTransaction(pool, async (client) => {
        if (!(await take(client, request))) return readAnswer(client, request, encryptionKey);
        const answer = await create(openOn(client));
        await client.query(
          "update volley.idempotency_key set status = $3, answer = $4 where owner = $1 and key_hash = $2",
          [
            request.owner,
            request.keyHash,
            answer.status,
            seal(sensitive(JSON.stringify(answer.body)), request.owner, encryptionKey),
          ],
        );
        return { kind: "done", answer };
      });
    },

    /** Forgets the oldest keys, at most so many; answers how many. */
    async prune(limit: number): Promise<number> {
      const { rowCount } = await pool.query(
        `delete from volley.idempotency_key where (owner, key_hash) in (
           select owner, key_hash from volley.idempotency_key
           where created_at < now() - $1 * interval '1 hour' order by created_at limit $2
         )`,
        [KEPT_HOURS, limit],
      );
      return rowCount ?? 0;
    },
  };
}

/** Waits for whoever holds the key's row in a transaction of its own. False: the key was used within its time. */
async function take(client: PoolClient, { owner, keyHash, fingerprint }: RequestKey): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into volley.idempotency_key as k (owner, key_hash, fingerprint) values ($1, $2, $3)
     on conflict (owner, key_hash) do update
     set fingerprint = excluded.fingerprint, status = null, answer = null, created_at = now()
     where k.created_at < now() - $4 * interval '1 hour'`,
    [owner, keyHash, fingerprint, KEPT_HOURS],
  );
  return rowCount === 1;
}

async function readAnswer(
  client: PoolClient,
  { owner, keyHash, fingerprint }: RequestKey,
  encryptionKey: SealKey,
): Promise<OnceEnd<never>> {
  const { rows } = await client.query<{ same: boolean; status: number; answer: string }>(
    `select fingerprint = $3 as same, status, answer from volley.idempotency_key
     where owner = $1 and key_hash = $2`,
    [owner, keyHash, fingerprint],
  );
  const row = rows[0];
  if (row?.same === false) return { kind: "other-request" };
  const answer = row === undefined ? null : openSealed(row.answer, owner, encryptionKey);
  // Forgotten between two statements, or sealed with another key of encryption.
  if (row === undefined || answer === null) {
    throw new VolleyError(
      "state_conflict",
      "This idempotency key was used before, and its answer cannot be read any more. Look up what it created.",
    );
  }
  return { kind: "done-before", answer: { status: row.status, body: JSON.parse(answer.reveal()) } };
}
