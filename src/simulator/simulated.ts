// A provider as the simulator's registry has it: settings of its own, how it is built, and a login that fits them.

import { createLine, type Line, type SharedByLines } from "./line.ts";
import { completeSettings, type ProviderOptions, type ProviderSettings } from "./options.ts";
import type { SimulatedProvider, SimulatorTools } from "./provider.ts";

/** Of these a provider has values of its own; the rest is for tests and the command line to set. */
type OwnDefaults = Partial<Omit<ProviderSettings, "reports">>;

export type Simulated<Own extends object = object> = {
  /** What an account of volley.yaml logs in with. */
  readonly credentials: Readonly<Record<string, string>>;
  /** A method: of those alone one registry can hold several, each with settings of its own. */
  open(name: string, given: GivenOptions<Own>, shared: SharedByLines): Line;
};

export type GivenOptions<Own extends object> = {
  readonly forAll: ProviderOptions;
  readonly own: (ProviderOptions & Partial<Own>) | undefined;
};

/** What can be set for this provider. */
export type OptionsOf<Kind> = Kind extends Simulated<infer Own> ? ProviderOptions & Partial<Own> : never;

export function defineSimulated<Own extends object>({
  credentials,
  defaults,
  build,
}: {
  readonly credentials: Readonly<Record<string, string>>;
  readonly defaults: Own & OwnDefaults;
  readonly build: (settings: ProviderSettings & Own, tools: SimulatorTools) => SimulatedProvider;
}): Simulated<Own> {
  return {
    credentials,
    open(name, given, shared) {
      const settings = completeSettings(name, defaults, given);
      return createLine(settings, (tools) => build(settings, tools), shared);
    },
  };
}
