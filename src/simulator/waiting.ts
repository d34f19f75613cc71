// Who waits for a count to be reached. Nobody polls: whoever counts says that something has changed.

export type Waiting = {
  /** Settles when it is due, at once if it is already. */
  readonly until: (isDue: () => boolean) => Promise<void>;
  readonly notify: () => void;
};

export function createWaiting(): Waiting {
  const waiting = new Set<{ readonly isDue: () => boolean; readonly resolve: () => void }>();
  return {
    until: (isDue) => {
      if (isDue()) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add({ isDue, resolve });
      return promise;
    },
    notify: () => {
      for (const waiter of waiting) {
        if (!waiter.isDue()) continue;
        waiting.delete(waiter);
        waiter.resolve();
      }
    },
  };
}
