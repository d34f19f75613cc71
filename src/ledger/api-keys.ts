// [6] Keys of the HTTP API. A key itself leaves here once, when it is made; afterwards only its hash is known.

import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { type ApiKeyId, type ApiScope, createApiKey } from "../domain/api-key.ts";
import type { Sensitive } from "../domain/sensitive.ts";

export type ApiKey = {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  /** To the minute. */
  readonly lastUsedAt: Date | null;
};

/** What a request may do. */
export type KeyInUse = Pick<ApiKey, "id" | "scopes">;

const LISTED_MAX = 1_000;
const USE_NOTED_EVERY_SECONDS = 60;

const COLUMNS = "id, name, scopes, created_at, revoked_at, last_used_at";

export function createApiKeys(pool: Pool) {
  return {
    async create(wanted: {
      readonly name: string;
      readonly scopes: readonly ApiScope[];
    }): Promise<{ apiKey: ApiKey; key: Sensitive<string> }> {
      const { key, hash } = createApiKey();
      const { rows } = await pool.query<KeyRow>(
        `insert into volley.api_key (id, name, hash, scopes) values ($1, $2, $3, $4) returning ${COLUMNS}`,
        [randomUUID(), wanted.name, hash, wanted.scopes],
      );
      const [row] = rows;
      if (row === undefined) throw new Error("An insert returned no row.");
      return { apiKey: toApiKey(row), key };
    },

    /** Once, for the person who is to use it. */
    showKey: (key: Sensitive<string>): string => key.reveal(),

    /** Newest first, revoked ones too. */
    async list(): Promise<ApiKey[]> {
      const { rows } = await pool.query<KeyRow>(
        `select ${COLUMNS} from volley.api_key order by created_at desc, id limit $1`,
        [LISTED_MAX],
      );
      return rows.map(toApiKey);
    },

    /** False: there is none, or it was revoked before. */
    async revoke(id: ApiKeyId): Promise<boolean> {
      const { rowCount } = await pool.query(
        "update volley.api_key set revoked_at = now() where id = $1 and revoked_at is null",
        [id],
      );
      return rowCount === 1;
    },

    /** Who has the key of this hash, and a note that it was used. Null: nobody (any more). */
    async use(hash: Buffer): Promise<KeyInUse | null> {
      const { rows } = await pool.query<Pick<KeyRow, "id" | "scopes">>({
        name: "use-api-key",
        text: `
          with used as (
            update volley.api_key set last_used_at = now()
            where hash = $1 and revoked_at is null
              and (last_used_at is null or last_used_at < now() - $2 * interval '1 second')
          )
          select id, scopes from volley.api_key where hash = $1 and revoked_at is null`,
        values: [hash, USE_NOTED_EVERY_SECONDS],
      });
      return rows[0] ?? null;
    },
  };
}

type KeyRow = {
  id: ApiKeyId;
  name: string;
  scopes: ApiScope[];
  created_at: Date;
  revoked_at: Date | null;
  last_used_at: Date | null;
};

function toApiKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}
