import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import type { Inbound } from "../../src/domain/report.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { addCampaign, audit, type LedgerBench, openLedgerBench, optOut, phone } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query(
    `truncate volley.suppression, volley.inbound, volley.message, volley.chunk, volley.attempt,
       volley.campaign, volley.campaign_count cascade`,
  );
});

const HOUR_MS = 3_600_000;
let lastId = 0;

/** `hours`: when it was written, from two days ago on. */
function sms(from: PhoneNumber, text: string, hours: number | null, changes: Partial<Inbound> = {}): Inbound {
  lastId += 1;
  return {
    ...{ kind: "text", from, to: "71234", text: sensitive(text), providerMessageId: `in-${lastId}` },
    at: hours === null ? null : new Date(Date.now() - 48 * HOUR_MS + hours * HOUR_MS),
    ...changes,
  };
}

const apply = (...inbound: Inbound[]) => bench.ledger.suppressions.applyInbound("main", inbound);
const has = (number: PhoneNumber) => bench.ledger.suppressions.has(number);
const done = { stored: 1, optedOut: 0, back: 0, toReview: 0, suppressed: 0 };

it("STOP opts the person out and takes back what waits for him", async () => {
  const { id } = await addCampaign(bench, { recipients: 3 });
  expect(await apply(sms(phone(1), "Stop.\n", 1), sms(phone(2), "Thanks!", 1))).toEqual({
    ...{ stored: 2, optedOut: 1, back: 0, toReview: 0, suppressed: 1 },
  });
  expect(await has(phone(1))).toBe(true);
  expect(await has(phone(2))).toBe(false);
  expect((await bench.ledger.suppressions.list({ limit: 5 }))?.optOuts).toMatchObject([
    { number: phone(1), source: "inbound", reason: "wrote-stop" },
  ]);
  expect(await bench.ledger.campaigns.counts(id)).toEqual({ queued: 2, suppressed: 1 });
  await audit(bench, id);
});

it("an opt-out that the provider took itself is one, with a text or without", async () => {
  expect(await apply(sms(phone(1), "", null, { kind: "opt-out", text: null }))).toMatchObject({
    optedOut: 1,
  });
  expect(await bench.ledger.suppressions.counts()).toEqual({ provider: 1 });
});

it("a message delivered ten times, some of them at once, is stored and obeyed once", async () => {
  const stop = sms(phone(1), "STOP", 1);
  const results = await Promise.all(Array.from({ length: 9 }, () => apply(stop, stop)));
  expect(results.reduce((sum, { stored }) => sum + stored, 0)).toBe(1);
  await apply(sms(phone(1), "START", 2));
  expect(await apply(stop)).toEqual({ ...done, stored: 0 });
  expect(await has(phone(1))).toBe(false);
});

it("the same id at another account is another message", async () => {
  const stop = sms(phone(1), "STOP", 1);
  await apply(stop);
  expect(await bench.ledger.suppressions.applyInbound("other", [stop])).toMatchObject({ stored: 1 });
});

