// The demo's recipients are what their maker says they are, once intake's own parts have read them.

import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parsePhoneNumber } from "../../src/domain/phone-number.ts";
import { measureText } from "../../src/domain/sms-text.ts";
import { bindFields, parseTemplate, renderTemplate } from "../../src/domain/template.ts";
import { checkText } from "../../src/domain/text-check.ts";
import { readCsv } from "../../src/intake/csv.ts";
import { DEMO_COUNTRY, DEMO_TEMPLATE, writeDemoRecipients } from "../../src/simulator/demo-recipients.ts";

const examplePath = fileURLToPath(new URL("../../examples/recipients.csv", import.meta.url));

/** Written to a stream of the least patience, so that waiting for it is tested as well. */
async function write(count: number, seed: number) {
  const stream = new PassThrough({ highWaterMark: 1 });
  const text = buffer(stream);
  const counts = await writeDemoRecipients(stream, count, seed);
  stream.end();
  return { counts, bytes: await text };
}

async function read(source: AsyncIterable<Uint8Array>) {
  const parsed = parseTemplate(DEMO_TEMPLATE);
  if (!parsed.ok) throw new Error(parsed.reason);
  const { headers, batches } = await readCsv(source);
  const bound = bindFields(parsed.template, headers);
  if (!bound.ok) throw new Error(bound.reason);
  const texts = new Map<string, string>();
  let duplicates = 0;
  let invalid = 0;
  for await (const batch of batches) {
    for (const row of batch) {
      const cells = "cells" in row ? row.cells : [];
      const phone = parsePhoneNumber(cells[0] ?? "", DEMO_COUNTRY);
      const values = bound.columns.map((column) => cells[column] ?? "");
      if (!phone.ok || values.some((value) => value.trim() === "")) invalid += 1;
      else if (texts.has(phone.number)) duplicates += 1;
      else texts.set(phone.number, renderTemplate(parsed.template, values));
    }
  }
  return { counts: { valid: texts.size, duplicates, invalid }, texts };
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

describe("demo recipients", () => {
  it.each([
    [0, 1],
    [1, 1],
    [10, 2],
    [99, 3],
    [1199, 4],
    [1200, 5],
    [1201, 6],
    [10_000, 7],
  ])("of %i, intake's parts find as many as their maker counts", async (count, seed) => {
    const { counts, bytes } = await write(count, seed);
    expect((await read(once(bytes))).counts).toEqual(counts);
    expect(counts.valid).toBe(count);
  });

  it("are half Australian, each there with at most two segments, and nobody's text is refused", async () => {
    const { texts } = await read(once((await write(10_000, 8)).bytes));
    const australian = [...texts].filter(([number]) => number.startsWith("+61"));
    expect(australian).toHaveLength(5000);
    for (const [, text] of australian) expect(measureText(text).segments).toBeLessThanOrEqual(2);
    for (const [, text] of texts) expect(checkText(text)).toEqual({ ok: true });
    const segments = new Set(
      [...texts.values()].map((text) => `${measureText(text).encoding} ${measureText(text).segments}`),
    );
    expect([...segments].sort()).toEqual(["gsm-7 1", "gsm-7 2", "ucs-2 1", "ucs-2 2"]);
  });

  it("are the same for the same seed, and have other codes for another", async () => {
    const { bytes } = await write(2000, 9);
    expect((await write(2000, 9)).bytes.equals(bytes)).toBe(true);
    expect((await write(2000, 10)).bytes.equals(bytes)).toBe(false);
  });

  it.each([-1, 1.5, Number.NaN, 1_000_001])("of %d are refused", async (count) => {
    await expect(write(count, 1)).rejects.toThrow(RangeError);
  });
});

describe("examples/recipients.csv", () => {
  it("is what writeDemoRecipients writes for 1200 recipients and seed 1", async () => {
    expect((await write(1200, 1)).bytes.equals(readFileSync(examplePath))).toBe(true);
  });

  it("holds 1200 recipients, 12 of them twice, and 20 rows that cannot be sent to", async () => {
    const { counts } = await read(createReadStream(examplePath));
    expect(counts).toEqual({ valid: 1200, duplicates: 12, invalid: 20 });
  });
});
