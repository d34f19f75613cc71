// An account: our credentials at one provider, with its own token, limits and address.

import type { Sensitive } from "./sensitive.ts";

export const providerNames = ["sinch", "mobile-digital"] as const;
export type ProviderName = (typeof providerNames)[number];

export type Account = {
  /** Unique in the configuration; lower-case letters, digits and dashes. */
  readonly name: string;
  readonly provider: ProviderName;
  /** Values that authenticate, by the names of volley.yaml (`keyId`, `keySecret` ...). */
  readonly credentials: Readonly<Record<string, Sensitive<string>>>;
  /** Where each credential came from, for errors: the environment variable's name or the config path. */
  readonly credentialSources: Readonly<Record<string, string>>;
  /** Not secret, from `credentials` too: the region of the provider's host. */
  readonly region: string | null;
  /** Overrides the provider's documented hosts; no trailing slash. */
  readonly baseUrl: string | null;
  readonly tokenUrl: string | null;
  readonly from: string | null;
  readonly limits: AccountLimits;
  readonly unknown: UnknownPolicy;
};

export type AccountLimits = {
  readonly requestsPerSecond: number;
  /** Null: the provider counts requests only. */
  readonly segmentsPerSecond: number | null;
  /** Provider calls at once, in each worker. */
  readonly inFlight: number;
};

export type UnknownPolicy = {
  /** Seconds after the attempt became unknown at which the provider is asked; one entry, one question. */
  readonly lookUpAfterSeconds: readonly number[];
  readonly resendTransactionalAfterSeconds: number;
};
