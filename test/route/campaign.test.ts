// The whole route on both engines: everybody gets one message, to the letter, and every account logs in once.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: values that look like placeholders are the test.

import { describe, expect, it } from "vitest";
import { accountNames, engines, openRoute, type Person, people } from "../support/route.ts";

/** What people are called, and what no part of the route may read anything into. */
const AWKWARD_VALUES = [
  "Åsa Öberg",
  'O\'Brien "Bob"',
  "back\\slash \\n \\u0041",
  "👩‍👩‍👧‍👦 family",
  "🇸🇪",
  "${x}",
  "${p0} and ${p1}",
  "$& $1 $$",
  "{{code}}",
  "{{name}} }} {{",
  "__proto__",
  "constructor",
  "<b>&amp;</b>",
  "%s %d %00",
  "null",
  "two\nlines",
  "€{}[]~^|",
  "שלום مرحبا",
  "'; drop table volley.message; --",
  "default",
] as const;

describe.each(engines)("on engine %s", (engine) => {
  it("a campaign through both providers reaches each person once with the rendered text", async () => {
    const route = await openRoute({ engine });
    const persons = {
      sinch: people("sinch", 2_500),
      "mobile-digital": people("mobile-digital", 500),
    };
    const id = await route.accept([...persons.sinch, ...persons["mobile-digital"]]);
    await route.start(id);
    await route.work();
    expect(await route.untilFinished(id, { unaided: true })).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: 3_000 });

    for (const account of accountNames) {
      const expected = persons[account].map(({ values: [name, code] }) => [
        `Hello ${name}, your code is ${code}.`,
      ]);
      expect(persons[account].map(({ to }) => route.simulator.texts(account, to))).toEqual(expected);
      expect(route.simulator.tokenCalls(account).map(({ status }) => status)).toEqual([200]);
    }
    // Texts that differ fit into one batch only by Sinch's parameters.
    const sizes = route.simulator.calls("sinch").map(({ recipients }) => recipients);
    expect(sizes.toSorted((one, other) => other - one)).toEqual([1_000, 1_000, 500]);
    await route.audit(id);
  });

  it("awkward values arrive to the letter", async () => {
    const route = await openRoute({ engine });
    const awkward = (account: (typeof accountNames)[number]): Person[] =>
      people(account, AWKWARD_VALUES.length).map(({ to }, index) => ({
        to,
        values: [AWKWARD_VALUES[index] ?? "", "1234"],
      }));
    const persons = { sinch: awkward("sinch"), "mobile-digital": awkward("mobile-digital") };
    const id = await route.accept([...persons.sinch, ...persons["mobile-digital"]], {
      template: 'Hi {{name}}! "{{code}}" \\ it\'s {{name}}',
    });
    await route.start(id);
    await route.work();
    expect(await route.untilFinished(id)).toBe("completed");
    for (const account of accountNames) {
      const texts = persons[account].map(({ to }) => route.simulator.texts(account, to));
      expect(texts).toEqual(AWKWARD_VALUES.map((value) => [`Hi ${value}! "1234" \\ it's ${value}`]));
    }
    await route.audit(id);
  });

  it("tokens revoked in mid-campaign cost one more token call each, and nobody is missed", async () => {
    const route = await openRoute({
      engine,
      simulator: { latencyMs: 20 },
      limits: { sinch: { segmentsPerSecond: 1_000 }, "mobile-digital": { requestsPerSecond: 300 } },
    });
    const id = await route.accept([...people("sinch", 3_000), ...people("mobile-digital", 800)]);
    await route.start(id);
    await route.work();
    await route.work(await route.openSet());
    // Each at its own first hundred: the other's may come when this one has nothing left to send.
    await Promise.all(
      accountNames.map(async (account) => {
        await route.simulator.untilAccepted(account, 100);
        route.simulator.revokeTokens(account);
      }),
    );
    expect(await route.untilFinished(id)).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: 3_800 });
    for (const account of accountNames) {
      expect(route.simulator.tokenCalls(account).map(({ status }) => status)).toEqual([200, 200]);
    }
    await route.audit(id);
  });

  it("a storm of 429 with Retry-After fails nobody and uses up nobody's tries", async () => {
    const route = await openRoute({
      engine,
      simulator: {
        providers: {
          sinch: { faults: [{ name: "429-retry-after", count: 2 }] },
          "mobile-digital": { faults: [{ name: "429-retry-after", count: 80 }] },
        },
      },
    });
    const id = await route.accept([...people("sinch", 1_500), ...people("mobile-digital", 300)]);
    await route.start(id);
    await route.work();
    expect(await route.untilFinished(id)).toBe("completed");
    expect(await route.counts(id)).toEqual({ accepted: 1_800 });
    const { retries, deferrals } = await route.facts(id);
    expect(retries).toBe(0);
    expect(deferrals).toBeGreaterThanOrEqual(80 + 500);
    await route.audit(id);
  });
});

it("three worker processes on one Redis share one token an account and send everybody one message", async () => {
  const route = await openRoute({
    engine: "redis",
    simulator: { latencyMs: 10 },
    limits: { sinch: { segmentsPerSecond: 3_000 }, "mobile-digital": { requestsPerSecond: 500 } },
  });
  await Promise.all([route.startProcess(), route.startProcess(), route.startProcess()]);
  const id = await route.accept([...people("sinch", 8_000), ...people("mobile-digital", 1_000)]);
  await route.start(id);
  expect(await route.untilFinished(id, { unaided: true })).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 9_000 });
  for (const account of accountNames) {
    expect(route.simulator.tokenCalls(account).map(({ status }) => status)).toEqual([200]);
  }
  const { rows } = await route.pool.query(
    "select distinct slot from volley.campaign_count where campaign_id = $1 and slot % 3 = 2",
    [id],
  );
  // On busy cores one of them may come when everything is sent.
  expect(rows.length, "processes that opened attempts").toBeGreaterThanOrEqual(2);
  await route.audit(id);
});
