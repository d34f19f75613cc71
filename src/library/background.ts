// What is committed is told to the queue in the background: nobody waits for a queue that is away.

/** What does not happen now, the sweep does. */
export function inBackground(work: Promise<unknown>): void {
  work.catch(() => undefined);
}
