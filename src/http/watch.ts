// Looks once a second at what is watched, for all listeners together, and tells them what has changed since. Nobody
// listens: nobody looks.
//
// A listener that joins is told everything that the others know, and from then on the same as they.

import { setTimeout as sleep } from "node:timers/promises";

/** What is watched, as it stands; `data` is JSON. */
export type View = {
  readonly kind: "campaign" | "account";
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
};
/** An event as the stream carries it. */
export type Listener = (event: string) => void;
export type Watch = { /** Answers how to leave. */ readonly join: (listener: Listener) => () => void };

const LOOK_EVERY_MS = 1_000;

/** `look` may fail: then the next look tells what was missed. */
export function createWatch(look: () => Promise<readonly View[]>): Watch {
  const listeners = new Set<Listener>();
  let known = new Map<string, string>();
  let stop = new AbortController();

  function tell(views: readonly View[]): void {
    const before = known;
    known = new Map(views.map((view) => [`${view.kind} ${view.id}`, eventOf(view)]));
    for (const [key, event] of known) {
      if (before.get(key) === event) continue;
      for (const listener of listeners) listener(event);
    }
  }

  async function run({ signal }: AbortController): Promise<void> {
    while (!signal.aborted) {
      const views = await look().catch(() => null);
      if (signal.aborted) return;
      if (views !== null) tell(views);
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    join(listener) {
      for (const event of known.values()) listener(event);
      listeners.add(listener);
      if (listeners.size === 1) {
        stop = new AbortController();
        void run(stop);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stop.abort();
        known = new Map();
      };
    },
  };
}

/** JSON holds no line break, which would end the event's data. */
function eventOf({ kind, data }: View): string {
  return `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}
