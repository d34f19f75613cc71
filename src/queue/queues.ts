// [2] Names of queues, payloads and job ids. Jobs carry ids and nothing else: the ledger is the truth, and a
// queue that was emptied is filled again from it.
//
// Two queues an account, so that a slow provider holds up nobody else and a one-time code waits behind no campaign;
// one for webhooks and one for the schedules.

import { type JobsOptions, Queue } from "bullmq";
import type { ChunkId, ReleasedChunk } from "../domain/campaign.ts";
import type { EndpointId } from "../domain/endpoint.ts";
import { ROUNDS_APART, urgencyOf } from "../domain/urgency.ts";
import type { QueueBackend } from "../engine/engine.ts";
import type { Logger } from "../platform/log.ts";

export type SendChunk = { readonly step: "send-chunk"; readonly account: string; readonly chunkId: ChunkId };
export type RefreshToken = { readonly step: "refresh-token"; readonly account: string };
export type Reconcile = { readonly step: "reconcile" };
export type ReleaseDue = { readonly step: "release-due" };
export type AskOverdue = { readonly step: "ask-overdue" };
export type Retain = { readonly step: "retain" };
export type ApplyReports = { readonly step: "apply-reports" };
export type DeliverDue = { readonly step: "deliver-due" };
export type DeliverWebhooks = { readonly step: "deliver-webhooks"; readonly endpoint: EndpointId };
export type ScheduledPayload =
  | RefreshToken
  | Reconcile
  | ReleaseDue
  | AskOverdue
  | Retain
  | ApplyReports
  | DeliverDue;
export type Payload = SendChunk | DeliverWebhooks | ScheduledPayload;

export const SCHEDULE_QUEUE = "schedule";
export const WEBHOOK_QUEUE = "webhooks";
/** Urgent messages have workers of their own. */
export const lanes = ["urgent", "bulk"] as const;
export type Lane = (typeof lanes)[number];
/** Of all accounts, for webhooks, and of the schedule. */
export const queueCount = (accounts: number): number => accounts * lanes.length + 2;
export const accountQueue = (account: string, lane: Lane): string => `${lane}-${account}`;
export const laneOf = (chunk: ReleasedChunk): Lane => (urgencyOf(chunk) === "urgent" ? "urgent" : "bulk");

/**
 * BullMQ's own; smaller goes first. An account that was never idle for two hundred million messages of each campaign
 * gets there; from then on, until it is idle, chunks are served as they come.
 */
const PRIORITY_MAX = 2 ** 21 - 1;

/** One id a chunk: adding it twice is adding it once. No ":" and not all digits, both of which BullMQ refuses. */
export function chunkJob(chunk: ReleasedChunk): {
  name: string;
  data: SendChunk;
  opts: JobsOptions;
} {
  return {
    name: "send-chunk",
    data: { step: "send-chunk", account: chunk.account, chunkId: chunk.id },
    opts: {
      jobId: `chunk-${chunk.id}`,
      priority: Math.min(PRIORITY_MAX, chunk.round + ROUNDS_APART[chunk.class]),
    },
  };
}

/** One job an endpoint, so that a slow one holds up nobody else and is called by one process at a time. */
export function endpointJob(endpoint: EndpointId): {
  name: string;
  data: DeliverWebhooks;
  opts: JobsOptions;
} {
  return {
    name: "deliver-webhooks",
    data: { step: "deliver-webhooks", endpoint },
    opts: { jobId: `webhook-${endpoint}` },
  };
}

/** Finished jobs go at once: their ids must be free for the chunk's next run, and the ledger has the history. */
export const jobDefaults = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1,
  stackTraceLimit: 1,
} as const;

/** The stream of events that BullMQ keeps per queue; nobody here reads it. */
const EVENTS_KEPT = 100;

export function openQueue(name: string, backend: QueueBackend, log: Logger): Queue<Payload> {
  const queue: Queue<Payload> = new Queue<Payload>(
    name,
    {
      connection: backend.connection as never,
      ...(backend.prefix === undefined ? {} : { prefix: backend.prefix }),
      defaultJobOptions: jobDefaults,
      streams: { events: { maxLen: EVENTS_KEPT } },
    },
    backend.factory as never,
  ) as never;
  queue.on("error", (error) => log.debug({ queue: name, err: error.message }, "queue connection"));
  return queue;
}
