// `volley simulate`: the simulated providers on loopback, until it is told to stop.

import { parseFault } from "../simulator/faults.ts";
import { simulatedProviders } from "../simulator/registry.ts";
import { createSimulator } from "../simulator/server.ts";
import { print, say } from "./output.ts";
import { untilStopped } from "./run.ts";

export type SimulateOptions = {
  readonly port: number;
  readonly rate?: number;
  readonly latency: number;
  readonly fault: readonly string[];
  readonly reportDelay: number;
  readonly undelivered: number;
};

export async function simulate(options: SimulateOptions): Promise<void> {
  const { port, rate, latency, fault, reportDelay, undelivered } = options;
  const stopped = untilStopped();
  const simulator = await createSimulator({
    port,
    requestsPerSecond: rate ?? null,
    latencyMs: latency,
    faults: fault.map(parseFault),
    reports: { delayMs: reportDelay, undeliveredShare: undelivered },
  });
  // The address alone on stdout, so that a script can read it.
  print(simulator.url);
  const accounts = Object.entries(simulatedProviders).map(
    ([name, { credentials }]) =>
      `  - { name: ${name}, provider: ${name}, baseUrl: "${simulator.url}/${name}",\n` +
      `      credentials: { ${wordSettings(credentials)} } }`,
  );
  say(`Simulated providers are up. In volley.yaml:

accounts:
${accounts.join("\n")}

What they accepted: ${simulator.url}/_/summary`);
  await stopped;
  await simulator.close();
}

function wordSettings(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
}
