// [5] The providers, by the name that volley.yaml uses.

import type { ProviderName } from "../domain/account.ts";
import { infobip } from "./infobip.ts";
import { mobileDigital } from "./mobile-digital.ts";
import type { Provider } from "./provider.ts";
import { sinch } from "./sinch.ts";
import { smscx } from "./smscx.ts";

export const providers: Readonly<Record<ProviderName, Provider>> = {
  sinch,
  infobip,
  smscx,
  "mobile-digital": mobileDigital,
};
