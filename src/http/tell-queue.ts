// [2] Tells the queue of chunks that were just committed, without anybody waiting for it.
//
// One call of the queue at a time, with all that came meanwhile. With the queue away the rest is dropped: memory
// stays flat, and the sweep finds the chunks in the ledger.

import type { Enqueue } from "../queue/enqueue.ts";

type Chunk = Parameters<Enqueue["chunks"]>[0][number];

const WAITING_MAX = 1_000;

/** Chunks must be committed when this is called. */
export function createTellQueue(enqueue: Pick<Enqueue, "chunks">): (chunk: Chunk) => void {
  let waiting: Chunk[] = [];
  let isTelling = false;

  async function tell(): Promise<void> {
    isTelling = true;
    while (waiting.length > 0) {
      const chunks = waiting;
      waiting = [];
      await enqueue.chunks(chunks).catch(() => undefined);
    }
    isTelling = false;
  }

  return (chunk) => {
    if (waiting.length >= WAITING_MAX) return;
    waiting.push(chunk);
    if (!isTelling) void tell();
  };
}
