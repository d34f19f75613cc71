// [6] Endpoints: which of the customer's addresses hear of which events, and their secrets, sealed.
//
//   enabled --disable--> disabled (by hand, gone, failing, secret lost)
//      ^---- enable ---------'   its deliveries wait meanwhile; what happened meanwhile comes back by a replay

import { randomUUID } from "node:crypto";
import type { DisabledReason, EndpointId } from "../domain/endpoint.ts";
import type { EventType } from "../domain/event.ts";
import { openSealed, type SealKey, seal } from "../domain/seal.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import type { Queryable } from "../platform/postgres.ts";
import { writeEvents } from "./write-events.ts";

export type Endpoint = {
  readonly id: EndpointId;
  /** Its path or query may hold a secret of the customer's: for him, never for a log. */
  readonly url: string;
  readonly events: readonly EventType[];
  readonly enabled: boolean;
  readonly disabledReason: DisabledReason | null;
  readonly disabledAt: Date | null;
  /** The first failure after the last success. */
  readonly failingSince: Date | null;
  readonly rotatedAt: Date | null;
  readonly createdAt: Date;
};

export type EndpointTarget = {
  readonly id: EndpointId;
  readonly url: string;
  readonly enabled: boolean;
  /** Those that sign now, newest first; empty: they cannot be opened. */
  readonly secrets: readonly Sensitive<string>[];
};

export type EndpointChange = {
  readonly url?: string | undefined;
  readonly events?: readonly EventType[] | undefined;
  readonly enabled?: boolean | undefined;
};

/** As many are worked on side by side, each by its own job. */
export const ENDPOINTS_MAX = 100;
/** How long the secret before the newest one goes on signing. */
const OLD_SECRET_HOURS = 24;

const COLUMNS = `id, url, events, enabled, disabled_reason, disabled_at, failing_since, rotated_at, created_at`;

export function createEndpoints(db: Queryable, { encryptionKey }: { readonly encryptionKey: SealKey }) {
  return {
    /** Null: there are ENDPOINTS_MAX already. */
    async create(endpoint: {
      readonly url: string;
      readonly events: readonly EventType[];
      readonly secret: Sensitive<string>;
    }): Promise<Endpoint | null> {
      const id = randomUUID();
      const { rows } = await db.query<EndpointRow>(
        `insert into volley.endpoint (id, url, events, secrets)
         select $1, $2, $3, array[$4] where (select count(*) from volley.endpoint) < $5
         returning ${COLUMNS}`,
        [id, endpoint.url, endpoint.events, seal(endpoint.secret, id, encryptionKey), ENDPOINTS_MAX],
      );
      return rows[0] === undefined ? null : toEndpoint(rows[0]);
    },

    /** All of them, oldest first; there are at most ENDPOINTS_MAX. */
    async list(): Promise<Endpoint[]> {
      const { rows } = await db.query<EndpointRow>(
        `select ${COLUMNS} from volley.endpoint order by created_at, id`,
      );
      return rows.map(toEndpoint);
    },

    async find(id: EndpointId): Promise<Endpoint | null> {
      const { rows } = await db.query<EndpointRow>(`select ${COLUMNS} from volley.endpoint where id = $1`, [
        id,
      ]);
      return rows[0] === undefined ? null : toEndpoint(rows[0]);
    },

    /** Null: there is none. One that is enabled again has its days of failure behind it. */
    async update(id: EndpointId, change: EndpointChange): Promise<Endpoint | null> {
      const { rows } = await db.query<EndpointRow>(
        `update volley.endpoint
         set url = coalesce($2, url), events = coalesce($3, events), enabled = coalesce($4, enabled),
           failing_since = case when $4 then null else failing_since end,
           disabled_reason = case
             when $4 then null when enabled and not $4 then 'by-hand' else disabled_reason end,
           disabled_at = case when $4 then null when enabled and not $4 then now() else disabled_at end
         where id = $1
         returning ${COLUMNS}`,
        [id, change.url ?? null, change.events ?? null, change.enabled ?? null],
      );
      return rows[0] === undefined ? null : toEndpoint(rows[0]);
    },

    /** What it was given up for; the other endpoints hear of it. False: it was disabled already, or there is none. */
    async disable(id: EndpointId, reason: DisabledReason): Promise<boolean> {
      const { rowCount } = await db.query(
        `with changed as (
           update volley.endpoint set enabled = false, disabled_reason = $2, disabled_at = now()
           where id = $1 and enabled
           returning id, disabled_reason as reason
         ),
         ${writeEvents({
           columns: "subject, reason, data",
           happened: `select 'endpoint.disabled' as type, id as subject, reason,
             jsonb_build_object('endpoint', id, 'reason', reason) as data from changed`,
         })}
         select from changed`,
        [id, reason],
      );
      return rowCount === 1;
    },

    /** With all that it was to hear. */
    async remove(id: EndpointId): Promise<boolean> {
      const { rowCount } = await db.query("delete from volley.endpoint where id = $1", [id]);
      // Afterwards: a change that knew the endpoint a moment ago has written its deliveries by now, or nearly so.
      await db.query("delete from volley.delivery where endpoint_id = $1", [id]);
      return rowCount === 1;
    },

    /** The secret before it goes on signing for a day, so that the receiver can change over in peace. */
    async rotateSecret(id: EndpointId, secret: Sensitive<string>): Promise<boolean> {
      const { rowCount } = await db.query(
        "update volley.endpoint set secrets = array[$2, secrets[1]], rotated_at = now() where id = $1",
        [id, seal(secret, id, encryptionKey)],
      );
      return rowCount === 1;
    },

    /** What it takes to call it. */
    async findTarget(id: EndpointId): Promise<EndpointTarget | null> {
      const { rows } = await db.query<TargetRow>(
        `select url, enabled,
           secrets[1 : case when rotated_at > now() - $2 * interval '1 hour' then 2 else 1 end] as secrets
         from volley.endpoint where id = $1`,
        [id, OLD_SECRET_HOURS],
      );
      const row = rows[0];
      if (row === undefined) return null;
      // A secret from before the configuration had a key lies in plain; it cannot be fetched anew like a token.
      const open = (text: string) => openSealed(text, id, encryptionKey) ?? openSealed(text, id, null);
      const secrets = row.secrets.flatMap((text) => open(text) ?? []);
      return { id, url: row.url, enabled: row.enabled, secrets };
    },

    /** Endpoints that something is to be delivered to now. */
    async due(): Promise<EndpointId[]> {
      const { rows } = await db.query<{ id: EndpointId }>({
        name: "due-endpoints",
        text: `
          select p.id from volley.endpoint p
          where p.enabled and exists (
            select from volley.delivery d where d.endpoint_id = p.id and d.state = 'waiting' and d.due_at <= now()
          )
          order by p.id`,
      });
      return rows.map((row) => row.id);
    },
  };
}

type EndpointRow = {
  id: EndpointId;
  url: string;
  events: EventType[];
  enabled: boolean;
  disabled_reason: DisabledReason | null;
  disabled_at: Date | null;
  failing_since: Date | null;
  rotated_at: Date | null;
  created_at: Date;
};

type TargetRow = { url: string; enabled: boolean; secrets: string[] };

function toEndpoint(row: EndpointRow): Endpoint {
  return {
    id: row.id,
    url: row.url,
    events: row.events,
    enabled: row.enabled,
    disabledReason: row.disabled_reason,
    disabledAt: row.disabled_at,
    failingSince: row.failing_since,
    rotatedAt: row.rotated_at,
    createdAt: row.created_at,
  };
}
