// [5] Placeholder while the adapter is being written.
import { sinch } from "./sinch.ts";
import type { Provider } from "./provider.ts";
export const smscx: Provider = { ...sinch, name: "smscx" };
