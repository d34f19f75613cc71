// `volley demo`: the whole system on this machine, for a first look. An embedded Postgres in a folder of its
// own, the simulated providers in a process of their own, one campaign from a CSV file through all four of them,
// their delivery reports, webhooks to a customer's system, and counts that must agree on all sides.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { startWorker } from "../../jobs/worker.ts";
import { VolleyError } from "../domain/errors.ts";
import { openHttpServer } from "../http/server.ts";
import type { AcceptedCampaign } from "../intake/accept-campaign.ts";
import { acceptEndpoint } from "../intake/accept-endpoint.ts";
import type { Parts } from "../parts.ts";
import { findFreePort } from "../platform/free-port.ts";
import { createLog } from "../platform/log.ts";
import { DEMO_COUNTRY, DEMO_TEMPLATE, writeDemoRecipients } from "../simulator/demo-recipients.ts";
import { createWebhookReceiver, type WebhookReceiver } from "../simulator/webhook-receiver.ts";
import { apiDoors } from "./api-doors.ts";
import { intakeFile, watchUntilFinished } from "./campaign.ts";
import { demoConfig, REPORT_DELAY_MS, TROUBLE } from "./demo-config.ts";
import { compare, printSummary, type Witnesses } from "./demo-summary.ts";
import { grouped, say, startProgress } from "./output.ts";
import { untilStopped, withPartsOf } from "./run.ts";
import { startSimulator } from "./simulator-process.ts";

export type DemoOptions = { readonly recipients: number; readonly keep?: boolean };
type Run = DemoOptions & Witnesses & { readonly folder: string; readonly stopped: Promise<string> | null };
/** Where to watch, and with which key. */
type Dashboard = { readonly url: string; readonly key: string };

const DATABASE_WAIT_MS = 60_000;
const DRAIN_MS = 10_000;
const SEED = 1;
const POLL_MS = 100;
/** Reports and webhooks come at some thousand a second; a provider that is asked again is so after half a minute. */
const NEWS_WAIT_MS = 60_000;

