// The Retry-After header of RFC 9110 (10.2.3): seconds or an HTTP date, from servers that may send anything.

const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 900_000;
/** Both HTTP date forms begin with a weekday; Date.parse alone would read "-1" as a day in 2001. */
const DATE = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i;

/** Milliseconds to wait, clamped; null when there is no hint, or none that can be understood. */
export function readRetryAfterMs(
  headers: Readonly<Record<string, string>>,
  waitMsMax: number = WAIT_MS_MAX,
): number | null {
  const value = headers["retry-after"]?.trim() ?? "";
  if (/^\d{1,15}$/.test(value)) return clamp(Number(value) * 1_000, waitMsMax);
  if (!DATE.test(value)) return null;
  // Measured against the server's own clock where it tells it, since ours may be wrong.
  const until = Date.parse(value);
  const now = Date.parse(headers.date ?? "");
  return Number.isNaN(until) ? null : clamp(until - (Number.isNaN(now) ? Date.now() : now), waitMsMax);
}

function clamp(ms: number, msMax: number): number {
  return Math.min(Math.max(ms, WAIT_MS_MIN), msMax);
}
