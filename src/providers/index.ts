// [5] The providers, by the name that volley.yaml uses. A new one is one line; everything else asks this registry.

import assert from "node:assert";
import type { Account } from "../domain/account.ts";
import { infobip } from "./infobip.ts";
import { mobileDigital } from "./mobile-digital.ts";
import type { Provider } from "./provider.ts";
import { sinch } from "./sinch.ts";
import { smscx } from "./smscx.ts";

export const providers = {
  sinch,
  infobip,
  smscx,
  "mobile-digital": mobileDigital,
} as const satisfies Providers;

export type Providers = Readonly<Record<string, Provider>>;
export type ProviderName = keyof typeof providers;

// Object.keys forgets what it was given.
export const providerNames = Object.keys(providers) as readonly ProviderName[];

export function isProviderName(value: unknown): value is ProviderName {
  return providerNames.some((name) => name === value);
}

export function providerOf({ name, provider }: Account, among: Providers = providers): Provider {
  const found = Object.hasOwn(among, provider) ? among[provider] : undefined;
  assert(found !== undefined, `Account ${name} has no provider; the configuration was to check that.`);
  return found;
}
