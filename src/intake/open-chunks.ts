// [1] Chunks that are being filled, one for each choice of accounts, zones and hour, and their way into the ledger.
//
// Memory holds a bounded number of rows whatever the file looks like: when people of many countries come mixed, the
// fullest chunk leaves early. Two inserts are under way while the next rows are read.

import { CHUNK_ROWS_MAX } from "../domain/campaign.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { NewMessage } from "../ledger/add-chunk.ts";

export type OpenChunk = {
  readonly accounts: readonly string[];
  readonly zones: readonly TimeZone[];
  readonly messages: NewMessage[];
};

const ROWS_OPEN_MAX = 20_000;
const INSERTS_MAX = 2;
/** People whose times lie in one hour share a chunk, which then wakes for each of their minutes. */
const HOUR_MS = 3_600_000;

export function createOpenChunks(insert: (chunk: OpenChunk) => Promise<void>) {
  const open = new Map<string, OpenChunk>();
  const inserts = createInserts(insert);
  let rows = 0;
  /** Most rows follow one of their own kind, and arrays of one kind are the same object: no key is put together. */
  let last: { readonly hour: number | null; readonly key: string; readonly chunk: OpenChunk } | null = null;

  function find({ accounts, zones }: Omit<OpenChunk, "messages">, hour: number | null) {
    if (last?.hour === hour && last.chunk.accounts === accounts && last.chunk.zones === zones) return last;
    const key = `${accounts.join(",")} ${zones.join(",")} ${hour ?? ""}`;
    const chunk = open.get(key) ?? { accounts, zones, messages: [] };
    open.set(key, chunk);
    last = { hour, key, chunk };
    return last;
  }

  function close(key: string, chunk: OpenChunk): Promise<void> {
    open.delete(key);
    if (last?.chunk === chunk) last = null;
    rows -= chunk.messages.length;
    return inserts.start(chunk);
  }

  return {
    /** Undefined: there is nothing to wait for, which spares a million rows a million turns of the loop. */
    put(message: NewMessage, kind: Omit<OpenChunk, "messages">): Promise<void> | undefined {
      const hour = message.dueAt === undefined ? null : Math.floor(message.dueAt.getTime() / HOUR_MS);
      const { key, chunk } = find(kind, hour);
      chunk.messages.push(message);
      rows += 1;
      if (chunk.messages.length === CHUNK_ROWS_MAX) return close(key, chunk);
      return rows > ROWS_OPEN_MAX ? close(...fullest(open)) : undefined;
    },
    /** Hands over what is left; `settled` follows, and `assertAllDone`. */
    async closeAll(): Promise<void> {
      for (const [key, chunk] of [...open]) await close(key, chunk);
    },
    settled: inserts.settled,
    assertAllDone: inserts.assertAllDone,
  };
}

function fullest(open: ReadonlyMap<string, OpenChunk>): [string, OpenChunk] {
  const [first, ...others] = open;
  if (first === undefined) throw new Error("no chunk is open");
  return others.reduce((most, one) => (one[1].messages.length > most[1].messages.length ? one : most), first);
}

/** A few inserts at once. One that failed is never forgotten, however long nobody asked: the intake ends with it. */
function createInserts(insert: (chunk: OpenChunk) => Promise<void>) {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  const assertAllDone = () => {
    if (failure !== null) throw failure.error;
  };
  return {
    assertAllDone,
    async start(chunk: OpenChunk): Promise<void> {
      while (running.size >= INSERTS_MAX) await Promise.race(running);
      assertAllDone();
      const one = insert(chunk)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
    },
    settled: () => Promise.all(running),
  };
}
