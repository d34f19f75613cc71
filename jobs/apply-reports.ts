// The hop from the report door to the ledger: reads what providers brought, stores what it says, and joins each
// report to its message. What is on disk if the process dies:
//
//   before a post is marked read   the post; somebody reads it again, and reading twice changes nothing
//   after                          its reports, joined at once or in the next run
//
// Inbound SMS take the same way: both doors store bodies, and what a body is stands in the body.

import { type Inbound, UNLISTED_STATUS } from "../src/domain/report.ts";
import { again, done, type StepEnd } from "../src/domain/step-end.ts";
import type { ReadPost, StoredPost } from "../src/ledger/inbox.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Logger } from "../src/platform/log.ts";
import { sqlStateOf } from "../src/platform/postgres.ts";
import type { AccountParts } from "./send-request.ts";

export type ApplyReportsParts = {
  readonly ledger: Pick<Ledger, "inbox" | "reports" | "suppressions">;
  readonly accounts: ReadonlyMap<string, Pick<AccountParts, "provider">>;
  readonly log: Logger;
};

/** Bodies of up to 2 MB each are held in memory. */
const POSTS_MAX = 20;
const READ_LEASE_MS = 30_000;
const REPORTS_MAX = 5_000;
/** After this long the step gives way; it runs every second anyway. */
const TURN_MS = 5_000;
/** What providers sent is kept this long after it was read, for disputes about what they said. */
const RAW_KEPT_MS = 7 * 86_400_000;
const PRUNED_MAX = 1_000;
const CODES_LOGGED_MAX = 10;

export async function applyReports(parts: ApplyReportsParts): Promise<StepEnd> {
  const { ledger, log } = parts;
  const endsAtMs = performance.now() + TURN_MS;
  const counts = { posts: 0, unreadable: 0, joined: 0, moved: 0 };
  let more = true;
  while (more && performance.now() < endsAtMs) {
    const posts = await ledger.inbox.take({
      ...{ accounts: [...parts.accounts.keys()], limit: POSTS_MAX, leaseMs: READ_LEASE_MS },
    });
    const unreadable = posts.length === 0 ? 0 : await readPosts(parts, posts);
    const { taken, joined, moved } = await ledger.reports.join(REPORTS_MAX);
    counts.posts += posts.length;
    counts.unreadable += unreadable;
    counts.joined += joined;
    counts.moved += moved;
    more = posts.length === POSTS_MAX || taken === REPORTS_MAX;
  }
  if (counts.posts > 0 || counts.joined > 0) log.debug(counts, "reports applied");
  if (more) return again(0);
  await ledger.inbox.prune({ olderThanMs: RAW_KEPT_MS, limit: PRUNED_MAX });
  return done;
}

/** Answers how many items nobody could read. A post that the ledger cannot take must not hold up the others. */
async function readPosts(parts: ApplyReportsParts, posts: readonly StoredPost[]): Promise<number> {
  const { accounts, ledger, log } = parts;
  const read = posts.map((post) => readPost(post, accounts.get(post.account)));
  try {
    return await storeReadings(parts, read);
  } catch (error) {
    if (!isBadData(error)) throw error;
    if (posts.length > 1) {
      let unreadable = 0;
      for (const post of posts) unreadable += await readPosts(parts, [post]);
      return unreadable;
    }
    const [post] = posts;
    log.error(
      { account: post?.account, post: post?.id, sqlState: sqlStateOf(error) },
      "what a provider sent cannot be stored as it is; its body is kept in the inbox",
    );
    await ledger.inbox.finish(read.map((one) => ({ ...one, reports: [], unreadable: 1 })));
    return 1;
  }
}

type Reading = ReadPost & { readonly inbound: readonly Inbound[] };

async function storeReadings({ ledger, log }: ApplyReportsParts, read: readonly Reading[]): Promise<number> {
  // Before the posts are marked read: an opt-out must not be lost, and taking it twice changes nothing.
  for (const [account, posts] of Map.groupBy(read, (post) => post.account)) {
    const inbound = posts.flatMap((post) => post.inbound);
    if (inbound.length > 0) await ledger.suppressions.applyInbound(account, inbound);
  }
  await ledger.inbox.finish(read);
  for (const [account, posts] of Map.groupBy(read, (post) => post.account)) {
    const unlisted = posts.flatMap((post) => post.reports).filter(({ reason }) => reason === UNLISTED_STATUS);
    if (unlisted.length === 0) continue;
    const codes = [...new Set(unlisted.map(({ code }) => code))].slice(0, CODES_LOGGED_MAX);
    log.warn(
      { account, codes, reports: unlisted.length },
      "reports with a status that the provider's documentation does not list: they are kept and move nothing",
    );
  }
  const unreadable = read.filter((post) => post.unreadable > 0);
  for (const { id, account, unreadable: items } of unreadable) {
    log.warn({ account, post: id, items }, "a provider sent what cannot be read; it is kept in the inbox");
  }
  return unreadable.reduce((sum, post) => sum + post.unreadable, 0);
}

/** SQLSTATE class 22: a value that the database has no place for, such as U+0000 in a text. */
function isBadData(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith("22") === true;
}

function readPost(
  { id, account, body }: StoredPost,
  at: Pick<AccountParts, "provider"> | undefined,
): Reading {
  const text = body.toString();
  const reader = at?.provider.reports ?? null;
  const reports = reader?.readReports(text) ?? null;
  const inbound = reader?.readInbound(text) ?? null;
  const nothing = reports === null && inbound === null;
  return {
    id,
    account,
    reports: reports?.reports ?? [],
    inbound: inbound?.inbound ?? [],
    unreadable: nothing ? 1 : (reports?.unreadable ?? 0) + (inbound?.unreadable ?? 0),
  };
}
