// What the demo runs: four accounts at limits that make the limiter work, routes that share and fall back, and the
// trouble that its campaign lives through.

import { type Config, parseConfig } from "../config.ts";
import type { ProviderName } from "../providers/index.ts";
import { simulatedProviders } from "../simulator/registry.ts";

/**
 * A reply that is lost after the batch was taken (Sinch is asked, SMS.CX called again under the same id), people
 * whom Infobip refuses for now (they go on through Sinch), and throttling.
 */
export const TROUBLE: Readonly<Partial<Record<ProviderName, readonly string[]>>> = {
  sinch: ["drop-after-accept=1x"],
  infobip: ["refuse-some=0.02"],
  smscx: ["drop-after-accept=2x"],
  "mobile-digital": ["429-retry-after=3x"],
};

/** Long enough that Infobip's reports do not all come before our own answer is recorded, short enough to watch. */
export const REPORT_DELAY_MS = 300;

const REPORT_SECRET = "demo-secret-of-the-report-door";

export function demoConfig(dataDir: string, simulatorUrl: string, port: number): Config {
  const account = (name: ProviderName, settings: object) => ({
    name,
    provider: name,
    baseUrl: `${simulatorUrl}/${name}`,
    credentials: simulatedProviders[name].credentials,
    ...settings,
  });
  const reports = { secret: REPORT_SECRET };
  const source = JSON.stringify({
    dataDir,
    log: "silent",
    server: { port, publicUrl: `http://127.0.0.1:${port}` },
    webhooks: { allowPrivateAddresses: true },
    accounts: [
      account("sinch", {
        from: "Volley",
        limits: { requestsPerSecond: 20, segmentsPerSecond: 3000, inFlight: 10 },
        reports,
      }),
      account("infobip", {
        from: "Volley",
        limits: { requestsPerSecond: 20, segmentsPerSecond: 3000, inFlight: 10 },
        reports,
      }),
      account("smscx", {
        from: "Volley",
        limits: { requestsPerSecond: 1000, inFlight: 50 },
        reports,
      }),
      account("mobile-digital", {
        limits: { requestsPerSecond: 1000, inFlight: 50 },
      }),
    ],
    routes: [
      {
        prefix: "+61",
        accounts: [
          { name: "mobile-digital", weight: 1 },
          { name: "smscx", weight: 1 },
        ],
      },
      {
        accounts: [
          { name: "infobip", weight: 1 },
          { name: "sinch", weight: 1 },
        ],
      },
    ],
    unknown: { lookUpAfterSeconds: [1, 2, 4] },
  });
  return parseConfig(source, { file: null, environment: {} });
}
