// [5] Where an account's batches live at Sinch: which host and path follows from how it logs in.

import type { Account } from "../domain/account.ts";
import { revealCredential } from "./credentials.ts";

/** The region that the vendor's own clients use when none is given. */
const DEFAULT_REGION = "us";

/** A project with an access key; otherwise a service plan with an API token. */
export function usesOAuth2(account: Account): boolean {
  return account.credentials.projectId !== undefined;
}

export function batchesUrl(account: Account): string {
  const region = account.region ?? DEFAULT_REGION;
  const host = usesOAuth2(account) ? `zt.${region}` : region;
  const id = revealCredential(account, usesOAuth2(account) ? "projectId" : "servicePlanId");
  return `${account.baseUrl ?? `https://${host}.sms.api.sinch.com`}/xms/v1/${encodeURIComponent(id)}/batches`;
}
