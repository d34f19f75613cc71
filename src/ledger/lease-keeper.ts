// Keeps the leases of the chunks that this process works on alive, with one statement for all of them.
//
// A process that stops doing so, dead or frozen, loses its chunks when the database's clock says so.

import type { Logger } from "../platform/log.ts";

export type LeaseKeeper = {
  readonly leaseMs: number;
  readonly hold: (lease: string) => void;
  readonly drop: (lease: string) => void;
  readonly close: () => void;
};

/** Longer than the longest call (30 s), so that a call in flight ends inside the lease of a living worker. */
const LEASE_MS = 60_000;
const EXTEND_EVERY_MS = LEASE_MS / 4;

export function createLeaseKeeper({
  extend,
  log,
}: {
  readonly extend: (leases: readonly string[], leaseMs: number) => Promise<unknown>;
  readonly log: Logger;
}): LeaseKeeper {
  const held = new Set<string>();
  const timer = setInterval(() => {
    if (held.size === 0) return;
    extend([...held], LEASE_MS).catch((error: unknown) => {
      log.warn(
        { err: error instanceof Error ? error.message : String(error) },
        "leases could not be extended; trying again",
      );
    });
  }, EXTEND_EVERY_MS);
  timer.unref();
  return {
    leaseMs: LEASE_MS,
    hold: (lease) => void held.add(lease),
    drop: (lease) => void held.delete(lease),
    close: () => clearInterval(timer),
  };
}
