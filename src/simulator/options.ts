// What a simulator can be told, and what it does when told nothing. Every setting can be given for all
// providers at once or for one of them.

import { VolleyError } from "../domain/errors.ts";
import { checkFaults, type FaultRule } from "./faults.ts";
import type { InfobipSettings } from "./infobip.ts";
import type { TokenRate } from "./oauth.ts";
import type { Clock, SimulatedProviderName } from "./provider.ts";
import { type ReportSettings, reportSettings } from "./report-settings.ts";
import type { SmscxSettings } from "./smscx.ts";

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

export type SinchOptions = ProviderOptions & {
  readonly projectId?: string;
  readonly servicePlanId?: string;
  readonly apiToken?: string;
  readonly defaultCallbackUrl?: string | null;
  readonly hmacSecret?: string | null;
};

export type InfobipOptions = ProviderOptions & Partial<InfobipSettings>;
export type SmscxOptions = ProviderOptions & Partial<SmscxSettings>;

export type SimulatorOptions = ProviderOptions & {
  /** 0, the default: a free one. */
  readonly port?: number;
  /** The same seed and the same order of calls make the same faults. */
  readonly seed?: number;
  /** Keeps texts and the recipients of every call: for tests, not for a million recipients. */
  readonly keepDetails?: boolean;
  readonly clock?: Clock;
  readonly providers?: {
    readonly sinch?: SinchOptions;
    readonly infobip?: InfobipOptions;
    readonly smscx?: SmscxOptions;
    readonly "mobile-digital"?: ProviderOptions;
  };
};

type Complete<Options extends ProviderOptions> = Required<Omit<Options, "reports">> & {
  readonly reports: ReportSettings;
};
export type ProviderSettings = Complete<ProviderOptions>;
export type SinchProviderSettings = Complete<SinchOptions>;
export type InfobipProviderSettings = Complete<InfobipOptions>;
export type SmscxProviderSettings = Complete<SmscxOptions>;

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

const SINCH_DEFAULTS: SinchProviderSettings = {
  ...DEFAULTS,
  // A bucket of 30 that refills at 10 a second: sinch/sinch-sdk-node, packages/sdk-client, oauth2-token.request.ts.
  tokenRate: { burst: 30, perSecond: 10 },
  projectId: "demo-project",
  servicePlanId: "demo-plan",
  apiToken: "demo-token",
  defaultCallbackUrl: null,
  hmacSecret: null,
};

const INFOBIP_DEFAULTS: InfobipProviderSettings = {
  ...DEFAULTS,
  // The life of a real token is not public: 3600 is the document's example. 10 a second and 120 a minute are its
  // x-throttling-info for the token and the logs; that they are buckets is ASSUMED.
  scopes: ["message:send", "sms:logs:read", "inbound-message:read", "subscriptions:manage"],
  tokenRate: { burst: 10, perSecond: 10 },
  apiKey: "demo-key",
  logsRate: { burst: 120, perSecond: 2 },
};

const SMSCX_DEFAULTS: SmscxProviderSettings = {
  ...DEFAULTS,
  tokenLifeSeconds: 86_400,
  // https://sms.cx/sms-api-documentation: all that an application may have.
  scopes: (
    "sms viber whatsapp multichannel conversations reports groups originators templates shortlinks attachments " +
    "optouts account applications numbers"
  ).split(" "),
  apiKey: "demo-key",
  approvedSenders: null,
  // ASSUMED: no prices for satellite phones and international networks.
  noCoveragePrefixes: ["870", "881", "882", "883"],
};

const MOBILE_DIGITAL_DEFAULTS: ProviderSettings = {
  ...DEFAULTS,
  // https://www.apimobiledigital.com/oauth2-api-docs.html names these three for SMS.
  scopes: ["read", "write", "admin"],
};

export function sinchSettings(options: SimulatorOptions): SinchProviderSettings {
  const settings = complete(SINCH_DEFAULTS, options, options.providers?.sinch);
  checkSettings("sinch", settings);
  return settings;
}

export function infobipSettings(options: SimulatorOptions): InfobipProviderSettings {
  const settings = complete(INFOBIP_DEFAULTS, options, options.providers?.infobip);
  checkSettings("infobip", settings);
  return settings;
}

export function smscxSettings(options: SimulatorOptions): SmscxProviderSettings {
  const settings = complete(SMSCX_DEFAULTS, options, options.providers?.smscx);
  checkSettings("smscx", settings);
  return settings;
}

export function mobileDigitalSettings(options: SimulatorOptions): ProviderSettings {
  const settings = complete(MOBILE_DIGITAL_DEFAULTS, options, options.providers?.["mobile-digital"]);
  checkSettings("mobile-digital", settings);
  return settings;
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

/** A provider's own options go before those for all; reports field by field. */
function complete<Settings extends ProviderSettings>(
  defaults: Settings,
  options: SimulatorOptions,
  own: Partial<Omit<Settings, "reports">> & Pick<ProviderOptions, "reports"> = {},
): Settings {
  const reports = reportSettings(options.reports, own.reports);
  return { ...defaults, ...sharedOptions(options), ...own, reports };
}

function sharedOptions(options: SimulatorOptions): ProviderOptions {
  const { port: _port, seed: _seed, keepDetails: _keep, clock: _clock, providers: _own, ...shared } = options;
  return shared;
}

function checkSettings(provider: SimulatedProviderName, settings: ProviderSettings): void {
  checkLimit(`${provider} requestsPerSecond`, settings.requestsPerSecond);
  checkLimit(`${provider} segmentsPerSecond`, settings.segmentsPerSecond);
  checkWait(`${provider} latencyMs`, settings.latencyMs);
  checkWait(`${provider} latencyJitterMs`, settings.latencyJitterMs);
  checkFaults(settings.faults);
}
