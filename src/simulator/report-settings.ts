// What can be set about reports and inbound SMS, for a provider or for all of them, at the start and at run time.
//
// The second half is disorder for tests. Nobody documents that reports come once, in order or after the reply.

import { VolleyError } from "../domain/errors.ts";

export type ReportSettings = {
  /** From the moment that the request was taken to the final report. */
  readonly delayMs: number;
  /** Share of the people who do not get their message. */
  readonly undeliveredShare: number;
  /** The account's own address for reports, where a request may leave it out (Sinch: `defaultCallbackUrl`). */
  readonly url: string | null;
  readonly inboundUrl: string | null;
  /** Goes into the `Authorization` header as it is: "Basic ..." or "Bearer ...". */
  readonly authorization: string | null;
  /** Documented pauses between tries are multiplied by this; 0: at once. */
  readonly retryScale: number;

  /** Each POST is sent so many times. */
  readonly copies: number;
  /** The last recipient's report first, and the final word before the intermediate one. */
  readonly reversed: boolean;
  /** Reports are answered before the reply to their send request leaves; `delayMs` does not count. */
  readonly early: boolean;
  /** So many reports about unknown messages follow those of each request. */
  readonly strays: number;
  /** Most reports in one POST; null: as many as the provider documents. */
  readonly perPostMax: number | null;
};

const DEFAULTS: ReportSettings = {
  delayMs: 1000,
  undeliveredShare: 0.05,
  url: null,
  inboundUrl: null,
  authorization: null,
  retryScale: 1,
  copies: 1,
  reversed: false,
  early: false,
  strays: 0,
  perPostMax: null,
};

export function reportSettings(...changes: readonly (Partial<ReportSettings> | undefined)[]): ReportSettings {
  let settings = DEFAULTS;
  for (const change of changes) if (change !== undefined) settings = { ...settings, ...change };
  checkReportSettings(settings);
  return settings;
}

function checkReportSettings(settings: ReportSettings): void {
  const { delayMs, undeliveredShare, retryScale, copies, strays, perPostMax, authorization } = settings;
  const isWhole = (value: number, min: number) => Number.isInteger(value) && value >= min;
  const problems = [
    Number.isFinite(delayMs) && delayMs >= 0 ? null : "delayMs is not 0 or more",
    undeliveredShare >= 0 && undeliveredShare <= 1 ? null : "undeliveredShare is not a share from 0 to 1",
    Number.isFinite(retryScale) && retryScale >= 0 ? null : "retryScale is not 0 or more",
    isWhole(copies, 1) ? null : "copies is not a whole number from 1",
    isWhole(strays, 0) ? null : "strays is not a whole number from 0",
    perPostMax === null || isWhole(perPostMax, 1) ? null : "perPostMax is not a whole number from 1",
    authorization === null || /^[\x20-\x7e]+$/.test(authorization) ? null : "authorization is no header",
  ].filter((problem) => problem !== null);
  if (problems.length === 0) return;
  throw new VolleyError("usage", `Cannot simulate such reports: ${problems.join(", ")}.`);
}
