// `volley demo`: the whole system on this machine, for a first look. An embedded Postgres in a folder of its
// own, the simulated providers in a process of their own, one campaign from a CSV file through both, and two
// counts that must agree: the ledger's and the providers'.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { startWorker } from "../../jobs/worker.ts";
import { type Config, parseConfig } from "../config.ts";
import { VolleyError } from "../domain/errors.ts";
import { openHttpServer } from "../http/server.ts";
import type { IntakeResult } from "../intake/accept-campaign.ts";
import type { Parts } from "../parts.ts";
import { createLog } from "../platform/log.ts";
import { DEMO_COUNTRY, DEMO_TEMPLATE, writeDemoRecipients } from "../simulator/demo-recipients.ts";
import { intakeFile, watchUntilFinished } from "./campaign.ts";
import { duration, grouped, print, printTable, say } from "./output.ts";
import { untilStopped, withPartsOf } from "./run.ts";
import { type DemoSimulator, startSimulator } from "./simulator-process.ts";

export type DemoOptions = { readonly recipients: number; readonly keep?: boolean };

const DATABASE_WAIT_MS = 60_000;
const DRAIN_MS = 10_000;
const SEED = 1;
/** What the demo's campaign lives through: throttling, and a batch whose reply is lost after it was taken. */
const TROUBLE = { sinch: ["drop-after-accept=1x"], "mobile-digital": ["429-retry-after=3x"] } as const;

