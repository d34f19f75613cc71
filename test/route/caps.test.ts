// The cap of an account's day on the whole route: the simulated provider's journal says whether it was passed.

import { describe, expect, it } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import type { FaultRule } from "../../src/simulator/faults.ts";
import type { AccountName } from "../support/route.ts";
import { engines, openRoute, people, type Route, type RouteOptions } from "../support/route.ts";

const OWN = "mobile-digital" satisfies AccountName;

function capped(limits: object, options: RouteOptions = {}, prices?: object) {
  const settings = prices === undefined ? {} : { prices };
  return openRoute({
    settings: prices === undefined ? {} : { currency: "EUR" },
    overrides: () => ({
      [OWN]: { limits: { requestsPerSecond: 500, inFlight: 20, ...limits }, ...settings },
    }),
    ...options,
  });
}

function pauseOf({ parts }: Route) {
  const at = parts.accounts.get(OWN);
  if (at === undefined) throw new Error("The account is configured.");
  return parts.limiter.state(at.account);
}

/** Resolves when so many were sent and the account is paused for longer than while others may still be on their way. */
async function untilDayIsOver(route: Route, id: CampaignId, sent: number) {
  await expect.poll(async () => (await route.counts(id)).accepted).toBe(sent);
  // As if the seconds had passed in which somebody with leave could be on the way.
  await route.pool.query("update volley.account_day set booked_at = booked_at - interval '10 seconds'");
  const long = 60_000;
  await expect.poll(async () => (await pauseOf(route)).pausedMs).toBeGreaterThan(long);
  const pause = await pauseOf(route);
  expect(pause.reason).toBe("daily-cap");
  return pause;
}

async function dayOf({ pool }: Route): Promise<{ messages: number; cost: number }> {
  const { rows } = await pool.query<{ messages: string; cost: string }>(
    "select sum(messages) as messages, sum(cost_micros) as cost from volley.account_day",
  );
  return { messages: Number(rows[0]?.messages), cost: Number(rows[0]?.cost) };
}

async function untilMidnightMs({ pool }: Route): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>(
    `select extract(epoch from date_trunc('day', now(), 'UTC') + interval '24 hours' - now())::float8 * 1000 as ms`,
  );
  return rows[0]?.ms ?? 0;
}

describe.each(engines)("on engine %s", (engine) => {
  it("two processes send as many messages as the day's cap, and not one more; then the account waits for midnight", async () => {
    const route = await capped({ messagesPerDay: 137 }, { engine });
    const id = await route.accept(people(OWN, 400));
    await route.startProcess();
    await route.startProcess();
    await route.start(id);
    const { pausedMs } = await untilDayIsOver(route, id, 137);
    // A pause is stretched by some seconds, so that not all return as one.
    expect(Math.abs(pausedMs - (await untilMidnightMs(route)))).toBeLessThan(10_000);
    expect(await route.openAttempts()).toBe(0);
    expect(route.simulator.accepted(OWN)).toBe(137);
    expect(await route.counts(id)).toEqual({ accepted: 137, queued: 263 });
    const { rows } = await route.pool.query(
      "select max(attempts) as tries from volley.message where state = 'queued'",
    );
    expect(rows, "what waits has used no try").toEqual([{ tries: 0 }]);
    expect((await dayOf(route)).messages).toBe(137);
    await route.audit(id);
  });
});

it("a batch larger than what is left of the day is cut to it", async () => {
  const route = await openRoute({
    overrides: () => ({ sinch: { limits: { requestsPerSecond: 100, messagesPerDay: 30 } } }),
  });
  const id = await route.accept(people("sinch", 100));
  await route.work();
  await route.start(id);
  await expect.poll(async () => (await route.counts(id)).accepted).toBe(30);
  expect(route.simulator.accepted("sinch")).toBe(30);
  await route.audit(id);
});

it("a cap on the day's cost counts segments at their prices", async () => {
  const route = await capped({ costPerDay: 1 }, {}, { "+61": 0.03, default: 5 });
  // Two segments each: 0.06, sixteen of which are 0.96.
  const persons = people(OWN, 40).map(({ to, values: [name = ""] }) => ({
    to,
    values: [name, "x".repeat(180)],
  }));
  const id = await route.accept(persons);
  await route.work();
  await route.start(id);
  await expect.poll(async () => (await route.counts(id)).accepted).toBe(16);
  await expect.poll(async () => (await pauseOf(route)).reason).toBe("daily-cap");
  expect(route.simulator.accepted(OWN)).toBe(16);
  expect(await dayOf(route)).toEqual({ messages: 16, cost: 960_000 });
  await route.audit(id);
});

it("other accounts of the route take over when the day is full", async () => {
  const route = await openRoute({
    accounts: [OWN, "sinch"],
    routes: [{ accounts: [OWN, "sinch"] }],
    overrides: () => ({ [OWN]: { limits: { requestsPerSecond: 500, messagesPerDay: 25 } } }),
  });
  const id = await route.accept(people(OWN, 100));
  await route.work();
  await route.start(id);
  expect(await route.untilFinished(id)).toBe("completed");
  const own = route.simulator.accepted(OWN);
  expect(own).toBeGreaterThan(0);
  expect(own).toBeLessThanOrEqual(25);
  expect(route.simulator.accepted("sinch")).toBe(100 - own);
  await route.audit(id);
});

it("what was provably not sent is given back to the day: refused people, and calls that came too fast", async () => {
  const persons = people(OWN, 22);
  const faults: FaultRule[] = [
    { name: "429-retry-after", count: 3, retryAfter: "1" },
    { name: "reject-recipient", numbers: persons.slice(5, 7).map(({ to }) => to) },
  ];
  const route = await capped({ messagesPerDay: 20, inFlight: 2 }, { simulator: { faults } });
  const id = await route.accept(persons);
  await route.work();
  await route.start(id);
  expect(await route.untilFinished(id)).toBe("completed_with_failures");
  expect(await route.counts(id)).toEqual({ accepted: 20, rejected: 2 });
  expect((await dayOf(route)).messages).toBe(20);
  await route.audit(id);
});

it("an account without a cap books nothing", async () => {
  const route = await openRoute();
  const id = await route.accept(people(OWN, 20));
  await route.work();
  await route.start(id);
  expect(await route.untilFinished(id)).toBe("completed");
  const { rows } = await route.pool.query("select from volley.account_day");
  expect(rows).toEqual([]);
  await route.audit(id);
});
