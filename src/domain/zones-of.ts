// Placeholder while the real file is written.
import type { PhoneNumber } from "./phone-number.ts";
import type { TimeZone } from "./time-zone.ts";
export function zonesOfNumber(_to: PhoneNumber): readonly TimeZone[] {
  return [];
}
