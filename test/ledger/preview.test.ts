// What a campaign holds, as the database counts it; and an account's day, as however many processes book it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCampaignId, recipientMessageId } from "../../src/domain/ids.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import { GSM_CHARACTERS, measureText, ucs2Characters } from "../../src/domain/sms-text.ts";
import type { TimeZone } from "../../src/domain/time-zone.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { type LedgerBench, openLedgerBench } from "../support/ledger.ts";

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query(
    "truncate volley.campaign, volley.chunk, volley.message, volley.campaign_count, volley.account_day cascade",
  );
});

const stockholm = ["Europe/Stockholm" as TimeZone];
type Person = { readonly to: string; readonly value: string; readonly dueAt?: Date };

async function draft(
  ledger:
    | Pick<LedgerBench["ledger"], "campaigns">
    | Parameters<Parameters<LedgerBench["ledger"]["tryOut"]>[0]>[0],
): Promise<CampaignId> {
  const id = createCampaignId(Date.now());
  const common = { class: "marketing", sender: null, account: null, sendAt: null, timeZone: null } as const;
  await ledger.campaigns.createDraft({ ...common, id, name: "preview", template: "{{text}}" });
  return id;
}

async function add(
  ledger: Parameters<typeof draft>[0] & { chunks: Pick<LedgerBench["ledger"]["chunks"], "add"> },
  campaignId: CampaignId,
  people: readonly Person[],
  { account = "main", zones = stockholm }: { account?: string; zones?: readonly TimeZone[] } = {},
): Promise<void> {
  const messages = people.map(({ to, value, dueAt }, index) => ({
    id: recipientMessageId(campaignId, to as PhoneNumber),
    to: to as PhoneNumber,
    position: index + 2,
    segments: measureText(value).segments,
    text: null,
    values: [value],
    dueAt,
  }));
  const chunk = { campaignId, class: "marketing", sender: null, state: "waiting", messages } as const;
  await ledger.chunks.add({ ...chunk, accounts: [account], zones });
}

const person = (index: number, value = "Hello"): Person => ({ to: `+4670100${1000 + index}`, value });

describe("a campaign's messages", () => {
  it("are counted by account, zones and the head of their numbers", async () => {
    const id = await draft(bench.ledger);
    await add(bench.ledger, id, [person(1), person(2, "x".repeat(200))]);
    await add(bench.ledger, id, [{ to: "+12025550123", value: "Hello" }], { account: "other", zones: [] });
    const groups = await bench.ledger.preview.groups(id, 0);
    expect(groups.toSorted((one, other) => one.account.localeCompare(other.account))).toEqual([
      {
        account: "main",
        zones: stockholm,
        head: "+467010",
        example: "+46701001001",
        messages: 2,
        segments: 3,
        long: 1,
        foreign: 0,
        open: { messages: 2, segments: 3 },
        firstDueMs: null,
        lastDueMs: null,
      },
      expect.objectContaining({ account: "other", zones: [], head: "+120255", messages: 1 }),
    ]);
  });

  it("are told apart as far as the longest price needs it", async () => {
    const id = await draft(bench.ledger);
    await add(bench.ledger, id, [person(1), person(2)]);
    const groups = await bench.ledger.preview.groups(id, 12);
    expect(groups.map(({ head }) => head).toSorted()).toEqual(["+46701001001", "+46701001002"]);
  });

  it("that wait for their time tell when", async () => {
    const id = await draft(bench.ledger);
    const dueAt = new Date(Date.now() + 3_600_000);
    await add(bench.ledger, id, [{ ...person(1), dueAt }]);
    const [scheduled] = await bench.ledger.preview.groups(id, 0);
    expect(scheduled).toMatchObject({ firstDueMs: dueAt.getTime(), lastDueMs: dueAt.getTime() });
    await add(bench.ledger, id, [person(2)]);
    const [mixed] = await bench.ledger.preview.groups(id, 0);
    expect(mixed).toMatchObject({ firstDueMs: null, lastDueMs: dueAt.getTime(), open: { messages: 2 } });
  });

  it("need UCS-2 exactly when the text's own measure says so", async () => {
    const id = await draft(bench.ledger);
    const texts = [
      ...GSM_CHARACTERS,
      ..."ŁğЖ漢’`\t\u0007\u007f\u0001\b😀ç",
      '\\t is no tab "quoted"',
      "\\\\u0001",
      "C:\\bin\\u00e5",
      "[a, b]",
      "",
    ];
    await add(
      bench.ledger,
      id,
      texts.map((value, index) => person(index, value)),
    );
    const groups = await bench.ledger.preview.groups(id, 12);
    const byNumber = new Map(groups.map(({ head, foreign }) => [head, foreign === 1]));
    for (const [index, text] of texts.entries()) {
      expect(byNumber.get(person(index).to), JSON.stringify(text)).toBe(ucs2Characters(text).length > 0);
    }
  });

  it("name the characters that force UCS-2, the most frequent first, once a message", async () => {
    const id = await draft(bench.ledger);
    const values = ["Łukasz", "Łódź ŁŁŁ", "Ğ 😀", "plain"];
    await add(
      bench.ledger,
      id,
      values.map((value, index) => person(index, value)),
    );
    const found = await bench.ledger.preview.foreignCharacters(id);
    expect(found[0]).toEqual({ character: "Ł", messages: 2 });
    expect(found.map(({ character }) => character).toSorted()).toEqual([..."ŁóźĞ😀"].toSorted());
  });

  it("give the longest of them as a sample, and the first", async () => {
    const id = await draft(bench.ledger);
    await add(bench.ledger, id, [person(1, "first"), person(2, "second"), person(3, "x".repeat(400))]);
    const samples = await bench.ledger.preview.samples(id);
    expect(samples.map(({ values }) => values.map((value) => value.reveal()).join())).toEqual([
      "x".repeat(400),
      "first",
      "second",
    ]);
  });

  it("of a trial are there within it, and gone after it, also when it fails", async () => {
    const seen = await bench.ledger.tryOut(async (trial) => {
      const id = await draft(trial);
      await add(trial, id, [person(1)]);
      return (await trial.preview.groups(id, 0)).length;
    });
    expect(seen).toBe(1);
    await expect(
      bench.ledger.tryOut(async (trial) => {
        await draft(trial);
        throw new Error("broken off");
      }),
    ).rejects.toThrow("broken off");
    expect(await bench.ledger.campaigns.list({ limit: 10 })).toEqual([]);
    const { rows } = await bench.pool.query(
      "select (select count(*) from volley.chunk) + (select count(*) from volley.message) as rows",
    );
    expect(rows).toEqual([{ rows: "0" }]);
  });
});

