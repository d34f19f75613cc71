// Is this international number one that a person can have, and in which country? Answers from the metadata of
// libphonenumber (its fullest build, "max": the smaller ones know no types, so they guess wrong between the
// countries that share a calling code), compiled once per calling code, because the package itself builds
// its patterns anew for each number: 50,000 numbers a second there, 350,000 to 900,000 here (one busy core).
//
// A number stands if the metadata calls it valid, or if it has its country's general shape and the length
// of a mobile number there. The second half is deliberate: the metadata is older than tomorrow's ranges and
// leaves out those kept for films and tests (+44 7700 900xxx). A number too many costs one refusal by a
// provider; a person refused at the door hears nothing at all.

import { type CountryCode, Metadata, type MetadataJson } from "libphonenumber-js/core";
import metadata from "libphonenumber-js/max/metadata";

export type { CountryCode };
export { metadata as numberingMetadata };

export type Standing = {
  readonly stands: boolean;
  /** Null for calling codes of no country (+883), and where countries share one and none claims the number. */
  readonly country: CountryCode | null;
};

const CALLING_CODE_DIGITS_MAX = 3;

/** The calling code at the head of `digits`, or null; no calling code is the head of another. */
export function callingCodeOf(digits: string): string | null {
  for (let length = 1; length <= CALLING_CODE_DIGITS_MAX; length += 1) {
    const head = digits.slice(0, length);
    if (callingCodes.has(head)) return head;
  }
  return null;
}

/** The countries that share a calling code; none for one of no country. */
export function countriesOf(callingCode: string): readonly CountryCode[] {
  return metadata.country_calling_codes[callingCode] ?? [];
}

export function isCountry(code: string): code is CountryCode {
  return Object.hasOwn(metadata.countries, code);
}

/** `national` is the national significant number: no trunk prefix, digits only. */
export function judgeNumber(callingCode: string, national: string): Standing {
  const plans = plansOf(callingCode);
  const main = plans[0];
  if (main === undefined) return { stands: false, country: null };
  const owner = plans.length === 1 ? main : plans.find((plan) => claims(plan, national));
  const stands = isValid(owner ?? main, national) || isMobileShaped(main, national);
  return { stands, country: owner?.country ?? null };
}

/**
 * What a number dialled inside `country` is for the world; null where only the package can tell (another
 * country's prefix at its head, carrier codes, local numbers that want an area code). To be judged afterwards.
 */
export function internationalise(digits: string, country: CountryCode): string | null {
  const { callingCode, trunk, trunkForms, abroad } = homePlanOf(country);
  if (abroad.test(digits)) return null;
  if (trunk === "" || !digits.startsWith(trunk)) {
    return digits.startsWith(callingCode) || trunkForms?.test(digits) ? null : callingCode + digits;
  }
  return callingCode + digits.slice(trunk.length);
}

// --- one country's plan -----------------------------------------------------------------------------------

type Plan = {
  readonly country: CountryCode | null;
  readonly shape: RegExp;
  /** Where countries share a calling code: what a number of this one starts with. */
  readonly head: RegExp | null;
  readonly kinds: readonly { readonly lengths: ReadonlySet<number>; readonly pattern: RegExp }[];
  readonly mobileLengths: ReadonlySet<number>;
};

/** How people dial inside a country. */
type HomePlan = {
  readonly callingCode: string;
  /** The national prefix, mostly "0"; empty where there is none. */
  readonly trunk: string;
  readonly trunkForms: RegExp | null;
  /** What a number of another country starts with. */
  readonly abroad: RegExp;
};

function claims(plan: Plan, national: string): boolean {
  return plan.head === null ? isValid(plan, national) : plan.head.test(national);
}

function isValid(plan: Plan, national: string): boolean {
  return (
    plan.shape.test(national) &&
    plan.kinds.some((kind) => kind.lengths.has(national.length) && kind.pattern.test(national))
  );
}

function isMobileShaped(plan: Plan, national: string): boolean {
  return plan.mobileLengths.has(national.length) && plan.shape.test(national);
}

// --- from the metadata ------------------------------------------------------------------------------------

const callingCodes: ReadonlySet<string> = new Set([
  ...Object.keys(metadata.country_calling_codes),
  ...Object.keys(metadata.nonGeographic),
]);
const compiled = new Map<string, readonly Plan[]>();
const homes = new Map<CountryCode, HomePlan>();

function plansOf(callingCode: string): readonly Plan[] {
  const known = compiled.get(callingCode);
  if (known !== undefined) return known;
  const countries = countriesOf(callingCode);
  const plans =
    countries.length > 0
      ? countries.map((country) => compilePlan(country, country))
      : callingCodes.has(callingCode)
        ? [compilePlan(callingCode, null)]
        : [];
  if (plans.length > 0) compiled.set(callingCode, plans);
  return plans;
}

const kindNames = [
  "FIXED_LINE",
  "MOBILE",
  "PREMIUM_RATE",
  "TOLL_FREE",
  "SHARED_COST",
  "VOIP",
  "PERSONAL_NUMBER",
  "PAGER",
  "UAN",
  "VOICEMAIL",
] as const;

/** The package's own reader of its metadata; its type declarations leave most of it out. */
type PlanReader = {
  selectNumberingPlan: (countryOrCallingCode: string) => { numberingPlan: HomeReader };
  nationalNumberPattern: () => string;
  leadingDigits: () => string | undefined;
  type: (name: (typeof kindNames)[number]) => KindReader | undefined;
};
type HomeReader = {
  callingCode: () => string;
  IDDPrefix: () => string;
  nationalPrefix: () => string | 0 | undefined;
  nationalPrefixForParsing: () => string | 0 | undefined;
  nationalPrefixTransformRule: () => string | 0 | undefined;
};
type KindReader = { pattern: () => string | undefined; possibleLengths: () => number[] };
const Reader = Metadata as unknown as new (json: MetadataJson) => PlanReader;

const EVERYTHING = /^/;

function homePlanOf(country: CountryCode): HomePlan {
  const known = homes.get(country);
  if (known !== undefined) return known;
  const reader = new Reader(metadata).selectNumberingPlan(country).numberingPlan;
  const forms = reader.nationalPrefixForParsing();
  const plan = {
    callingCode: reader.callingCode(),
    trunk: reader.nationalPrefix() || "",
    trunkForms: forms ? new RegExp(`^(?:${forms})`) : null,
    // A country whose local numbers are rewritten on the way has no short cut.
    abroad: reader.nationalPrefixTransformRule() ? EVERYTHING : new RegExp(`^(?:${reader.IDDPrefix()})`),
  };
  homes.set(country, plan);
  return plan;
}

function compilePlan(countryOrCallingCode: string, country: CountryCode | null): Plan {
  const reader = new Reader(metadata);
  reader.selectNumberingPlan(countryOrCallingCode);
  const head = reader.leadingDigits();
  return {
    country,
    shape: new RegExp(`^(?:${reader.nationalNumberPattern()})$`),
    head: head ? new RegExp(`^(?:${head})`) : null,
    kinds: kindNames.flatMap((name) => {
      const kind = reader.type(name);
      const pattern = kind?.pattern();
      if (kind === undefined || !pattern) return [];
      return [{ lengths: new Set(kind.possibleLengths()), pattern: new RegExp(`^(?:${pattern})$`) }];
    }),
    mobileLengths: new Set(reader.type("MOBILE")?.possibleLengths() ?? []),
  };
}
