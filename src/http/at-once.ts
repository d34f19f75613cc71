// Work that is dear, a few at a time: whoever comes too many hears 503 and when to try again.

import { refuse } from "./problem.ts";

export type AtOnce = <T>(work: () => Promise<T>) => Promise<T>;

/** `max`: in one process. */
export function createAtOnce(
  max: number,
  late: { readonly detail: string; readonly retryAfterSeconds: number },
): AtOnce {
  let running = 0;
  return async (work) => {
    if (running >= max) {
      throw refuse({
        code: "unavailable",
        detail: late.detail,
        headers: { "retry-after": String(late.retryAfterSeconds) },
      });
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
    }
  };
}
