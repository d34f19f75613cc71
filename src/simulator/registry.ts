// The simulated providers, by the name that volley.yaml uses. A new one is one line here.

import { infobipSimulated } from "./infobip.ts";
import { mobileDigitalSimulated } from "./mobile-digital.ts";
import type { OptionsOf, Simulated } from "./simulated.ts";
import { sinchSimulated } from "./sinch.ts";
import { smscxSimulated } from "./smscx.ts";

export const simulatedProviders = {
  sinch: sinchSimulated,
  infobip: infobipSimulated,
  smscx: smscxSimulated,
  "mobile-digital": mobileDigitalSimulated,
} as const satisfies Readonly<Record<string, Simulated>>;

export type SimulatedProviderName = keyof typeof simulatedProviders;
export type OwnOptions = {
  readonly [Name in SimulatedProviderName]?: OptionsOf<(typeof simulatedProviders)[Name]>;
};
