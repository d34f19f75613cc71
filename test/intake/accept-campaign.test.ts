// Recipients into the ledger, on a real database: every row is accounted for, and an intake that fails leaves
// nothing behind.

import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { VolleyError } from "../../src/domain/errors.ts";
import { acceptCampaign } from "../../src/intake/accept-campaign.ts";
import { ROW_ERRORS_KEPT } from "../../src/intake/add-recipients.ts";
import type { CampaignDraft } from "../../src/intake/campaign-draft.ts";
import type { IntakeRules } from "../../src/intake/choose-accounts.ts";
import { readCsv } from "../../src/intake/csv.ts";
import { findPhoneColumn } from "../../src/intake/phone-column.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { DEMO_COUNTRY, DEMO_TEMPLATE } from "../../src/simulator/demo-recipients.ts";
import { accountOf } from "../providers/support.ts";
import { audit, type LedgerBench, openLedgerBench, optOut } from "../support/ledger.ts";

const example = join(import.meta.dirname, "../../examples/recipients.csv");
const rules: IntakeRules = {
  quietHours: null,
  currency: null,
  caps: { messages: null, costMicros: null },
  routes: [
    { class: null, prefixes: ["+61"], accounts: [{ name: "mobile", weight: null }] },
    { class: null, prefixes: ["+4", "+1", "+3"], accounts: [{ name: "main", weight: null }] },
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
        senderFault: (from: string | null) => (from === null ? null : "cannot be chosen here"),
      },
    ],
  ]),
};
const draft: CampaignDraft = {
  name: "spring",
  class: "marketing",
  template: "Hi {{name}}",
  from: null,
  account: null,
  sendAt: null,
  timeZone: null,
};

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.pool.query(
    "truncate volley.campaign, volley.chunk, volley.message, volley.campaign_count, volley.suppression cascade",
  );
});

type Source = string | AsyncIterable<Uint8Array | string>;

/** `source` is a whole file, or its pieces as they come. */
async function accept(
  source: Source,
  {
    ledger = bench.ledger,
    country,
    ...changes
  }: Partial<CampaignDraft> & { ledger?: Pick<Ledger, "campaigns" | "chunks">; country?: "SE" | "AU" } = {},
) {
  const { headers, batches } = await readCsv(typeof source === "string" ? Readable.from([source]) : source);
  const phoneColumn = findPhoneColumn(headers);
  if (!phoneColumn.ok) throw new Error(phoneColumn.reason);
  const recipients = { headers, columns: { phone: phoneColumn.column }, batches, country };
  return acceptCampaign({ ledger }, { ...draft, ...changes }, recipients, { rules });
}

async function refusal(accepting: Promise<unknown>): Promise<VolleyError> {
  const error: unknown = await accepting.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof VolleyError) return error;
  throw new Error("It was accepted, or failed in another way", { cause: error });
}

async function expectNothing(): Promise<void> {
  const { rows } = await bench.pool.query(
    `select (select count(*)::integer from volley.campaign) as campaigns,
       (select count(*)::integer from volley.chunk) as chunks,
       (select count(*)::integer from volley.message) as messages`,
  );
  expect(rows).toEqual([{ campaigns: 0, chunks: 0, messages: 0 }]);
}

const swede = (index: number) => `+4670${1_000_000 + index}`;
const file = (numbers: readonly string[]) => `phone,name\n${numbers.map((one) => `${one},Ada\n`).join("")}`;
const swedes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => swede(from + index));

describe("an accepted campaign", () => {
  it("accounts for every row of the example file", async () => {
    const result = await accept(createReadStream(example), {
      template: DEMO_TEMPLATE,
      country: DEMO_COUNTRY,
    });
    expect(result).toMatchObject({ accepted: 1200, duplicates: 12, suppressed: 0, invalid: 20 });
    expect(result.errors).toHaveLength(20);
    const campaign = await bench.ledger.campaigns.find(result.id);
    expect(campaign).toMatchObject({ state: "running", total: 1200, duplicates: 12, invalid: 20 });
    expect(await bench.ledger.campaigns.counts(result.id)).toEqual({ queued: 1200 });
    await audit(bench, result.id);
  });

  it("stores each person in the chunk of the account that his number leads to, in the order of the file", async () => {
    const numbers = [swede(1), "+61412345678", swede(2), "+61412345679"];
    const { id } = await accept(file(numbers));
    const { rows } = await bench.pool.query(
      `select c.account, c.state, c.class, array_agg(m.recipient order by m.position) as recipients,
         array_agg(m.position order by m.position) as positions
       from volley.chunk c join volley.message m on m.chunk_id = c.id
       where c.campaign_id = $1 group by c.id order by c.account`,
      [id],
    );
    const chunk = { state: "waiting", class: "marketing" };
    expect(rows).toEqual([
      { ...chunk, account: "main", recipients: [swede(1), swede(2)], positions: [2, 4] },
      { ...chunk, account: "mobile", recipients: ["+61412345678", "+61412345679"], positions: [3, 5] },
    ]);
  });

  it("has chunks of a thousand at most", async () => {
    const { id } = await accept(file(swedes(0, 2500)));
    const { rows } = await bench.pool.query(
      "select messages from volley.chunk where campaign_id = $1 order by id",
      [id],
    );
    expect(rows.map(({ messages }) => messages).toSorted()).toEqual([1000, 1000, 500]);
  });

  it("--account wins over the routes", async () => {
    const { accepted } = await accept(file(["+81312345678"]), { account: "main" });
    expect(accepted).toBe(1);
  });
});

