// The hop from the queue to the provider: claim a chunk, send its messages request by request
// (send-request.ts), give the chunk back. What is on disk if the process dies:
//
//   before an attempt's commit    nothing; the lease ends and the chunk goes back to the queue
//   between commit and record     open attempts; the next owner of the chunk makes them `unknown`
//   after the record              the outcome; a second run finds nothing to do

import { randomUUID } from "node:crypto";
import { composeMessages, cutRequests } from "../src/domain/batch.ts";
import { type QuietHours, quietFromMs, quietUntilMs } from "../src/domain/quiet-hours.ts";
import { chooseAccount, nextAccount } from "../src/domain/route.ts";
import { again, done, type StepEnd, stop, turnOver } from "../src/domain/step-end.ts";
import { unknownWaits } from "../src/domain/unknown.ts";
import { urgencyOf } from "../src/domain/urgency.ts";
import type { ClaimedChunk } from "../src/ledger/chunks.ts";
import type { LeaseKeeper } from "../src/ledger/lease-keeper.ts";
import type { Enqueue } from "../src/queue/enqueue.ts";
import type { SendChunk } from "../src/queue/queues.ts";
import { releaseCampaign } from "./release-campaign.ts";
import {
  type AccountParts,
  isOver,
  recordEndings,
  type SendRequestParts,
  sendRequest,
  type Turn,
} from "./send-request.ts";

export type SendChunkParts = SendRequestParts & {
  readonly leases: LeaseKeeper;
  readonly enqueue: Enqueue;
  readonly accounts: ReadonlyMap<string, AccountParts>;
  readonly quietHours: QuietHours | null;
};

/** After this long a chunk gives way to others that wait for the account, more urgent ones first. */
const TURN_MS = 1_000;
/** An account that is paused for longer is not worth a turn. */
const PAUSE_WORTH_WAITING_MS = 1_000;

export async function sendChunk(
  parts: SendChunkParts,
  payload: SendChunk,
  signal: AbortSignal,
): Promise<StepEnd> {
  const at = parts.accounts.get(payload.account);
  if (at === undefined) return stop(`no account ${payload.account} is configured`);
  const chunk = await parts.ledger.chunks.claim(payload.chunkId, {
    lease: randomUUID(),
    leaseMs: parts.leases.leaseMs,
    settleInMs: unknownWaits(at.unknownRules),
  });
  if (chunk === null) return done;
  const hours = openHours(chunk, parts.quietHours);
  if ("closedUntil" in hours) return passOn(parts, at, chunk, hours.closedUntil);
  parts.leases.hold(chunk.lease);
  const ended = AbortSignal.any([signal, AbortSignal.timeout(TURN_MS)]);
  const turn: Turn = { chunk, parts, at, signal, ended, ...hours, over: false, tryFailed: false };
  try {
    if (chunk.fenced > 0)
      parts.log.warn(
        { chunk: chunk.id, messages: chunk.fenced },
        "a worker was lost; its open attempts are unknown",
      );
    const { pausedMs } = await parts.limiter.state(at.account);
    if (pausedMs > PAUSE_WORTH_WAITING_MS) turn.over = true;
    else await takeTurn(turn);
    if (turn.over || turn.tryFailed) await failOver(parts, turn);
  } catch (error) {
    // The engine is away, say. Nobody could go on with the chunk before its lease ends.
    await parts.ledger.chunks.finish(chunk, parts.leases.leaseMs, null).catch(() => undefined);
    throw error;
  } finally {
    parts.leases.drop(chunk.lease);
  }
  return passOn(parts, at, chunk);
}

type OpenHours = { readonly openUntil: Date | undefined } | { readonly closedUntil: Date };

/** By the database's clock: a worker whose own is wrong wakes nobody up. */
function openHours(
  { class: ofClass, zones, claimedAtMs }: ClaimedChunk,
  rules: QuietHours | null,
): OpenHours {
  if (rules === null || !rules.classes.includes(ofClass) || zones.length === 0)
    return { openUntil: undefined };
  const quietUntil = quietUntilMs(claimedAtMs, zones, rules);
  if (quietUntil !== null) return { closedUntil: new Date(quietUntil) };
  return { openUntil: new Date(quietFromMs(claimedAtMs, zones, rules)) };
}

/**
 * What this account provably did not send goes on with the next one of its route: everything that waits when the
 * account is out of order, else only what has failed a try here.
 */
async function failOver(
  { accounts, limiter, ledger, enqueue, log }: SendChunkParts,
  turn: Turn,
): Promise<void> {
  const { chunk, tryFailed } = turn;
  const candidates = chunk.accounts.flatMap((name) => accounts.get(name) ?? []);
  if (candidates.length < 2) return;
  const pauses = await Promise.all(
    candidates.map(async ({ account }) => ({ name: account.name, ...(await limiter.state(account)) })),
  );
  const chosen = chooseAccount(chunk.account, pauses);
  const triedOnly = chosen === chunk.account;
  const to = triedOnly && tryFailed ? nextAccount(chunk.account, pauses) : chosen;
  if (to === null || to === chunk.account) return;
  const moved = await ledger.chunks.reroute(chunk, { account: to, triedOnly });
  if (moved === null) return;
  log.info({ chunk: chunk.id, from: chunk.account, to }, "messages go on through another account");
  await enqueue.chunks([moved]);
}

/** Gives the chunk back and lets the next ones of its campaign follow. */
async function passOn(
  { ledger, leases, limiter, enqueue }: SendChunkParts,
  at: AccountParts,
  chunk: ClaimedChunk,
  notBefore: Date | null = null,
): Promise<StepEnd> {
  const finished = await ledger.chunks.finish(chunk, leases.leaseMs, notBefore);
  if (finished?.state === "released") {
    const { pausedMs } = await limiter.state(at.account);
    const waitMs = Math.max(finished.dueInMs, pausedMs);
    return waitMs > 0 ? again(waitMs) : turnOver;
  }
  if (finished !== null && chunk.campaignId !== null) {
    await releaseCampaign({ ledger, enqueue }, chunk.campaignId);
  }
  return done;
}

async function takeTurn(turn: Turn): Promise<void> {
  const { chunk, parts, at } = turn;
  const stored = { ...chunk, messages: await parts.ledger.chunks.load(chunk.id) };
  const { form, messages } = composeMessages(stored, at.account.from);
  const requests = cutRequests(messages, {
    batchMax: at.provider.facts.batchMax,
    segmentsMax: Math.floor(at.account.limits.segmentsPerSecond ?? Number.POSITIVE_INFINITY),
    mayShare: (message) => form.template !== null && at.provider.mayShareRequest(message, form),
  });

  // Lanes, not one queue of all requests: chunks that run side by side share the account's slots evenly.
  let next = 0;
  const lane = async () => {
    let recording: Promise<void> = Promise.resolve();
    while (next < requests.length && !isOver(turn)) {
      const request = requests[next++] ?? [];
      const endings = await at.inFlight(urgencyOf(chunk), () => sendRequest(turn, form, request));
      // The slot is free for the next call while this one is being recorded; one recording a lane at most.
      await recording;
      recording = recordEndings(turn, endings);
      // Its failure is seen when the lane awaits it; until then it is not an unhandled one.
      recording.catch(() => undefined);
    }
    await recording;
  };
  await Promise.all(Array.from({ length: Math.min(at.account.limits.inFlight, requests.length) }, lane));
}