export async function demo(options: DemoOptions): Promise<void> {
  const stopped = options.keep === true ? untilStopped() : null;
  const folder = await mkdtemp(join(tmpdir(), "volley-demo-"));
  const simulator = await startSimulator(["--report-delay", String(REPORT_DELAY_MS)]);
  const receiver = await createWebhookReceiver();
  try {
    const config = demoConfig(folder, simulator.url, await findFreePort());
    const agreed = await withPartsOf(
      config,
      { log: createLog(config.log), waitMs: DATABASE_WAIT_MS },
      (parts) => runDemo(parts, { ...options, folder, simulator, receiver, stopped }),
    );
    if (!agreed)
      throw new VolleyError(
        "state_conflict",
        "The ledger, the simulated providers and the customer's system do not agree: this is a fault of Volley.",
      );
  } finally {
    await receiver.close();
    await simulator.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function runDemo(parts: Parts, run: Run): Promise<boolean> {
  const { config, faults, reportDoor } = parts;
  const server = await openHttpServer({
    ...config.server,
    readiness: faults,
    reportDoor,
    api: apiDoors(parts),
  });
  try {
    for (const [provider, names] of Object.entries(TROUBLE))
      await run.simulator.post("/_/faults", { provider, faults: names });
    await addEndpoint(parts, run.receiver);
    const dashboard = { url: `${server.url}/`, key: await createDashboardKey(parts) };
    if (run.stopped !== null) say(`The dashboard: ${dashboard.url} with the API key ${dashboard.key}`);
    const csv = join(run.folder, "recipients.csv");
    const { valid, ...refused } = await writeRecipients(csv, run.recipients);
    say(
      `A campaign to ${grouped(valid)} people, from a CSV file with ${grouped(refused.duplicates)} duplicates and ${grouped(refused.invalid)} bad rows.`,
    );
    const intake = await intakeFile(parts, {
      csv,
      name: "demo",
      template: DEMO_TEMPLATE,
      country: DEMO_COUNTRY,
      class: "marketing",
    });
    for (const error of intake.errors.slice(0, 3)) say(`  row ${error.row}: ${error.reason}`);
    return await sendAndCompare(parts, intake, valid, { ...run, dashboard });
  } finally {
    await server.close();
  }
}

async function sendAndCompare(
  parts: Parts,
  intake: AcceptedCampaign,
  valid: number,
  run: Run & { readonly dashboard: Dashboard },
): Promise<boolean> {
  const startedAtMs = performance.now();
  await releaseCampaign(parts, intake.id);
  const worker = await startWorker(parts);
  try {
    await Promise.all([watchUntilFinished(parts, intake.id), revokeHalfWay(parts, intake, run)]);
    const tookMs = performance.now() - startedAtMs;
    await watchReports(parts, intake, run);
    await printSummary(parts, intake, tookMs);
    const agreed = await compare(parts, intake.id, valid, run);
    await stayUp(run);
    return agreed;
  } finally {
    await worker.close(DRAIN_MS);
  }
}

/** With its worker, so that whatever is sent by the API goes out. */
async function stayUp({ stopped, dashboard, simulator }: Run & { readonly dashboard: Dashboard }) {
  if (stopped === null) return;
  say(`Staying up. The dashboard: ${dashboard.url} with the API key ${dashboard.key}`);
  say(`The simulated providers' own counts: ${simulator.url}/_/summary. Ctrl-C ends it.`);
  await stopped;
}

/** As `volley key create` would make it. */
async function createDashboardKey({ ledger }: Parts): Promise<string> {
  const scopes = ["campaigns:read", "campaigns:write", "messages:read"] as const;
  const { key } = await ledger.apiKeys.create({ name: "dashboard", scopes });
  return ledger.apiKeys.showKey(key);
}

/** The customer's system, as `volley webhook add` would enter it. */
async function addEndpoint(parts: Parts, receiver: WebhookReceiver): Promise<void> {
  const events = ["message.delivered", "message.undelivered", "campaign.completed"];
  const { secret } = await acceptEndpoint(parts, { url: receiver.url, events });
  receiver.trust(parts.webhooks.showSecret(secret));
}

async function writeRecipients(path: string, count: number) {
  const file = createWriteStream(path);
  const counts = await writeDemoRecipients(file, count, SEED);
  file.end();
  await once(file, "finish");
  return counts;
}

/** In the middle of the campaign every token dies; nobody may be missed, and each account asks for one new token. */
async function revokeHalfWay(parts: Parts, intake: AcceptedCampaign, { simulator }: Run): Promise<void> {
  for (;;) {
    const { queued = 0 } = await parts.ledger.campaigns.counts(intake.id);
    if (queued <= intake.accepted / 2) break;
    await wait(POLL_MS / 2);
  }
  await simulator.post("/_/revoke-tokens", {});
}

/** Until every message has the end that its provider reported, and the customer's system has heard of it. */
async function watchReports({ ledger }: Parts, { id }: AcceptedCampaign, { simulator, receiver }: Run) {
  const providers = Object.values(await simulator.summary());
  const expected = providers.reduce(
    (sum, { reports }) => sum + reports.delivered + reports.undelivered + reports.pending,
    0,
  );
  const progress = await startProgress("reports and webhooks", expected * 2);
  let [before, newsAtMs] = [-1, performance.now()];
  try {
    for (;;) {
      const { delivered = 0, undelivered = 0 } = await ledger.campaigns.counts(id);
      const events = receiver.events();
      const told = (events.get("message.delivered") ?? 0) + (events.get("message.undelivered") ?? 0);
      const done = delivered + undelivered + told;
      progress.update(done, "");
      if (done >= expected * 2) return;
      if (done !== before) [before, newsAtMs] = [done, performance.now()];
      if (performance.now() - newsAtMs > NEWS_WAIT_MS) return;
      await wait(POLL_MS);
    }
  } finally {
    progress.end();
  }
}
