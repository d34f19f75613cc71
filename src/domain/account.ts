// An account: our credentials at one provider, with its own token, limits and address.

import type { PriceList } from "./price.ts";
import type { Sensitive } from "./sensitive.ts";

export type Account = {
  /** Unique in the configuration; lower-case letters, digits and dashes. */
  readonly name: string;
  /** A name of the registry (providers/index.ts); the configuration takes no other. */
  readonly provider: string;
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
  /** Of a segment, by number; empty: nobody said. */
  readonly prices: PriceList;
  /** Null: it sends as much a day as it can. */
  readonly dayCap: DayCap | null;
  /** Null: no delivery reports are asked for, and none are taken. */
  readonly reports: ReportAccess | null;
  readonly unknown: UnknownPolicy;
};

/** Where the provider brings its delivery reports, and how it shows that it is the provider. */
export type ReportAccess = {
  /** The last part of the path of both doors. Whoever knows it may report, unless a proof is set up beside it. */
  readonly secret: Sensitive<string>;
  /** What the provider is asked to call; ends in the secret. */
  readonly url: Sensitive<string>;
  /** Signs the provider's requests, where the provider signs. */
  readonly hmacSecret: Sensitive<string> | null;
  /** `user:password` that the provider sends by HTTP Basic. */
  readonly basic: Sensitive<string> | null;
  /** Credentials with which the provider gets a token from us first. */
  readonly oauth2: { readonly clientId: string; readonly clientSecret: Sensitive<string> } | null;
  /** A message without a final report for so long is overdue: shown, and looked up where the provider can say. */
  readonly overdueAfterMs: number;
};

export type AccountLimits = {
  readonly requestsPerSecond: number;
  /** Null: the provider counts requests only. */
  readonly segmentsPerSecond: number | null;
  /** Provider calls at once, in each worker. */
  readonly inFlight: number;
};

/** What an account may send in a day of UTC at most, by the database's clock; null: no bound. */
export type DayCap = { readonly messages: number | null; readonly costMicros: number | null };

export type UnknownPolicy = {
  /** Seconds after the attempt became unknown at which the provider is asked; one entry, one question. */
  readonly lookUpAfterSeconds: readonly number[];
  readonly resendTransactionalAfterSeconds: number;
};
