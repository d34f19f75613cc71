// [6] The ledger: the only owner of SQL about messages. What we promised, what we tried, how it ended.

import type { Pool } from "pg";
import { ATTEMPTS_MAX, type MessageClass } from "../domain/message.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { SealKey } from "../domain/seal.ts";
import type { Queryable } from "../platform/postgres.ts";
import { createAccountDays } from "./account-days.ts";
import { createAccountHealth } from "./account-health.ts";
import { addChunk, type NewChunk } from "./add-chunk.ts";
import { createApiKeys } from "./api-keys.ts";
import { createAttempts } from "./attempts.ts";
import { createCampaigns, createDrafts } from "./campaigns.ts";
import { createChunks } from "./chunks.ts";
import { createDeliveries } from "./deliveries.ts";
import { createEndpoints } from "./endpoints.ts";
import { erasePerson } from "./erase.ts";
import { createEvents } from "./events.ts";
import { createIdempotency } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { createMessages } from "./messages.ts";
import { isMigrated, migrateLedger } from "./migrate.ts";
import { addPartitions } from "./partitions.ts";
import { createPreview, inTrial } from "./preview.ts";
import { createReminders } from "./reminders.ts";
import { createReports } from "./reports.ts";
import { createRetention } from "./retention.ts";
import { createRetries } from "./retry-failed.ts";
import { readStanding, type Standing } from "./standing.ts";
import { createSuppressions } from "./suppressions.ts";
import { createUnknowns } from "./unknowns.ts";

export type Ledger = ReturnType<typeof createLedger>;
/** What creates things, in a transaction of its caller's or in one of its own. */
export type Creators = ReturnType<typeof openCreators>;

export type Trial = Creators & { readonly preview: ReturnType<typeof createPreview> };

/** Slots of campaign_count: 0 is the intake's; the rest is shared out so that processes rarely meet in one. */
const WRITERS_MAX = 1000;

export type LedgerOptions = {
  readonly pool: Pool;
  /** Tries in a message's life, the first included. */
  readonly attemptsMax?: number;
  /** Classes that reach people who opted out. */
  readonly exemptClasses?: readonly MessageClass[];
  /** Seals the secrets of webhooks at rest. */
  readonly encryptionKey?: SealKey;
};

export function createLedger({
  pool,
  attemptsMax = ATTEMPTS_MAX,
  exemptClasses = [],
  encryptionKey = null,
}: LedgerOptions) {
  // Two processes in one slot wait for each other's row, no more: a random slot is good enough.
  const writer = 1 + Math.floor(Math.random() * WRITERS_MAX) * 3;
  return {
    campaigns: createCampaigns(pool, { slot: writer }),
    chunks: createChunks(pool, { slot: writer, exemptClasses }),
    attempts: createAttempts(pool, {
      attemptsMax,
      exemptClasses,
      openSlot: writer + 1,
      recordSlot: writer + 2,
    }),
    unknowns: createUnknowns(pool, { attemptsMax, exemptClasses, slot: writer }),
    suppressions: createSuppressions(pool, { slot: writer, exemptClasses }),
    accountHealth: createAccountHealth(pool),
    accountDays: createAccountDays(pool),
    preview: createPreview(pool),
    /** What is created within leaves no trace, however it ends. */
    tryOut: <T>(work: (ledger: Trial) => Promise<T>): Promise<T> =>
      inTrial(pool, (db) =>
        work({ ...openCreators(db, { exemptClasses, encryptionKey }), preview: createPreview(db) }),
      ),
    messages: createMessages(pool, { slot: writer }),
    reminders: createReminders(pool, { slot: writer, exemptClasses }),
    retries: createRetries(pool, { slot: writer, exemptClasses }),
    inbox: createInbox(pool),
    reports: createReports(pool, { slot: writer }),
    endpoints: createEndpoints(pool, { encryptionKey }),
    events: createEvents(pool),
    deliveries: createDeliveries(pool),
    apiKeys: createApiKeys(pool),
    idempotency: createIdempotency(pool, {
      openOn: (db) => openCreators(db, { exemptClasses, encryptionKey }),
      encryptionKey,
    }),
    retention: createRetention(pool),
    erase: (number: PhoneNumber) => erasePerson(pool, number, { slot: writer }),
    async migrate() {
      const migrated = await migrateLedger(pool);
      await addPartitions(pool);
      return migrated;
    },
    standing: (): Promise<Standing> => readStanding(pool),
    isMigrated: () => isMigrated(pool),
  };
}

/** Also the ledger's own parts of these names, as far as they create. */
function openCreators(
  db: Queryable,
  { exemptClasses, encryptionKey }: Required<Pick<LedgerOptions, "exemptClasses" | "encryptionKey">>,
) {
  return {
    campaigns: createDrafts(db),
    chunks: { add: (chunk: NewChunk) => addChunk(db, { exemptClasses }, chunk) },
    endpoints: createEndpoints(db, { encryptionKey }),
  };
}