describe("START", () => {
  it("brings back who opted out by SMS, here or at the provider", async () => {
    await apply(sms(phone(1), "STOP", 1), sms(phone(2), "", 1, { kind: "opt-out" }));
    expect(await apply(sms(phone(1), "START", 2), sms(phone(2), "unstop", 2))).toEqual({
      ...done,
      ...{ stored: 2, back: 2 },
    });
    expect([await has(phone(1)), await has(phone(2))]).toEqual([false, false]);
  });

  it.each(["person", "import"] as const)(
    "does not end an opt-out by %s; somebody decides",
    async (source) => {
      await bench.ledger.suppressions.add([optOut(phone(1), source)]);
      await apply(sms(phone(1), "STOP", 1));
      expect(await apply(sms(phone(1), "START", 2))).toEqual({ ...done, toReview: 1 });
      expect(await has(phone(1))).toBe(true);
      expect(await bench.ledger.suppressions.reviews({ limit: 5 })).toMatchObject([
        { from: phone(1), text: "START", keyword: "start", account: "main" },
      ]);
    },
  );

  it("by SMS no longer ends an opt-out that somebody made again by hand", async () => {
    await apply(sms(phone(1), "STOP", 1));
    await bench.ledger.suppressions.add([optOut(phone(1))]);
    expect(await apply(sms(phone(1), "START", 2))).toEqual({ ...done, toReview: 1 });
    expect(await bench.ledger.suppressions.counts()).toEqual({ person: 1 });
  });

  it("that is older than the STOP ends nothing, whichever comes first", async () => {
    const start = sms(phone(1), "START", 1);
    await apply(sms(phone(1), "STOP", 2));
    expect(await apply(start)).toEqual(done);
    expect(await has(phone(1))).toBe(true);
    const late = { ...start, providerMessageId: null };
    expect(await apply(late, late)).toEqual({ ...done, stored: 2 });
    expect(await has(phone(1))).toBe(true);
  });

  it("and STOP in one batch: the later one counts; without times the opt-out does", async () => {
    const { id } = await addCampaign(bench, { recipients: 3 });
    const result = await apply(
      ...[sms(phone(0), "START", 3), sms(phone(0), "STOP", 2)],
      ...[sms(phone(1), "START", 2), sms(phone(1), "STOP", 3)],
      ...[sms(phone(2), "STOP", null), sms(phone(2), "START", null)],
    );
    expect(result).toEqual({ stored: 6, optedOut: 2, back: 1, toReview: 0, suppressed: 2 });
    expect([await has(phone(0)), await has(phone(1)), await has(phone(2))]).toEqual([false, true, true]);
    await audit(bench, id);
  });

  it("from somebody who never opted out changes nothing", async () => {
    expect(await apply(sms(phone(1), "START", 1))).toEqual(done);
  });

  it("after a STOP from a clock that is a day ahead still counts", async () => {
    await apply(sms(phone(1), "STOP", 72));
    expect(await apply(sms(phone(1), "START", 72))).toMatchObject({ back: 1 });
  });
});

describe("a text that may be an opt-out", () => {
  it("waits for somebody to decide and opts nobody out", async () => {
    expect(await apply(sms(phone(1), "please stop", 1), sms(phone(2), "don't stop", 1))).toEqual({
      ...done,
      ...{ stored: 2, toReview: 2 },
    });
    expect([await has(phone(1)), await has(phone(2))]).toEqual([false, false]);
    const reviews = await bench.ledger.suppressions.reviews({ limit: 1 });
    const rest = await bench.ledger.suppressions.reviews({ before: reviews[0]?.id, limit: 5 });
    expect([...reviews, ...rest].map(({ text }) => text).toSorted()).toEqual(["don't stop", "please stop"]);
  });

  it("waits no longer once it is dismissed, or the person is opted out or brought back by hand", async () => {
    await apply(...[1, 2, 3].map((index) => sms(phone(index), "please stop", 1)));
    const [newest] = await bench.ledger.suppressions.reviews({ limit: 1 });
    expect(await bench.ledger.suppressions.dismissReview(newest?.id ?? "0")).toBe(true);
    expect(await bench.ledger.suppressions.dismissReview(newest?.id ?? "0")).toBe(false);
    await bench.ledger.suppressions.add([optOut(phone(1)), optOut(phone(2)), optOut(phone(3))]);
    expect(await bench.ledger.suppressions.reviews({ limit: 5 })).toEqual([]);
  });
});

it("texts and ids that no table can hold, or nobody would read, are cut to what it can", async () => {
  const odd = sms(phone(1), `\u0000\ud800${"x".repeat(1_000_000)}`, null, {
    ...{ to: "\u0000".repeat(1_000), providerMessageId: `${"é".repeat(100_000)}` },
  });
  expect(await apply(odd, odd)).toEqual(done);
  const { rows } = await bench.pool.query(
    "select length(text) as text, length(recipient) as recipient from volley.inbound",
  );
  expect(rows).toEqual([{ text: 2_000, recipient: 200 }]);
});

it("forgetting a person erases what he wrote and keeps that he opted out", async () => {
  await apply(sms(phone(1), "STOP", 1), sms(phone(2), "Hello", 1));
  await bench.ledger.suppressions.forget(phone(1));
  const { rows } = await bench.pool.query("select sender from volley.inbound");
  expect(rows).toEqual([{ sender: phone(2) }]);
  expect(await has(phone(1))).toBe(true);
  await apply(sms(phone(1), "STOP", 2));
  expect((await bench.ledger.suppressions.list({ limit: 5 }))?.optOuts).toMatchObject([{ number: null }]);
});
