// One message to one person: stored as a released chunk of its own, or refused with a reason and nothing stored.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { VolleyError } from "../../src/domain/errors.ts";
import { acceptMessage, type MessageDraft } from "../../src/intake/accept-message.ts";
import type { IntakeRules } from "../../src/intake/choose-accounts.ts";
import { accountOf } from "../providers/support.ts";
import { type LedgerBench, openLedgerBench, optOut } from "../support/ledger.ts";

const rules: IntakeRules = {
  quietHours: null,
  currency: null,
  caps: { messages: null, costMicros: null },
  routes: [
    { class: null, prefixes: ["+61"], accounts: [{ name: "mobile", weight: null }] },
    { class: "transactional", prefixes: ["+46"], accounts: [{ name: "main", weight: null }] },
  ],
  accounts: new Map([
    [
      "main",
      {
        account: accountOf("sinch", { name: "main" }),
        segmentsMax: 10,
        batchMax: 1000,
        textFault: () => null,
        senderFault: () => null,
      },
    ],
    [
      "mobile",
      {
        account: accountOf("mobile-digital", { name: "mobile" }),
        segmentsMax: 2,
        batchMax: 1000,
        textFault: () => null,
        senderFault: () => null,
      },
    ],
  ]),
};
const draft: MessageDraft = {
  to: "+46 70-174 06 05",
  text: "Hello",
  from: "Acme",
  class: "transactional",
  account: null,
};

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
  await bench.ledger.suppressions.add([optOut("+46701740699")]);
});
afterAll(() => bench.close());

const accept = (changes: Partial<MessageDraft> = {}) => acceptMessage(bench, { ...draft, ...changes }, rules);

async function countMessages(): Promise<number> {
  const { rows } = await bench.pool.query<{ count: number }>(
    "select count(*)::integer as count from volley.message",
  );
  return rows[0]?.count ?? -1;
}

it("what is accepted is stored, in a chunk that a worker may take at once", async () => {
  const { id, state, segments, chunk } = await accept();
  expect({ state, segments }).toEqual({ state: "queued", segments: 1 });
  expect(await bench.ledger.messages.find(id)).toMatchObject({ to: "+46701740605", state: "queued" });
  expect(await bench.ledger.chunks.due(10)).toContainEqual(chunk);
  const [stored] = await bench.ledger.chunks.load(chunk?.id ?? ("0" as ChunkId));
  expect(stored?.text?.reveal()).toBe("Hello");
});

it("the same message twice is two messages: only campaigns know duplicates", async () => {
  expect((await accept()).id).not.toBe((await accept()).id);
});

it("a named account wins over the routes", async () => {
  expect((await accept({ account: "mobile" })).chunk?.account).toBe("mobile");
});

it.each<[what: string, changes: Partial<MessageDraft>, code: string, reason: RegExp]>([
  [
    "a number that is none",
    { to: "0701740605" },
    "usage",
    /the number in "to": The number has no country code/,
  ],
  ["a country without a route", { to: "+81312345678" }, "usage", /No route leads to this number/],
  ["a class without a route", { class: "marketing" }, "usage", /No route leads to this number/],
  [
    "an account that is none",
    { account: "nope" },
    "usage",
    /no account is named "nope"\. Configured: main, mobile\./,
  ],
  ["an empty text", { text: "  " }, "usage", /The text is empty/],
  ["a text that Postgres cannot hold", { text: "a\u0000b" }, "usage", /U\+0000/],
  ["a text of half a character", { text: "\ud83d" }, "usage", /half of a surrogate pair/],
  [
    "a text too long for the provider",
    { to: "+61412345678", text: "x".repeat(400) },
    "usage",
    /longer than 2 segments/,
  ],
  ["a person who opted out", { to: "+46701740699" }, "state_conflict", /this person has opted out/],
])("%s is refused, and nothing is stored", async (_what, changes, code, reason) => {
  const before = await countMessages();
  const error: unknown = await accept(changes).catch((thrown: unknown) => thrown);
  if (!(error instanceof VolleyError)) throw new Error("It was accepted");
  expect(error.code).toBe(code);
  expect(error.message).toMatch(reason);
  expect(error.message).not.toMatch(/\d{7}/);
  expect(await countMessages()).toBe(before);
});
