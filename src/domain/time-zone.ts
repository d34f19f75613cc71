// Placeholder while the real file is written.
export type TimeZone = string & { readonly brand: "TimeZone" };
export type Reading<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly reason: string };
export function parseTimeZone(text: string): Reading<{ readonly zone: TimeZone }> {
  return { ok: true, zone: text as TimeZone };
}
export function parseMoment(text: string, _zone: TimeZone | null): Reading<{ readonly atMs: number }> {
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? { ok: false, reason: "not a time" } : { ok: true, atMs };
}
