// What a simulator can be told, and what it does when told nothing. Every setting can be given for all
// providers at once or for one of them.

import { VolleyError } from "../domain/errors.ts";
import { checkFaults, type FaultRule } from "./faults.ts";
import type { TokenRate } from "./oauth.ts";
import type { Clock } from "./provider.ts";
import type { OwnOptions } from "./registry.ts";
import { type ReportSettings, reportSettings } from "./report-settings.ts";
import type { GivenOptions } from "./simulated.ts";

export type ProviderOptions = {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** What the client may be granted; Sinch has no scopes. */
  readonly scopes?: readonly string[];
  /** Goes into `expires_in` as it is, a string too; null leaves the field out. */
  readonly tokenLifeSeconds?: number | string | null;
  /** When tokens really die, if not when `expires_in` says. */
  readonly tokenRealLifeSeconds?: number | null;
  /** Hands a living token out again instead of a new one. */
  readonly sameToken?: boolean;
  /** The token endpoint's own limit; null: none. */
  readonly tokenRate?: TokenRate | null;
  /** Send requests above this in any sliding second get a 429; null: no limit. */
  readonly requestsPerSecond?: number | null;
  readonly segmentsPerSecond?: number | null;
  /** Put into the `Retry-After` of those 429s; null leaves the header out. */
  readonly retryAfterSeconds?: number | null;
  /** Every reply waits this long, and up to the jitter longer. */
  readonly latencyMs?: number;
  readonly latencyJitterMs?: number;
  readonly faults?: readonly FaultRule[];
  readonly reports?: Partial<ReportSettings>;
};

export type SimulatorOptions = ProviderOptions & {
  /** 0, the default: a free one. */
  readonly port?: number;
  /** The same seed and the same order of calls make the same faults. */
  readonly seed?: number;
  /** Keeps texts and the recipients of every call: for tests, not for a million recipients. */
  readonly keepDetails?: boolean;
  readonly clock?: Clock;
  readonly providers?: OwnOptions;
};

export type ProviderSettings = Required<Omit<ProviderOptions, "reports">> & {
  readonly reports: ReportSettings;
};

export const systemClock: Clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };

const DEFAULTS: ProviderSettings = {
  clientId: "demo-id",
  clientSecret: "demo-secret",
  scopes: [],
  tokenLifeSeconds: 3600,
  tokenRealLifeSeconds: null,
  sameToken: false,
  tokenRate: null,
  requestsPerSecond: null,
  segmentsPerSecond: null,
  retryAfterSeconds: null,
  latencyMs: 0,
  latencyJitterMs: 0,
  faults: [],
  reports: reportSettings(),
};

/** A provider's own options go before those for all, and those before its defaults; reports field by field. */
export function completeSettings<Own extends object>(
  provider: string,
  defaults: Own & Partial<ProviderSettings>,
  { forAll, own }: GivenOptions<Own>,
): ProviderSettings & Own {
  const reports = reportSettings(forAll.reports, own?.reports);
  const settings = { ...DEFAULTS, ...defaults, ...forAll, ...own, reports };
  checkLimit(`${provider} requestsPerSecond`, settings.requestsPerSecond);
  checkLimit(`${provider} segmentsPerSecond`, settings.segmentsPerSecond);
  checkWait(`${provider} latencyMs`, settings.latencyMs);
  checkWait(`${provider} latencyJitterMs`, settings.latencyJitterMs);
  checkFaults(settings.faults);
  return settings;
}

/** Without what is the simulator's alone. */
export function optionsForAll(options: SimulatorOptions): ProviderOptions {
  const { port: _port, seed: _seed, keepDetails: _keep, clock: _clock, providers: _own, ...forAll } = options;
  return forAll;
}

/** Null or a positive number: what a limit, typed by a person, may be. */
export function checkLimit(name: string, value: number | null): void {
  if (value === null || value > 0) return;
  throw new VolleyError("usage", `Cannot simulate ${name} ${value}: it takes a number above 0.`);
}

export function checkWait(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new VolleyError("usage", `Cannot simulate ${name} ${value}: it takes milliseconds, 0 or more.`);
}
