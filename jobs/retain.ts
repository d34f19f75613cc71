// What is old goes, every hour: the months to come are made ready, idempotency keys of yesterday are forgotten, contents
// whose time is over are emptied, and messages older than the configuration keeps them are removed. Without `retention`
// only the first two are done.
//
// Every statement stands for itself and is safe to run again: a process that dies leaves less to do, and two of these
// at once have the effect of one. Nothing here holds a lock that sending would feel.

import { again, done, type StepEnd } from "../src/domain/step-end.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Logger } from "../src/platform/log.ts";

/** Null: kept for ever. */
export type Retention = { readonly messagesDays: number | null; readonly bodiesDays: number | null };

export type RetainParts = {
  readonly ledger: Pick<Ledger, "retention" | "inbox" | "idempotency">;
  readonly config: { readonly retention: Retention };
  readonly log: Logger;
};

const DAY_MS = 86_400_000;
/** After this long the step gives way, and goes on at once. */
const TURN_MS = 20_000;
/** A table that somebody held. */
const BUSY_AGAIN_MS = 60_000;
const POSTS_MAX = 1_000;
const KEYS_MAX = 10_000;

export async function retain(parts: RetainParts): Promise<StepEnd> {
  const { ledger, config, log } = parts;
  const { messagesDays, bodiesDays } = config.retention;
  const missing = await ledger.retention.prepare();
  if (missing > 0)
    log.info({ missing }, "partitions of months to come are not ready yet; they are tried again");
  const isKeysDone = await forgetKeys(parts);
  const isBodiesDone = bodiesDays === null || (await emptyBodies(parts, bodiesDays * DAY_MS));
  const messages =
    messagesDays === null ? { isDone: true, busy: 0 } : await removeMessages(parts, messagesDays * DAY_MS);
  if (!isKeysDone || !isBodiesDone || !messages.isDone) return again(0);
  return missing > 0 || messages.busy > 0 ? again(BUSY_AGAIN_MS) : done;
}

/** False: there is more. */
async function forgetKeys({ ledger }: RetainParts): Promise<boolean> {
  const endsAtMs = performance.now() + TURN_MS;
  while (performance.now() < endsAtMs) {
    if ((await ledger.idempotency.prune(KEYS_MAX)) < KEYS_MAX) return true;
  }
  return false;
}

/** False: there is more. */
async function emptyBodies({ ledger }: RetainParts, olderThanMs: number): Promise<boolean> {
  const endsAtMs = performance.now() + TURN_MS;
  while (performance.now() < endsAtMs) {
    const isMore = await ledger.retention.emptyBodies(olderThanMs);
    const posts = await ledger.inbox.prune({ olderThanMs, limit: POSTS_MAX });
    if (!isMore && posts < POSTS_MAX) return true;
  }
  return false;
}

async function removeMessages(
  { ledger, log }: RetainParts,
  olderThanMs: number,
): Promise<{ isDone: boolean; busy: number }> {
  const { months, busy } = await ledger.retention.dropMonths(olderThanMs);
  if (months.length > 0) log.info({ months }, "messages of whole months removed");
  return { isDone: await ledger.retention.removeRows(olderThanMs, { withinMs: TURN_MS }), busy };
}