export async function demo(options: DemoOptions): Promise<void> {
  const stopped = options.keep === true ? untilStopped() : null;
  const folder = await mkdtemp(join(tmpdir(), "volley-demo-"));
  const simulator = await startSimulator();
  try {
    const config = demoConfig(folder, simulator.url);
    const agreed = await withPartsOf(config, createLog(config.log), DATABASE_WAIT_MS, (parts) =>
      runDemo(parts, { ...options, folder, simulator, stopped }),
    );
    if (!agreed)
      throw new VolleyError(
        "state_conflict",
        "The ledger and the simulated providers do not agree: this is a fault of Volley.",
      );
  } finally {
    await simulator.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function runDemo(
  parts: Parts,
  run: DemoOptions & { folder: string; simulator: DemoSimulator; stopped: Promise<string> | null },
): Promise<boolean> {
  const { simulator } = run;
  for (const [provider, faults] of Object.entries(TROUBLE))
    await simulator.post("/_/faults", { provider, faults });
  const csv = join(run.folder, "recipients.csv");
  const expected = await writeRecipients(csv, run.recipients);
  say(
    `A campaign to ${grouped(expected.valid)} people, from a CSV file with ${grouped(expected.duplicates)} duplicates and ${grouped(expected.invalid)} bad rows.`,
  );

  const intake = await intakeFile(parts, {
    csv,
    name: "demo",
    template: DEMO_TEMPLATE,
    country: DEMO_COUNTRY,
    class: "marketing",
  });
  for (const error of intake.errors.slice(0, 3)) say(`  row ${error.row}: ${error.reason}`);

  const startedAtMs = performance.now();
  await releaseCampaign(parts, intake.id);
  const worker = await startWorker(parts);
  try {
    const revoking = revokeHalfWay(parts, intake, simulator);
    await watchUntilFinished(parts, intake.id);
    await revoking;
    const tookMs = performance.now() - startedAtMs;
    await printSummary(parts, intake, tookMs);
    const agreed = await compare(parts, intake, expected.valid, simulator);
    if (run.stopped !== null) await stayUp(parts, run.stopped, simulator);
    return agreed;
  } finally {
    await worker.close(DRAIN_MS);
  }
}

/** Two accounts, routed by country, at limits that make the limiter work. */
function demoConfig(dataDir: string, url: string): Config {
  const source = JSON.stringify({
    dataDir,
    log: "silent",
    accounts: [
      {
        name: "sinch",
        provider: "sinch",
        baseUrl: `${url}/sinch`,
        credentials: { projectId: "demo-project", keyId: "demo-id", keySecret: "demo-secret" },
        from: "Volley",
        limits: { requestsPerSecond: 20, segmentsPerSecond: 3000, inFlight: 10 },
      },
      {
        name: "australia",
        provider: "mobile-digital",
        baseUrl: `${url}/mobile-digital`,
        credentials: { clientId: "demo-id", clientSecret: "demo-secret" },
        limits: { requestsPerSecond: 1000, inFlight: 50 },
      },
    ],
    routes: [{ prefix: "+61", accounts: ["australia"] }, { accounts: ["sinch"] }],
    unknown: { lookUpAfterSeconds: [1, 2, 4] },
  });
  return parseConfig(source, { file: null, environment: {} });
}

async function writeRecipients(path: string, count: number) {
  const file = createWriteStream(path);
  const counts = await writeDemoRecipients(file, count, SEED);
  file.end();
  await once(file, "finish");
  return counts;
}

/** In the middle of the campaign every token dies; nobody may be missed, and each account asks for one new token. */
async function revokeHalfWay(parts: Parts, intake: IntakeResult, simulator: DemoSimulator): Promise<void> {
  for (;;) {
    const counts = await parts.ledger.campaigns.counts(intake.id);
    if ((counts.accepted ?? 0) >= intake.accepted / 2) break;
    if ((await parts.ledger.campaigns.find(intake.id))?.finishedAt != null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await simulator.post("/_/revoke-tokens", {});
}

/** Everything here is read back from the ledger. */
async function printSummary(
  { ledger, tokens, accounts }: Parts,
  intake: IntakeResult,
  tookMs: number,
): Promise<void> {
  const counts = await ledger.campaigns.counts(intake.id);
  const facts = await ledger.messages.campaignFacts(intake.id);
  const generations = await Promise.all(
    [...accounts.values()].map(
      async ({ account }) => `${account.name} ${(await tokens.show(account))?.generation ?? 0}`,
    ),
  );
  print();
  printTable(
    ["THE LEDGER SAYS", ""],
    [
      ...Object.entries(counts).map(([state, messages]) => [state, grouped(messages)]),
      ...facts.accounts.map(({ account, accepted }) => [`  through ${account}`, grouped(accepted)]),
      ...facts.reasons.map(({ state, reason, messages }) => [
        `  ${state}: ${reason || "no reason"}`,
        grouped(messages),
      ]),
      [
        "refused rows of the file",
        `${grouped(intake.invalid)} bad, ${grouped(intake.duplicates)} duplicates`,
      ],
      ["retries", grouped(facts.retries)],
      ["put off by a provider (429, 401)", grouped(facts.deferrals)],
      ["unknown, settled by asking the provider", grouped(facts.settledByLookUp)],
      ["tokens fetched", generations.join(", ")],
      [
        "took",
        `${duration(tookMs)}, ${grouped(Math.round((intake.accepted * 1000) / tookMs))} messages/s at the accounts' limits`,
      ],
    ],
  );
}

/** Asks the simulated providers how often each person got a message. */
async function compare(
  parts: Parts,
  intake: IntakeResult,
  valid: number,
  simulator: DemoSimulator,
): Promise<boolean> {
  const received = new Map<string, number>();
  for (const provider of Object.keys(TROUBLE)) {
    for await (const { number, count } of simulator.recipients(provider)) {
      received.set(number, (received.get(number) ?? 0) + count);
    }
  }
  const twice = [...received.values()].filter((count) => count > 1).length;
  const { accepted = 0 } = await parts.ledger.campaigns.counts(intake.id);
  const agreed = received.size === valid && twice === 0 && accepted === valid;
  print();
  print(
    agreed
      ? `The simulated providers say: ${grouped(received.size)} people got exactly one message each.`
      : `The simulated providers say: ${grouped(received.size)} of ${grouped(valid)} people got a message, ${grouped(twice)} more than one.`,
  );
  return agreed;
}

async function stayUp(parts: Parts, stopped: Promise<string>, simulator: DemoSimulator): Promise<void> {
  const { config, faults, reportDoor } = parts;
  const server = await openHttpServer({ ...config.server, readiness: faults, reportDoor });
  say(`Staying up: ${server.url}/readyz, simulated providers on ${simulator.url}/_/summary. Ctrl-C ends it.`);
  await stopped;
  await server.close();
}
