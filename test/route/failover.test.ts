// Routes through four providers: who sends what, and what goes on through another account when one cannot send.
// The providers' journals have the last word: nobody twice, nobody missed.

import { expect, it } from "vitest";
import type { AccountName } from "../support/route.ts";
import { openRoute, people, type Route } from "../support/route.ts";

const all: readonly AccountName[] = ["sinch", "infobip", "smscx", "mobile-digital"];

async function throughAccounts({ pool }: Route): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ account: string; messages: string }>(
    "select account, count(*) as messages from volley.message where state = 'accepted' group by 1 order by 1",
  );
  return Object.fromEntries(rows.map(({ account, messages }) => [account, Number(messages)]));
}

it("sends one campaign through all four providers, each country through its own", async () => {
  const route = await openRoute({
    accounts: all,
    routes: [
      { prefix: "+46", accounts: ["sinch"] },
      { prefix: "+44", accounts: ["infobip"] },
      { prefix: ["+47"], accounts: ["smscx"] },
      { accounts: ["mobile-digital"] },
    ],
  });
  // SMS.CX sends one text a request, so a template without fields lets it show its batches.
  const id = await route.accept(
    all.flatMap((name) => people(name, 400)),
    { template: "Hello from Volley", fields: ["name", "code"] },
  );
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 1_600 });
  for (const name of all) expect(route.simulator.accepted(name)).toBe(400);
  for (const name of ["sinch", "infobip", "smscx"] as const) {
    expect(route.simulator.callCount(name), `requests to ${name}`).toBe(1);
  }
  await route.audit(id);
});

it("shares messages by weight, and the accounts' counts are the ledger's", async () => {
  const route = await openRoute({
    accounts: ["sinch", "infobip"],
    routes: [
      {
        accounts: [
          { name: "sinch", weight: 3 },
          { name: "infobip", weight: 1 },
        ],
      },
    ],
  });
  const id = await route.accept(people("sinch", 2_000));
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  const { sinch = 0, infobip = 0 } = await throughAccounts(route);
  expect(sinch + infobip).toBe(2_000);
  expect(route.simulator.accepted("sinch")).toBe(sinch);
  expect(route.simulator.accepted("infobip")).toBe(infobip);
  expect(sinch).toBeGreaterThan(1_300);
  expect(infobip).toBeGreaterThan(300);
  await route.audit(id);
});

it("a provider that refuses half of its people for now has them sent through the next account, none twice", async () => {
  const route = await openRoute({
    accounts: ["infobip", "sinch"],
    simulator: { providers: { infobip: { faults: [{ name: "refuse-some", share: 0.5 }] } } },
    routes: [{ accounts: ["infobip", "sinch"] }],
  });
  const id = await route.accept(people("infobip", 2_000));
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 2_000 });
  const { infobip = 0, sinch = 0 } = await throughAccounts(route);
  expect(infobip).toBeGreaterThan(700);
  expect(sinch).toBeGreaterThan(700);
  expect(route.simulator.accepted("infobip") + route.simulator.accepted("sinch")).toBe(2_000);
  await route.audit(id);
});

/** The discard port: nobody listens there. */
const NOWHERE = "http://127.0.0.1:9";

it.each<[what: string, override: (tokenUrl: string) => object]>([
  ["cannot be reached", (tokenUrl) => ({ baseUrl: NOWHERE, tokenUrl })],
  ["gives no token", () => ({ tokenUrl: `${NOWHERE}/token` })],
])("a provider that %s holds nobody up: all go through the next account", async (_what, override) => {
  const route = await openRoute({
    accounts: ["sinch", "mobile-digital"],
    overrides: (simulator) => ({ sinch: override(simulator.tokenUrl("sinch")) }),
    routes: [{ accounts: ["sinch", "mobile-digital"] }],
  });
  const id = await route.accept(people("mobile-digital", 300));
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await throughAccounts(route)).toEqual({ "mobile-digital": 300 });
  expect(route.simulator.accepted("sinch")).toBe(0);
  await route.audit(id);
});

it("what a provider may have sent stays with it, while the rest goes on elsewhere", async () => {
  const route = await openRoute({
    accounts: ["mobile-digital", "sinch"],
    simulator: { providers: { "mobile-digital": { faults: [{ name: "500", share: 0.5 }] } } },
    routes: [{ accounts: ["mobile-digital", "sinch"] }],
  });
  const id = await route.accept(people("mobile-digital", 600));
  await route.start(id);
  await route.work();
  await route.untilFinished(id);
  const { accepted = 0, unknown = 0, ...others } = await route.counts(id);
  expect(others).toEqual({});
  expect(accepted + unknown).toBe(600);
  expect(unknown).toBeGreaterThan(0);
  expect((await throughAccounts(route)).sinch, "messages that had not been tried").toBeGreaterThan(0);
  const { rows } = await route.pool.query(
    `select from volley.attempt a join volley.message m on m.id = a.message_id
     where a.outcome = 'unknown' and m.account <> a.account`,
  );
  expect(rows, "messages that changed the account after an unknown").toEqual([]);
  await route.audit(id);
});

it("a call to SMS.CX that broke off is made again under its id, and nobody is sent to twice", async () => {
  const route = await openRoute({
    accounts: ["smscx"],
    simulator: {
      providers: {
        smscx: {
          faults: [
            { name: "drop-after-accept", count: 1 },
            { name: "drop-before", count: 1 },
          ],
        },
      },
    },
    routes: [{ accounts: ["smscx"] }],
  });
  const id = await route.accept(people("smscx", 2_500), { template: "Hello", fields: ["name", "code"] });
  await route.start(id);
  await route.work();
  expect(await route.untilFinished(id)).toBe("completed");
  expect(await route.counts(id)).toEqual({ accepted: 2_500 });
  expect(route.simulator.accepted("smscx")).toBe(2_500);
  expect(route.simulator.callCount("smscx"), "three calls, and two of them again").toBe(5);
  const { rows } = await route.pool.query<{ attempts: number }>(
    "select max(attempts) as attempts from volley.message",
  );
  expect(rows[0]?.attempts).toBe(2);
  await route.audit(id);
});