describe("an account's day", () => {
  const use = (messages: number, costMicros = 0) => ({ messages, costMicros });

  it("is never booked beyond its cap, however many book at once", async () => {
    const ledgers = [bench.ledger, createLedger({ pool: bench.pool })];
    const cap = { messages: 100, costMicros: null };
    const booked = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        (ledgers[index % 2] ?? bench.ledger).accountDays.book("main", use(3), cap),
      ),
    );
    expect(booked.filter(({ ok }) => ok)).toHaveLength(33);
    expect(await bench.ledger.accountDays.book("main", use(2), cap)).toMatchObject({
      ok: false,
      left: { messages: 1, costMicros: null },
      bookedAgoMs: expect.any(Number),
    });
  });

  it("tells what is left of money, and how long the day lasts", async () => {
    const cap = { messages: null, costMicros: 1_000 };
    expect(await bench.ledger.accountDays.book("main", use(1, 1_001), cap)).toMatchObject({
      ok: false,
      left: { messages: null, costMicros: 1_000 },
      bookedAgoMs: null,
    });
    expect(await bench.ledger.accountDays.book("main", use(1, 700), cap)).toMatchObject({ ok: true });
    const refused = await bench.ledger.accountDays.book("main", use(1, 301), cap);
    expect(refused).toMatchObject({ ok: false, left: { messages: null, costMicros: 300 } });
    if (refused.ok) throw new Error("it was booked");
    const { rows } = await bench.pool.query<{ ms: number }>(
      `select extract(epoch from date_trunc('day', now(), 'UTC') + interval '24 hours' - now())::float8 * 1000 as ms`,
    );
    expect(Math.abs(refused.dayEndsInMs - (rows[0]?.ms ?? 0))).toBeLessThan(60_000);
  });

  it("takes back what was not sent, and other accounts and days have caps of their own", async () => {
    const cap = { messages: 5, costMicros: null };
    const booked = await bench.ledger.accountDays.book("main", use(5), cap);
    if (!booked.ok) throw new Error("it was refused");
    expect(await bench.ledger.accountDays.book("other", use(5), cap)).toMatchObject({ ok: true });
    await bench.ledger.accountDays.giveBack("main", booked.day, use(2));
    expect(await bench.ledger.accountDays.book("main", use(3), cap)).toMatchObject({ ok: false });
    expect(await bench.ledger.accountDays.book("main", use(2), cap)).toMatchObject({ ok: true });
    await bench.pool.query("update volley.account_day set day = day - 1 where account = 'main'");
    expect(await bench.ledger.accountDays.book("main", use(5), cap)).toMatchObject({ ok: true });
  });
});
