// Reports that never come are asked for: a real ledger, limiter and token, and simulated providers on loopback that
// know what became of every message and can reach nobody with it.

import { describe, expect, it } from "vitest";
import { applyReports } from "../../jobs/apply-reports.ts";
import { type AskOverdueParts, askOverdue } from "../../jobs/ask-overdue.ts";
import { sendChunk } from "../../jobs/send-chunk.ts";
import type { AccountParts } from "../../jobs/send-request.ts";
import type { ChunkId } from "../../src/domain/campaign.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import type { ReportSettings } from "../../src/simulator/report-settings.ts";
import { createDyingParts, deaths } from "../support/dying-parts.ts";
import {
  type AccountName,
  engines,
  openRoute,
  people,
  type Route,
  type RouteOptions,
} from "../support/route.ts";

/** Nobody listens there, so no report ever arrives. */
const NOWHERE = "http://127.0.0.1:9";
const reports = { secret: "secret-of-the-report-doors" };
/** One text for all, so that SMS.CX sends batches. */
const SAME = { template: "Hello from Volley", fields: ["name", "code"] };
const LIVING = new AbortController().signal;
const LOOK_UPS_MAX = 6;
/** More ledger calls than a run here makes; a bound, so that a loop that never ends fails. */
const CALLS_MAX = 30;
const decided: Partial<ReportSettings> = { delayMs: 0, undeliveredShare: 0.3 };

async function setup(
  accounts: readonly AccountName[],
  { simulator = {}, engine = "postgres" }: Pick<RouteOptions, "simulator" | "engine"> = {},
) {
  return openRoute({
    engine,
    accounts,
    simulator: { reports: decided, ...simulator },
    routes: accounts.map((name) => ({ prefix: people(name, 1)[0]?.to.slice(0, 3), accounts: [name] })),
    overrides: () => Object.fromEntries(accounts.map((name) => [name, { reports }])),
    settings: { server: { port: 0, publicUrl: NOWHERE } },
  });
}

type Waiting = { readonly chunkId: ChunkId; readonly account: string };

/**
 * Accepted by the provider, and a day ago as far as the ledger knows. No worker runs meanwhile: it would ask on its
 * own schedule.
 */
async function sendLongAgo(route: Route, to: Parameters<Route["accept"]>[0]): Promise<CampaignId> {
  const id = await route.accept(to, SAME);
  await route.start(id);
  const { rows } = await route.pool.query<Waiting>(
    'select id as "chunkId", account from volley.chunk where campaign_id = $1',
    [id],
  );
  for (const row of rows) await sendChunk(route.parts, { step: "send-chunk", ...row }, LIVING);
  expect(await route.counts(id)).toEqual({ accepted: to.length });
  await route.pool.query("update volley.chunk set done_at = done_at - interval '1 day 1 minute'");
  return id;
}

const overdueOf = (route: Route, id: CampaignId) => route.parts.ledger.reports.countOverdue(id);

/** As if the hour had passed. */
const passHour = (route: Route) =>
  route.pool.query("update volley.overdue set ask_at = now() where ask_at is not null");

async function lookUpsOf({ pool }: Route): Promise<number[]> {
  const { rows } = await pool.query<{ look_ups: number }>(
    "select look_ups from volley.overdue order by look_ups",
  );
  return rows.map((row) => row.look_ups);
}

/** Each message ended as its provider says, in the one way. */
async function expectSettled(route: Route, id: CampaignId): Promise<void> {
  await expect
    .poll(async () => {
      await applyReports(route.parts);
      return (await route.counts(id)).accepted ?? 0;
    })
    .toBe(0);
  const { rows } = await route.pool.query<{ recipient: string; account: AccountName; state: string }>(
    "select recipient, account, state from volley.message",
  );
  const wrong = rows.filter(
    ({ recipient, account, state }) => route.simulator.fate(account, recipient) !== state,
  );
  expect(wrong, "messages whose end is not what the provider says").toEqual([]);
  expect(new Set(rows.map(({ state }) => state)), "the share of failures was met").toEqual(
    new Set(["delivered", "undelivered"]),
  );
  expect(await overdueOf(route, id)).toBe(0);
  await route.audit(id);
}

