// Says at most every few seconds what may go wrong thousands of times a second.

const SAID_EVERY_MS = 10_000;

/** Calls `say` at once, then at most every few seconds, with how often it was asked to since. */
export function seldom(say: (about: string, times: number) => void): (about: string) => void {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  let times = 0;
  return (about) => {
    times += 1;
    const nowMs = performance.now();
    if (nowMs - saidAtMs < SAID_EVERY_MS) return;
    say(about, times);
    saidAtMs = nowMs;
    times = 0;
  };
}
