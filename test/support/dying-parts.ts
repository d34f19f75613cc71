// Parts that die, or fail once, at a chosen call of the ledger, for tests that run a step again after it.
//
//   before   the process is gone before the call is made
//   after    the call's effect is committed, and the process is gone before it hears so
//   throws   the call is not made and throws, once; the process goes on
//
// A dead process makes no further call: from then on nothing of it reaches the ledger or a provider.

import type { SendChunkParts } from "../../jobs/send-chunk.ts";
import { createInFlight } from "../../src/limits/in-flight.ts";

export const deaths = ["before", "after", "throws"] as const;
export type Death = (typeof deaths)[number];

export type DyingParts<P> = {
  readonly parts: P;
  readonly calls: () => number;
  /** Resolves at the moment of death; never when there was none. */
  readonly died: Promise<"died">;
};

type Mortal = Pick<SendChunkParts, "ledger" | "transport" | "accounts">;

/** `at` counts the ledger's calls from 1; 0: lives for ever. */
export function createDyingParts<P extends Mortal>(parts: P, death: Death, at: number): DyingParts<P> {
  let calls = 0;
  let dead = false;
  const { promise: died, resolve } = Promise.withResolvers<"died">();
  const never = () => new Promise<never>(() => undefined);

  async function around(call: () => unknown): Promise<unknown> {
    if (dead) return never();
    calls += 1;
    if (calls !== at) return unlessDead(await call());
    if (death === "throws") throw new Error("The ledger failed, as the test wants it.");
    if (death === "before") dead = true;
    else await call();
    dead = true;
    resolve("died");
    return never();
  }
  const unlessDead = (answer: unknown) => (dead ? never() : answer);

  const wrap = <T extends object>(target: T, wrapCall: (call: () => unknown) => unknown): T =>
    new Proxy(target, {
      get(owner, name) {
        const value: unknown = Reflect.get(owner, name);
        if (typeof value === "function") {
          return (...args: unknown[]) => wrapCall(() => Reflect.apply(value, owner, args));
        }
        return typeof value === "object" && value !== null ? wrap(value, wrapCall) : value;
      },
    });

  return {
    parts: {
      ...parts,
      // Slots of its own: a dead process holds none that another one waits for.
      accounts: new Map(
        [...parts.accounts].map(([name, at]) => [
          name,
          { ...at, inFlight: createInFlight(at.account.limits.inFlight) },
        ]),
      ),
      ledger: wrap(parts.ledger, around),
      transport: wrap(parts.transport, async (call) => (dead ? never() : unlessDead(await call()))),
    },
    calls: () => calls,
    died,
  };
}
