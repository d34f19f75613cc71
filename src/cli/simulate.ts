// `volley simulate`: the simulated providers on loopback, until it is told to stop.

import { VolleyError } from "../domain/errors.ts";
import { parseFault } from "../simulator/faults.ts";
import { createSimulator } from "../simulator/server.ts";
import { print, say } from "./output.ts";
import { untilStopped } from "./run.ts";

export type SimulateOptions = {
  readonly port: number;
  readonly rate?: number;
  readonly latency: number;
  readonly fault: readonly string[];
};

export async function simulate(options: SimulateOptions): Promise<void> {
  const stopped = untilStopped();
  const faults = options.fault.map((text) => {
    const fault = parseFault(text);
    if (!fault.ok) throw new VolleyError("usage", `--fault ${text}: ${fault.reason}`);
    return fault.fault;
  });
  const simulator = await createSimulator({ port: options.port, requestsPerSecond: options.rate, latencyMs: options.latency, faults });
  print(simulator.url);
  say(`Simulated providers are up. In volley.yaml:

accounts:
  - { name: sinch, provider: sinch, baseUrl: "${simulator.url}/sinch",
      credentials: { projectId: demo-project, keyId: demo-id, keySecret: demo-secret } }
  - { name: mobile, provider: mobile-digital, baseUrl: "${simulator.url}/mobile-digital",
      credentials: { clientId: demo-id, clientSecret: demo-secret } }

What they accepted: ${simulator.url}/_/summary`);
  await stopped;
  await simulator.close();
}
