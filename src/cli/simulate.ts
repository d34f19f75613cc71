// `volley simulate`: the simulated providers on loopback, until it is told to stop.

import { parseFault } from "../simulator/faults.ts";
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
  say(`Simulated providers are up. In volley.yaml:

accounts:
  - { name: sinch, provider: sinch, baseUrl: "${simulator.baseUrl("sinch")}",
      credentials: { projectId: demo-project, keyId: demo-id, keySecret: demo-secret } }
  - { name: infobip, provider: infobip, baseUrl: "${simulator.baseUrl("infobip")}",
      credentials: { clientId: demo-id, clientSecret: demo-secret } }
  - { name: smscx, provider: smscx, baseUrl: "${simulator.baseUrl("smscx")}",
      credentials: { applicationId: demo-id, applicationSecret: demo-secret } }
  - { name: mobile, provider: mobile-digital, baseUrl: "${simulator.baseUrl("mobile-digital")}",
      credentials: { clientId: demo-id, clientSecret: demo-secret } }

What they accepted: ${simulator.url}/_/summary`);
  await stopped;
  await simulator.close();
}