/** The route's parts with another account in the place of its own. */
function withProvider(
  route: Route,
  name: AccountName,
  change: (provider: AccountParts["provider"]) => AccountParts["provider"],
): AskOverdueParts {
  const at = route.parts.accounts.get(name);
  if (at === undefined) throw new Error(`The route has no account ${name}.`);
  return { ...route.parts, accounts: new Map([[name, { ...at, provider: change(at.provider) }]]) };
}

describe("a report that never came", () => {
  it.each<[account: AccountName, messages: number, questions: number]>([
    ["sinch", 40, 1],
    ["infobip", 60, 3],
    ["smscx", 20, 20],
  ])(
    "is asked for at %s, and the answer settles its message: %i in %i questions",
    async (account, messages, questions) => {
      const route = await setup([account]);
      const id = await sendLongAgo(route, people(account, messages));
      expect(route.simulator.lookUps(account)).toBe(0);
      expect(await askOverdue(route.parts)).toEqual({ kind: "done" });
      expect(route.simulator.lookUps(account)).toBe(questions);
      await expectSettled(route, id);
      await passHour(route);
      await askOverdue(route.parts);
      expect(route.simulator.lookUps(account), "what is settled is not asked about").toBe(questions);
    },
  );

  it("is not asked for before its time", async () => {
    const route = await setup(["sinch"]);
    const id = await sendLongAgo(route, people("sinch", 3));
    await route.pool.query("update volley.chunk set done_at = done_at + interval '2 minutes'");
    await askOverdue(route.parts);
    expect(await overdueOf(route, id)).toBe(0);
    expect(route.simulator.lookUps("sinch")).toBe(0);
  });

  it("is asked for once, however many processes ask at once", async () => {
    const route = await setup(["smscx"]);
    const id = await sendLongAgo(route, people("smscx", 20));
    const [one, other] = [await route.openSet(), await route.openSet()];
    await Promise.all([askOverdue(one), askOverdue(other), askOverdue(route.parts)]);
    expect(route.simulator.lookUps("smscx")).toBe(20);
    await expectSettled(route, id);
  });

  it.each(engines)("is asked for by a worker on %s as one of its schedules", async (engine) => {
    const route = await setup(["sinch"], { engine });
    const id = await sendLongAgo(route, people("sinch", 40));
    await route.work();
    await expect.poll(() => route.simulator.lookUps("sinch")).toBe(1);
    await expectSettled(route, id);
  });
});

