// Campaigns that are stopped and go on at full speed, and messages that wait for their time, on both engines.

import { DateTime } from "luxon";
import { describe, expect, it } from "vitest";
import { releaseDue } from "../../jobs/release-due.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { acceptMessage } from "../../src/intake/accept-message.ts";
import { engines, openRoute, people, type Route } from "../support/route.ts";

const PEOPLE = 1_500;
/** Slow enough that much is left to send when somebody acts in the middle of it. */
const LIMITS = { "mobile-digital": { requestsPerSecond: 500 } };

/** By the database's clock. */
async function now(route: Route): Promise<Date> {
  const { rows } = await route.pool.query<{ now: Date }>("select clock_timestamp() as now");
  return rows[0]?.now ?? new Date(0);
}

async function openedSince(route: Route, since: Date): Promise<number> {
  const { rows } = await route.pool.query<{ opened: number }>(
    `select count(*)::int as opened from (
       select opened_at from volley.message union all select opened_at from volley.attempt
     ) as all_attempts where opened_at > $1`,
    [since],
  );
  return rows[0]?.opened ?? -1;
}

async function untilHalfSent(route: Route): Promise<void> {
  await route.simulator.untilAccepted("mobile-digital", PEOPLE / 3);
}

/** Resolves when nothing is in flight any more. */
async function untilStill(route: Route): Promise<void> {
  await expect.poll(() => route.openAttempts()).toBe(0);
}

function stateOf(route: Route, id: CampaignId) {
  return route.parts.ledger.campaigns.find(id).then((found) => found?.state);
}

describe.each(engines)("on engine %s", (engine) => {
  it("paused at full speed, nothing new leaves; resumed, everybody gets it once", async () => {
    const route = await openRoute({ engine, limits: LIMITS });
    const id = await route.accept(people("mobile-digital", PEOPLE));
    await route.start(id);
    await route.work();
    await untilHalfSent(route);
    await route.parts.ledger.campaigns.pause(id);
    const pausedAt = await now(route);
    await untilStill(route);
    await route.sweep();
    expect(await openedSince(route, pausedAt)).toBe(0);
    expect(await stateOf(route, id)).toBe("paused");
    const { queued = 0, accepted = 0 } = await route.counts(id);
    expect(queued).toBeGreaterThan(0);
    expect(queued + accepted).toBe(PEOPLE);

    await route.parts.ledger.campaigns.resume(id);
    await route.start(id);
    expect(await route.untilFinished(id)).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: PEOPLE });
    await route.audit(id);
  });

  it("cancelled at full speed, what was in flight ends and the rest is taken back", async () => {
    const route = await openRoute({ engine, limits: LIMITS });
    const id = await route.accept(people("mobile-digital", PEOPLE));
    await route.start(id);
    await route.work();
    await untilHalfSent(route);
    await route.parts.ledger.campaigns.cancel(id);
    const cancelledAt = await now(route);
    await expect
      .poll(async () => {
        await route.sweep();
        return (await route.parts.ledger.campaigns.find(id))?.finishedAt ?? null;
      })
      .not.toBeNull();
    expect(await openedSince(route, cancelledAt)).toBe(0);
    const { accepted = 0, cancelled = 0, ...others } = await route.counts(id);
    expect(others).toEqual({});
    expect(cancelled).toBeGreaterThan(0);
    expect(accepted + cancelled).toBe(PEOPLE);
    expect(route.simulator.accepted("mobile-digital")).toBe(accepted);
    await route.audit(id);
  });
});

it("paused in one process and resumed after a restart, everybody gets it once", async () => {
  const route = await openRoute({ engine: "redis", limits: LIMITS });
  const id = await route.accept(people("mobile-digital", PEOPLE));
  await route.start(id);
  const first = await route.startProcess();
  await untilHalfSent(route);
  await route.parts.ledger.campaigns.pause(id);
  await untilStill(route);
  expect(await first.stop()).toBe(0);
  const sent = route.simulator.accepted("mobile-digital");
  const second = await route.startProcess();
  await route.sweep();
  expect(route.simulator.accepted("mobile-digital")).toBe(sent);
  await route.parts.ledger.campaigns.resume(id);
  await route.start(id);
  expect(await route.untilFinished(id)).toBe("completed");
  await route.audit(id);
  expect(await second.stop()).toBe(0);
});

it("whoever has quiet hours is not written to, others are", async () => {
  const wall = DateTime.now().setZone("Europe/Stockholm");
  const quietHours = {
    from: wall.minus({ hours: 1 }).toFormat("HH:mm"),
    to: wall.plus({ hours: 1 }).toFormat("HH:mm"),
    classes: ["marketing"],
  };
  const route = await openRoute({ settings: { quietHours } });
  const id = await route.accept([...people("sinch", 20), ...people("mobile-digital", 20)]);
  await route.start(id);
  await route.work();
  await expect.poll(() => route.counts(id)).toEqual({ accepted: 20, queued: 20 });
  await route.sweep();
  expect(route.simulator.accepted("sinch")).toBe(0);
  const { rows } = await route.pool.query<{ state: string; waits: boolean }>(
    "select state, due_at > now() + interval '50 min' as waits from volley.chunk where account = 'sinch'",
  );
  expect(rows).toEqual([{ state: "waiting", waits: true }]);

  // The night is over.
  await route.pool.query("update volley.chunk set due_at = now(), zones = '{}' where account = 'sinch'");
  expect(await route.untilFinished(id)).toBe("completed");
  await route.audit(id);
});

it("a message that is scheduled leaves when its time has come, and not before", async () => {
  const route = await openRoute({});
  const dueAt = new Date(Date.now() + 1_500);
  const { id, state, chunk } = await acceptMessage(
    route.parts,
    {
      to: "+46701000000",
      text: "Remember",
      from: null,
      class: "reminder",
      account: null,
      time: { at: dueAt.toISOString() },
    },
    route.parts.rules,
  );
  expect({ state, chunk }).toEqual({ state: "scheduled", chunk: null });
  await route.work();
  await releaseDue(route.parts);
  expect((await route.parts.ledger.messages.find(id))?.state).toBe("scheduled");
  await expect.poll(async () => (await route.parts.ledger.messages.find(id))?.state).toBe("accepted");
  const { rows } = await route.pool.query<{ opened_at: Date }>("select opened_at from volley.message");
  expect(rows[0]?.opened_at.getTime()).toBeGreaterThanOrEqual(dueAt.getTime());
  expect(route.simulator.accepted("sinch")).toBe(1);
});

it("a campaign in the recipients' own zones sends to each at their own time", async () => {
  const route = await openRoute({});
  // In Sweden it has been that time for a minute; in Australia it is hours ago, and nobody wants it now.
  const wall = DateTime.now().setZone("Europe/Stockholm").plus({ seconds: 2 });
  const id = await route.accept([...people("sinch", 5)], {
    class: "reminder",
    sendAt: wall.toFormat("yyyy-MM-dd'T'HH:mm:ss"),
    timeZone: "recipient",
  });
  expect(await route.counts(id)).toEqual({ scheduled: 5 });
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 5 });
  await route.audit(id);
});
