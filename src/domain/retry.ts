// When a message that was provably not sent is tried again: exponential backoff with full jitter.

export type RetryPolicy = { readonly retries: number; readonly baseMs: number; readonly capMs: number };

/** `tries` counts the attempt that just failed: 1 after the first. With base 1 s: up to 1 s, 2 s, 4 s. */
export function retryWaitMs(policy: RetryPolicy, tries: number, random: () => number = Math.random): number {
  return random() * Math.min(policy.capMs, policy.baseMs * 2 ** (tries - 1));
}
