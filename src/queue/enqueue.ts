// [2] Puts work into the queue. Best effort by design: what cannot be added now is added by the next sweep
// from the ledger, so a producer never waits on a queue that is away.

import type { Queue } from "bullmq";
import type { ReleasedChunk } from "../domain/campaign.ts";
import type { EndpointId } from "../domain/endpoint.ts";
import type { QueueBackend } from "../engine/engine.ts";
import { inTime } from "../platform/in-time.ts";
import type { Logger } from "../platform/log.ts";
import {
  accountQueue,
  chunkJob,
  endpointJob,
  laneOf,
  openQueue,
  type Payload,
  SCHEDULE_QUEUE,
  type ScheduledPayload,
  WEBHOOK_QUEUE,
} from "./queues.ts";

export type Enqueue = {
  /** False when the queue did not take them in time; the sweep will find them. */
  readonly chunks: (chunks: readonly ReleasedChunk[]) => Promise<boolean>;
  /** False as above. */
  readonly endpoints: (endpoints: readonly EndpointId[]) => Promise<boolean>;
  /** Runs the payload every so often, once for the whole fleet however many processes ask. */
  readonly schedule: (id: string, payload: ScheduledPayload, everyMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** With Redis away BullMQ's add can hang for ever. */
const ADD_WAIT_MS = 3_000;

export function createEnqueue({
  backend,
  log,
}: {
  readonly backend: QueueBackend;
  readonly log: Logger;
}): Enqueue {
  const queues = new Map<string, Queue<Payload>>();
  const queueFor = (name: string): Queue<Payload> => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const opened = openQueue(name, backend, log);
    queues.set(name, opened);
    return opened;
  };

  return {
    async chunks(chunks) {
      const byQueue = Map.groupBy(chunks, (chunk) => accountQueue(chunk.account, laneOf(chunk)));
      const adds = [...byQueue].map(([queue, ours]) => queueFor(queue).addBulk(ours.map(chunkJob)));
      const added = await hasEnded(Promise.all(adds));
      if (!added)
        log.warn({ chunks: chunks.length }, "the queue did not take chunks in time; the sweep will add them");
      return added;
    },

    endpoints: (endpoints) => hasEnded(queueFor(WEBHOOK_QUEUE).addBulk(endpoints.map(endpointJob))),

    async schedule(id, payload, everyMs) {
      await queueFor(SCHEDULE_QUEUE).upsertJobScheduler(
        id,
        { every: everyMs },
        { name: payload.step, data: payload, opts: { removeOnComplete: true, removeOnFail: true } },
      );
    },

    async close() {
      await hasEnded(Promise.allSettled([...queues.values()].map((queue) => queue.close())));
    },
  };
}

/** False also when the queue did not answer in time. */
function hasEnded(work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(
    () => true,
    () => false,
  );
  return inTime(ended, ADD_WAIT_MS, () => false);
}