describe("a provider", () => {
  it("that brings no reports is not waited for: mobile.digital has nothing overdue", async () => {
    const route = await setup(["mobile-digital"]);
    const id = await sendLongAgo(route, people("mobile-digital", 3));
    await askOverdue(route.parts);
    expect(await overdueOf(route, id)).toBe(0);
    expect(await route.counts(id)).toEqual({ accepted: 3 });
  });

  it("that brings reports and cannot be asked has its messages shown as overdue, and no more", async () => {
    const route = await setup(["mobile-digital"]);
    const id = await sendLongAgo(route, people("mobile-digital", 3));
    const calls = route.simulator.callCount("mobile-digital");
    const parts = withProvider(route, "mobile-digital", (provider) => ({
      ...provider,
      facts: { ...provider.facts, hasReports: true },
    }));
    for (let run = 0; run < 3; run += 1) await askOverdue(parts);
    expect(await overdueOf(route, id)).toBe(3);
    expect(await lookUpsOf(route)).toEqual([0, 0, 0]);
    expect(route.simulator.callCount("mobile-digital")).toBe(calls);
    expect(await route.counts(id)).toEqual({ accepted: 3 });
    await route.audit(id);
  });

  it("whose answer is that they are on their way changes nothing, and is asked six times at most", async () => {
    const hourMs = 3_600_000;
    const route = await setup(["sinch"], { simulator: { reports: { delayMs: hourMs } } });
    const id = await sendLongAgo(route, people("sinch", 4));
    for (let asked = 1; asked <= LOOK_UPS_MAX + 2; asked += 1) {
      await askOverdue(route.parts);
      await askOverdue(route.parts);
      expect(route.simulator.lookUps("sinch"), "once an hour").toBe(Math.min(asked, LOOK_UPS_MAX));
      await passHour(route);
    }
    await applyReports(route.parts);
    expect(await lookUpsOf(route)).toEqual(Array(4).fill(LOOK_UPS_MAX));
    expect(await overdueOf(route, id), "shown still").toBe(4);
    expect(await route.counts(id)).toEqual({ accepted: 4 });
    expect((await route.pool.query("select from volley.report")).rowCount).toBe(0);
    await route.audit(id);
  });

  it("that fails three times in a row ends its account's turn, and no other's", async () => {
    const route = await setup(["sinch", "smscx"]);
    const id = await sendLongAgo(route, [...people("sinch", 5), ...people("smscx", 10)]);
    route.simulator.setFaults("smscx", [{ name: "look-up-down", share: 1 }]);
    await askOverdue(route.parts);
    expect(route.simulator.lookUps("smscx")).toBe(3);
    await applyReports(route.parts);
    expect((await route.counts(id)).accepted, "those of sinch are settled").toBe(10);
    expect(await lookUpsOf(route), "those not asked about lost nothing").toEqual([
      ...Array(7).fill(0),
      ...Array(3).fill(1),
    ]);
    route.simulator.setFaults("smscx", []);
    await passHour(route);
    await askOverdue(route.parts);
    await expectSettled(route, id);
  });

  it("that fails now and then is asked on", async () => {
    const route = await setup(["smscx"]);
    const id = await sendLongAgo(route, people("smscx", 10));
    route.simulator.setFaults("smscx", [{ name: "look-up-down", count: 2 }]);
    await askOverdue(route.parts);
    expect(route.simulator.lookUps("smscx")).toBe(10);
    await passHour(route);
    await askOverdue(route.parts);
    await expectSettled(route, id);
  });

  it("that does not let the account ask ends the turn at the first question, and sending goes on", async () => {
    const route = await setup(["smscx"], { simulator: { providers: { smscx: { scopes: ["sms"] } } } });
    await sendLongAgo(route, people("smscx", 10));
    await askOverdue(route.parts);
    expect(route.simulator.lookUps("smscx")).toBe(1);
    expect(await lookUpsOf(route)).toEqual([...Array(9).fill(0), 1]);
    await sendLongAgo(route, people("smscx", 12).slice(10));
  });
});

it("an account that is paused is not asked, and no look-up is used up", async () => {
  const route = await setup(["sinch"]);
  const id = await sendLongAgo(route, people("sinch", 3));
  const account = route.parts.accounts.get("sinch")?.account;
  if (account === undefined) throw new Error("The route has this account.");
  await route.parts.limiter.pause(account, 60_000, "throttled");
  await askOverdue(route.parts);
  expect(await overdueOf(route, id), "shown all the same").toBe(3);
  expect(await lookUpsOf(route)).toEqual([0, 0, 0]);
  expect(route.simulator.lookUps("sinch")).toBe(0);
});

it.each(deaths)(
  "a run that stops (%s) at any ledger call leaves what it took to come back, and each message is settled once",
  async (death) => {
    const route = await setup(["sinch"]);
    let reached = true;
    let at = 0;
    while (reached && at < CALLS_MAX) {
      at += 1;
      // Other people in each round; ten, so that some are delivered and some are not.
      const id = await sendLongAgo(route, people("sinch", (at + 1) * 10).slice(at * 10));
      const mortal = createDyingParts(route.parts, death, at);
      const ended = askOverdue(mortal.parts).then(
        () => "ended",
        () => "threw",
      );
      await Promise.race([ended, mortal.died]);
      reached = mortal.calls() >= at;
      await passHour(route);
      await askOverdue(route.parts);
      await expectSettled(route, id);
      const { rows } = await route.pool.query(
        "select joined_id from volley.report where moved group by 1 having count(*) > 1",
      );
      expect(rows, `messages moved twice, stopped at call ${at}`).toEqual([]);
    }
    expect(at, "ledger calls of the step").toBeGreaterThan(3);
    expect(at).toBeLessThan(CALLS_MAX);
  },
);
