// Placeholder while the real file is written.
import type { MessageClass } from "./message.ts";
import type { TimeZone } from "./time-zone.ts";
export type QuietHours = {
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly classes: readonly MessageClass[];
};
export function quietUntilMs(_nowMs: number, _zones: readonly TimeZone[], _rules: QuietHours): number | null {
  return null;
}
export function quietFromMs(nowMs: number, _zones: readonly TimeZone[], _rules: QuietHours): number {
  return nowMs + 3_600_000;
}
