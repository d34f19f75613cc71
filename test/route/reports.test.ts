// Reports and inbound SMS over the whole route: simulated providers bring them to the real door, in every disorder,
// and the ledger ends with what each provider reported.

import { expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import type { ReportSettings } from "../../src/simulator/report-settings.ts";
import { type AccountName, engines, openRoute, people, type Route } from "../support/route.ts";

const reporting = ["sinch", "infobip", "smscx"] as const;
const SETTLE_MS_MAX = 30_000;
/** One text for all, so that SMS.CX sends batches. */
const SAME = { template: "Hello from Volley", fields: ["name", "code"] };
const calm: Partial<ReportSettings> = { delayMs: 20, undeliveredShare: 0.2 };

function openReporting(reports: Partial<ReportSettings>, engine: (typeof engines)[number] = "postgres") {
  return openRoute({
    engine,
    accounts: reporting,
    reports: reporting,
    simulator: { reports },
    routes: [
      { prefix: "+46", accounts: ["sinch"] },
      { prefix: "+44", accounts: ["infobip"] },
      { accounts: ["smscx"] },
    ],
  });
}

const everybody = (count: number) => reporting.flatMap((name) => people(name, count));

/** Until the counts say so; a report is applied every second. */
async function untilCounts(route: Route, id: CampaignId, counts: object): Promise<void> {
  await expect.poll(() => route.counts(id), { timeout: SETTLE_MS_MAX, interval: 100 }).toEqual(counts);
}

function reportedBy({ simulator }: Route, names: readonly AccountName[] = reporting) {
  const sum = (read: "delivered" | "undelivered") =>
    names.reduce((total, name) => total + simulator.reported(name)[read], 0);
  return { delivered: sum("delivered"), undelivered: sum("undelivered") };
}

async function sendAll(route: Route, count: number): Promise<CampaignId> {
  const id = await route.accept(everybody(count), SAME);
  await route.start(id);
  await route.work();
  await route.untilFinished(id);
  for (const name of reporting) await route.simulator.untilReportsSettled(name);
  return id;
}

it.each(engines)("on engine %s each message ends as its provider reported", async (engine) => {
  const route = await openReporting(calm, engine);
  const id = await sendAll(route, 300);
  const reported = reportedBy(route);
  expect(reported.delivered + reported.undelivered).toBe(900);
  await untilCounts(route, id, reported);
  const { rows } = await route.pool.query<{ recipient: string; account: AccountName; state: string }>(
    "select recipient, account, state from volley.message",
  );
  const wrong = rows.filter(
    ({ recipient, account, state }) => route.simulator.fate(account, recipient) !== state,
  );
  expect(wrong, "messages whose end is not the one that was reported").toEqual([]);
  await route.audit(id);
});

it.each<[what: string, settings: Partial<ReportSettings>]>([
  ["before the answer to the send request", { early: true }],
  ["ten times", { copies: 10 }],
  ["in reverse, the final word before the intermediate one", { reversed: true }],
  ["among reports about strangers", { strays: 20 }],
  ["one by one", { perPostMax: 1 }],
])("reports that come %s leave every message in its right state", async (_what, settings) => {
  const route = await openReporting({ ...calm, ...settings });
  const id = await sendAll(route, 100);
  await untilCounts(route, id, reportedBy(route));
  await route.audit(id);
});

it("a report settles a message whose answer was lost, without asking the provider", async () => {
  const route = await openRoute({
    accounts: ["sinch"],
    reports: ["sinch"],
    simulator: { reports: calm, faults: [{ name: "drop-after-accept", count: 1 }] },
    routes: [{ accounts: ["sinch"] }],
    settings: { unknown: { lookUpAfterSeconds: [600] } },
  });
  const id = await route.accept(people("sinch", 200));
  await route.start(id);
  await route.work();
  await route.simulator.untilReported("sinch", 200);
  await untilCounts(route, id, reportedBy(route, ["sinch"]));
  expect(await route.untilFinished(id)).toMatch(/^completed/);
  expect(route.simulator.lookUps("sinch")).toBe(0);
  await route.audit(id);
});

it("a report about a stranger is kept and shown, and guessed at never", async () => {
  const route = await openReporting({ ...calm, strays: 3 });
  const id = await sendAll(route, 10);
  await untilCounts(route, id, reportedBy(route));
  await route.pool.query(
    "update volley.report set received_at = now() - interval '2 days', join_at = now() where joined_id is null",
  );
  await expect
    .poll(async () => (await route.parts.ledger.reports.strangers({ limit: 100 })).length, {
      timeout: SETTLE_MS_MAX,
    })
    .toBeGreaterThanOrEqual(3);
  await route.audit(id);
});

it("STOP by SMS in mid-campaign: nobody who said so gets what was not yet on its way", async () => {
  const route = await openRoute({
    accounts: reporting,
    reports: reporting,
    simulator: { reports: calm },
    routes: [
      { prefix: "+46", accounts: ["sinch"] },
      { prefix: "+44", accounts: ["infobip"] },
      { accounts: ["smscx"] },
    ],
  });
  const id = await route.accept(everybody(50), SAME);
  const stopped = reporting.map((name) => people(name, 1)[0]?.to ?? "");
  for (const [index, name] of reporting.entries()) {
    const sms = { from: stopped[index] ?? "", to: "12345", text: " stop.\n" };
    expect(await route.simulator.sendInbound(name, sms)).toBe(200);
  }
  // Workers apply what comes in, too; paused, or a sweep could release the campaign before all three are on the list.
  await route.parts.ledger.campaigns.pause(id);
  await route.work();
  await expect
    .poll(() => route.pool.query("select from volley.suppression").then(({ rowCount }) => rowCount), {
      timeout: SETTLE_MS_MAX,
    })
    .toBe(3);
  await route.parts.ledger.campaigns.resume(id);
  await route.start(id);
  await route.untilFinished(id);
  expect((await route.counts(id)).suppressed).toBe(3);
  for (const [index, name] of reporting.entries()) {
    expect(route.simulator.acceptedPerRecipient(name).get((stopped[index] ?? "").slice(1)) ?? 0).toBe(0);
  }
  await route.audit(id);
});
