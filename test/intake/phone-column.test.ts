// Which column holds the numbers.

import { describe, expect, it } from "vitest";
import { findPhoneColumn } from "../../src/intake/phone-column.ts";

describe("findPhoneColumn", () => {
  it.each<[headers: string[], wanted: string | undefined, column: number]>([
    [["name", "phone"], undefined, 1],
    [["name", "Phone Number"], undefined, 1],
    [["MSISDN"], undefined, 0],
    [["number", "mobile"], undefined, 1],
    [["to", "recipient"], undefined, 1],
    [["Tel.", "name"], undefined, 0],
    [["name", "phone"], "name", 0],
    [["phone", "Phone"], "Phone", 1],
    [["name", "Mobile Phone"], "mobile_phone", 1],
    [["x", "__proto__"], "__proto__", 1],
  ])("in %j with --column %s it is %i", (headers, wanted, column) => {
    expect(findPhoneColumn(headers, wanted)).toEqual({ ok: true, column });
  });

  it("a named column must exist; the answer lists those that do", () => {
    expect(findPhoneColumn(["name", "city"], "constructor")).toEqual({
      ok: false,
      reason: 'The file has no column "constructor"; it has "name", "city".',
    });
  });

  it("where none is plainly it, the answer lists the columns and names the option", () => {
    const reading = findPhoneColumn(["name", "telefax"]);
    expect(reading).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/"name", "telefax".*--column/),
    });
  });

  it("a file without a header shows nothing of its first person, and no endless list", () => {
    const headers = ["+46 70-174 06 05", "Ada", ...Array.from({ length: 100 }, (_, index) => `c${index}`)];
    const reading = findPhoneColumn(headers);
    if (reading.ok) throw new Error("A column was found");
    expect(reading.reason).toMatch(/\[hidden\], \[hidden\].* and 82 more/);
    expect(reading.reason).not.toMatch(/174|Ada|c0/);
  });
});