describe("rows that are left out", () => {
  it("a person who stands twice, however far apart and however written, gets one message with his first row", async () => {
    const rows = ["+46701740605,First", ...swedes(0, 3000).map((one) => `${one},Ada`), "0701740605,Second"];
    const result = await accept(`phone,name\n${rows.join("\n")}\n`, { country: "SE" });
    expect(result).toMatchObject({ accepted: 3001, duplicates: 1, invalid: 0 });
    const { rows: found } = await bench.pool.query(
      "select field_values from volley.message where recipient = '+46701740605'",
    );
    expect(found).toEqual([{ field_values: ["First"] }]);
  });

  it("chunks that hold the same people in different orders do not wait for each other for ever", async () => {
    const people = swedes(0, 1000);
    const orders = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? people : people.toReversed()));
    // Each pair of chunks reaches the database at one moment.
    let waiting: (() => void) | null = null;
    const add: Pick<Ledger, "campaigns" | "chunks">["chunks"]["add"] = async (chunk) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting?.();
      if (waiting === null) waiting = resolve;
      else waiting = null;
      if (waiting !== null) await promise;
      return bench.ledger.chunks.add(chunk);
    };
    const ledger = { ...bench.ledger, chunks: { ...bench.ledger.chunks, add } };
    expect(await accept(file(orders.flat()), { ledger })).toMatchObject({ accepted: 1000, duplicates: 9000 });
  });

  it("a person who opted out is counted as suppressed, not as a duplicate", async () => {
    await bench.ledger.suppressions.add([optOut(swede(1))]);
    const result = await accept(file([swede(0), swede(1), swede(1), swede(2)]));
    expect(result).toMatchObject({ accepted: 2, suppressed: 2, duplicates: 0 });
    await audit(bench, result.id);
  });

  it.each<[what: string, row: string, reason: RegExp]>([
    ["a number that is none", "12,Ada", /^The number /],
    ["a country that no route leads to", "+81312345678,Ada", /^No route leads to this number\.$/],
    ["an empty cell that the template needs", `${swede(1)},`, /^The column "name" is empty\.$/],
    ["a cell too many", `${swede(1)},Ada,Lund`, /^The row has 3 cells, the header has 2\.$/],
    [
      "a text longer than the provider takes",
      `+61412345678,${"x".repeat(400)}`,
      /^The text is longer than 2 segments\.$/,
    ],
  ])("%s is counted, named by its line, and stops nobody", async (_what, row, reason) => {
    const result = await accept(`phone,name\n${swede(0)},Ada\n${row}\n${swede(2)},Bo\n`);
    expect(result).toMatchObject({ accepted: 2, invalid: 1, errors: [{ row: 3 }] });
    expect(result.errors[0]?.reason).toMatch(reason);
  });

  it("of faulty rows the first are kept and all are counted", async () => {
    const result = await accept(file([swede(0), ...Array.from({ length: 5000 }, () => "12")]));
    expect(result).toMatchObject({ accepted: 1, invalid: 5000 });
    expect(result.errors).toHaveLength(ROW_ERRORS_KEPT);
  });

  it("when their route's accounts do not take the campaign's sender; those of other routes stay", async () => {
    const { id, accepted, errors } = await accept(file([swede(1), "+61412345678"]), { from: "Acme" });
    expect(accepted).toBe(1);
    expect(errors).toEqual([{ row: 3, reason: "The sender cannot be chosen here." }]);
    await audit(bench, id);
  });
});

