// In which time zones a number's owner may be: those of its country, as far as the number says it.

import { callingCodeOf, countriesOf } from "./numbering-plan.ts";
import { type CountryCode, type PhoneNumber, parsePhoneNumber } from "./phone-number.ts";
import { localTime, type TimeZone, zoneNamed } from "./time-zone.ts";

/** Zones whose clocks agree at all of these are one zone to us: the first of each month for three years. */
const MONTHS_COMPARED = 36;
const MONTH_MS = 30.4375 * 86_400_000;

const byCountry = new Map<CountryCode, readonly TimeZone[]>();
const byCallingCode = new Map<string, readonly TimeZone[]>();

/** All of them when the country has several, and those of all countries that it may be; empty: nobody knows. */
export function zonesOfNumber(number: PhoneNumber): readonly TimeZone[] {
  const reading = parsePhoneNumber(number);
  return zonesOfReading({ number, country: reading.ok ? reading.country : null });
}

/** For those who have read the number already. */
export function zonesOfReading({
  number,
  country,
}: {
  readonly number: PhoneNumber;
  readonly country: CountryCode | null;
}): readonly TimeZone[] {
  if (country !== null) return zonesOf(country);
  const callingCode = callingCodeOf(number.slice(1));
  if (callingCode === null) return [];
  const known = byCallingCode.get(callingCode) ?? distinct(countriesOf(callingCode).flatMap(zonesOf));
  byCallingCode.set(callingCode, known);
  return known;
}

export function zonesOf(country: CountryCode): readonly TimeZone[] {
  const known = byCountry.get(country) ?? readZones(country);
  byCountry.set(country, known);
  return known;
}

function readZones(country: CountryCode): readonly TimeZone[] {
  // The compiler's library does not know this method yet.
  const locale: Intl.Locale & { getTimeZones?: () => string[] | undefined } = new Intl.Locale("und", {
    region: country,
  });
  const names = locale.getTimeZones?.() ?? [];
  return distinct(names.flatMap((name) => zoneNamed(name) ?? []));
}

/** Of zones that agree, the first by name. */
function distinct(zones: readonly TimeZone[]): readonly TimeZone[] {
  const nowMs = Date.now();
  const byClock = new Map<string, TimeZone>();
  for (const zone of zones.toSorted()) {
    const clock = Array.from(
      { length: MONTHS_COMPARED },
      (_, month) => localTime(nowMs + month * MONTH_MS, zone).offset,
    ).join();
    if (!byClock.has(clock)) byClock.set(clock, zone);
  }
  return [...byClock.values()];
}
