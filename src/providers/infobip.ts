// [5] Placeholder while the adapter is being written.
import { sinch } from "./sinch.ts";
import type { Provider } from "./provider.ts";
export const infobip: Provider = { ...sinch, name: "infobip" };