describe("an intake that is refused stores nothing, and does not read the rows", () => {
  it.each<[what: string, changes: Partial<CampaignDraft>, code: string, reason: RegExp]>([
    [
      "a field that is no column",
      { template: "Hi {{city}}" },
      "template_invalid",
      /\{\{city\}\} is not a column/,
    ],
    ["a template that is not closed", { template: "Hi {{name" }, "template_invalid", /without a "\}\}"/],
    ["a name without characters", { name: " " }, "usage", /its name must have 1 to 200 characters/],
    ["a name too long", { name: "x".repeat(201) }, "usage", /its name must have 1 to 200 characters/],
    [
      "a name that Postgres cannot hold",
      { name: "a\u0000b" },
      "usage",
      /its name holds the character U\+0000/,
    ],
    [
      "an account that is none",
      { account: "nope" },
      "usage",
      /no account is named "nope"\. Configured: main, mobile\./,
    ],
    [
      "a sender that no account of the campaign takes",
      { account: "mobile", from: "Acme" },
      "usage",
      /^Cannot create the campaign: The sender cannot be chosen here\.$/,
    ],
  ])("%s", async (_what, changes, code, reason) => {
    let pieces = 0;
    async function* source() {
      yield "phone,name\n";
      for (;;) {
        pieces += 1;
        yield `${swede(pieces)},Ada\n`.repeat(1000);
      }
    }
    const error = await refusal(accept(source(), changes));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(reason);
    expect(pieces).toBeLessThan(10);
    await expectNothing();
  });
});

describe("an intake that fails leaves nothing behind", () => {
  it("when nobody can be sent to", async () => {
    const error = await refusal(accept(file(["12", "+81312345678"])));
    expect(error.code).toBe("csv_unreadable");
    expect(error.message).toMatch(
      /^Cannot create campaign "spring": none of its rows can be sent to\. Row 2: /,
    );
    await expectNothing();
  });

  it.each([500, 999, 1000, 2500, 3000])("when the source breaks off after %i rows", async (rows) => {
    async function* source() {
      yield file(swedes(0, rows));
      throw new VolleyError("csv_unreadable", "The upload broke off.");
    }
    expect((await refusal(accept(source()))).message).toBe("The upload broke off.");
    await expectNothing();
  });

  it("when the last row of many is in a broken encoding", async () => {
    const bytes = Buffer.concat([
      Buffer.from(file(swedes(0, 2500))),
      Buffer.from([0xff, 0xfe, 0x2c, 0x41, 0x0a]),
    ]);
    expect((await refusal(accept(Readable.from([bytes])))).code).toBe("csv_unreadable");
    await expectNothing();
  });

  it.each([1, 2, 3, 4])(
    "when the database fails in chunk %i, however slowly the next rows come",
    async (failing) => {
      let chunks = 0;
      const failed = Promise.withResolvers<void>();
      const add: Pick<Ledger, "campaigns" | "chunks">["chunks"]["add"] = async (chunk) => {
        chunks += 1;
        if (chunks !== failing) return bench.ledger.chunks.add(chunk);
        setImmediate(failed.resolve);
        throw new VolleyError("database_failed", "The connection was lost.");
      };
      const ledger = { ...bench.ledger, chunks: { ...bench.ledger.chunks, add } };
      async function* source() {
        yield "phone,name\n";
        for (let from = 0; from < 4000; from += 1000) {
          yield swedes(from, from + 1000)
            .map((one) => `${one},Ada\n`)
            .join("");
          if (chunks >= failing) await failed.promise;
        }
      }
      expect((await refusal(accept(source(), { ledger }))).message).toBe("The connection was lost.");
      await expectNothing();
    },
  );
});

it("memory holds an open chunk for each account and two on their way, whatever the file's length", async () => {
  const ROWS = 50_000;
  let read = 0;
  let stored = 0;
  let heldMax = 0;
  const add: Pick<Ledger, "campaigns" | "chunks">["chunks"]["add"] = async (chunk) => {
    heldMax = Math.max(heldMax, read - stored);
    const added = await bench.ledger.chunks.add(chunk);
    stored += chunk.messages.length;
    return added;
  };
  const ledger = { ...bench.ledger, chunks: { ...bench.ledger.chunks, add } };
  async function* source() {
    yield "phone,name\n";
    for (let from = 0; from < ROWS; from += 500) {
      yield swedes(from, from + 500)
        .map((one, index) => `${index % 2 === 0 ? one : `+614${10_000_000 + from + index}`},Ada\n`)
        .join("");
      read += 500;
    }
  }
  const result = await accept(source(), { ledger });
  expect(result).toMatchObject({ accepted: ROWS, duplicates: 0, invalid: 0 });
  // Two open chunks, two inserts, one more that waits for its turn, and a batch of rows just parsed.
  expect(heldMax).toBeLessThanOrEqual(6_000 + 2_000);
  await audit(bench, result.id);
});
