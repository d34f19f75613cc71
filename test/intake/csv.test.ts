// CSV as people really upload it: odd encodings, separators, line ends and quotes; bad rows that stop nobody,
// bad files that say where they broke; flat memory at any length.

import { execFile } from "node:child_process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VolleyError } from "../../src/domain/errors.ts";
import { type CsvRow, readCsv } from "../../src/intake/csv.ts";

type Input = string | Uint8Array;

/** The whole file, given in pieces of `pieceBytes`. */
async function read(
  input: Input,
  pieceBytes = Number.POSITIVE_INFINITY,
): Promise<{ headers: readonly string[]; rows: CsvRow[] }> {
  const { headers, batches } = await readCsv(inPieces(Buffer.from(input as string), pieceBytes));
  const rows: CsvRow[] = [];
  for await (const batch of batches) rows.push(...batch);
  return { headers, rows };
}

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  if (pieceBytes >= bytes.length) yield bytes;
  else for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function refusal(input: Input, pieceBytes?: number): Promise<VolleyError> {
  const error: unknown = await read(input, pieceBytes).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof VolleyError))
    throw new Error("The file was read, or failed in another way", { cause: error });
  expect(error.code).toBe("csv_unreadable");
  return error;
}

const cells = (rowNumber: number, ...values: string[]) => ({ rowNumber, cells: values });

describe("encodings", () => {
  const text = "phone,name\n+46701740605,Åsa 😀\n+46701740606,Zoë\n";
  const expected = {
    headers: ["phone", "name"],
    rows: [cells(2, "+46701740605", "Åsa 😀"), cells(3, "+46701740606", "Zoë")],
  };
  const utf16 = Buffer.from(`\ufeff${text}`, "utf16le");

  it.each<[name: string, bytes: Uint8Array]>([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with BOM", Buffer.from(`\ufeff${text}`)],
    ["UTF-16 LE with BOM", utf16],
    ["UTF-16 BE with BOM", Buffer.from(utf16).swap16()],
  ])("%s is read, whole or in pieces of 1, 2, 3, 5 and 7 bytes", async (_name, bytes) => {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 2, 3, 5, 7]) {
      expect(await read(bytes, pieceBytes)).toEqual(expected);
    }
  });

  it.each<[name: string, bytes: Uint8Array, message: RegExp]>([
    [
      "Latin-1",
      Buffer.from("phone,name\n+46701740605,Bo\n+46701740606,Åsa\n", "latin1"),
      /row 3 holds bytes that are not UTF-8/,
    ],
    [
      "a surrogate in UTF-8",
      Buffer.concat([Buffer.from("phone\n1\n"), Buffer.of(0xed, 0xa0, 0x80, 0x0a)]),
      /row 3 holds bytes/,
    ],
    ["UTF-8 cut in a character", Buffer.from("phone\n1\nÅ").subarray(0, 9), /row 3 holds bytes/],
    ["U+0000", Buffer.from("phone,name\n1,a\n2,b\u0000\n3,c\n"), /row 3 holds the character U\+0000/],
    [
      "U+0000 in UTF-16",
      Buffer.from("\ufeffphone\n1\n\u0000\n", "utf16le"),
      /row 3 holds the character U\+0000/,
    ],
    [
      "half a pair in UTF-16",
      Buffer.from("\ufeffphone\n1\n\ud83dx\n", "utf16le"),
      /row 3 holds half of a surrogate pair/,
    ],
    ["half a pair at the end of UTF-16", Buffer.from("\ufeffphone\n1\n\ud83d", "utf16le"), /row 3/],
    [
      "an odd byte at the end of UTF-16",
      utf16.subarray(0, utf16.length - 1),
      /row 3 ends in the middle of a character/,
    ],
    ["UTF-16 without BOM", Buffer.from(text, "utf16le"), /it seems to be UTF-16/],
    [
      "a workbook",
      Buffer.concat([Buffer.from("PK\u0003\u0004"), Buffer.alloc(100, 0xff)]),
      /it is a workbook/,
    ],
  ])("%s is refused with its row", async (_name, bytes, message) => {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 4]) {
      expect((await refusal(bytes, pieceBytes)).message).toMatch(message);
    }
  });
});

describe("separators, line ends and quotes", () => {
  it.each<[name: string, text: string, rows: CsvRow[]]>([
    ["semicolons", "phone;name\n1;Berg, Ana\n", [cells(2, "1", "Berg, Ana")]],
    ["tabs, with empty cells", "phone\tname\n1\t\n\tb\n", [cells(2, "1", ""), cells(3, "", "b")]],
    ["bars", "phone|name\n1|a;b,c\n", [cells(2, "1", "a;b,c")]],
    ["a quoted header full of commas", '"phone";"a,b,c,d"\n1;x\n', [cells(2, "1", "x")]],
    ["a quoted header with a line break", '"pho\nne";name\n1;x\n', [cells(3, "1", "x")]],
    ["CR LF", "phone,name\r\n1,a\r\n2,b\r\n", [cells(2, "1", "a"), cells(3, "2", "b")]],
    ["bare CR", "phone,name\r1,a\r2,b\r", [cells(2, "1", "a"), cells(3, "2", "b")]],
    [
      "all three mixed",
      "phone,name\r\n1,a\n2,b\r3,c",
      [cells(2, "1", "a"), cells(3, "2", "b"), cells(4, "3", "c")],
    ],
    ["no line end at the end", "phone,name\n1,a", [cells(2, "1", "a")]],
    ["doubled quotes", 'phone,name\n1,"Ana ""Annie"" Berg"\n', [cells(2, "1", 'Ana "Annie" Berg')]],
    [
      "blanks around bare and quoted cells",
      ' phone , name \n 1 , Ana \n2, " Bo " \n',
      [cells(2, "1", "Ana"), cells(3, "2", " Bo ")],
    ],
    [
      "blank lines and rows of empty cells",
      "\n\nphone,name\n\n1,a\n  \n,\n2,b\n\n",
      [cells(5, "1", "a"), cells(8, "2", "b")],
    ],
    ["empty cells too many", "phone,name\n1,a,,\n", [cells(2, "1", "a")]],
    [
      "formulas and markup as they stand",
      "phone,name\n1,=1+2\n2,<script>\n",
      [cells(2, "1", "=1+2"), cells(3, "2", "<script>")],
    ],
    [
      "line breaks in cells: the row is the line where it begins",
      'phone,name\n1,"a\nb\n\nc"\n2,x\n"3","d\r\ne\r\n"\n4,y\n\n5,"\r"\n6,z\n',
      [
        cells(2, "1", "a\nb\n\nc"),
        cells(6, "2", "x"),
        cells(7, "3", "d\r\ne\r\n"),
        cells(10, "4", "y"),
        cells(12, "5", "\r"),
        cells(14, "6", "z"),
      ],
    ],
  ])("%s", async (_name, text, rows) => {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 3])
      expect((await read(text, pieceBytes)).rows).toEqual(rows);
  });

  it("one column needs no separator", async () => {
    expect(await read("phone\n+46701740605\n")).toEqual({
      headers: ["phone"],
      rows: [cells(2, "+46701740605")],
    });
  });

  it("any table that is written out comes back, in any pieces", async () => {
    const cell = fc.string({ unit: fc.constantFrom(..."ab,;\t|\"\n\r é😀'{}") }).map((text) => `x${text}`);
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 0, maxLength: 20 });
    const separator = fc.constantFrom(",", ";", "\t", "|");
    const end = fc.constantFrom("\n", "\r\n", "\r");
    await fc.assert(
      fc.asyncProperty(
        table,
        separator,
        end,
        fc.integer({ min: 1, max: 50 }),
        async (rows, by, lineEnd, pieceBytes) => {
          const written = [["a", "b", "c"], ...rows]
            .map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(by) + lineEnd)
            .join("");
          let line = 2;
          const expected = rows.map((row) => {
            const rowNumber = line;
            line += 1 + (row.join(" ").match(/\r\n|\r|\n/g)?.length ?? 0);
            return { rowNumber, cells: row };
          });
          expect(await read(written, pieceBytes)).toEqual({ headers: ["a", "b", "c"], rows: expected });
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("rows that cannot be used", () => {
  it("are errors with their row, and stop nobody", async () => {
    const { rows } = await read('phone,name\n1\n2,b,c\n3,Ana "Annie" Berg\n4,d\n"5","e"\n');
    expect(rows).toEqual([
      { rowNumber: 2, error: "The row has 1 cell, the header has 2." },
      { rowNumber: 3, error: "The row has 3 cells, the header has 2." },
      { rowNumber: 4, error: expect.stringMatching(/quote stands inside a cell/) },
      cells(5, "4", "d"),
      cells(6, "5", "e"),
    ]);
  });

  it("a million good rows before a bad last one are all handed on", async () => {
    const piece = Buffer.from("1,a\n".repeat(10_000));
    async function* source() {
      yield Buffer.from("phone,name\n");
      for (let times = 0; times < 100; times += 1) yield piece;
      yield Buffer.from("1\n");
    }
    const { batches } = await readCsv(source());
    let good = 0;
    const bad: CsvRow[] = [];
    for await (const batch of batches) {
      for (const row of batch) {
        if ("cells" in row) good += 1;
        else bad.push(row);
      }
    }
    expect(good).toBe(1_000_000);
    expect(bad).toEqual([{ rowNumber: 1_000_002, error: "The row has 1 cell, the header has 2." }]);
  });
});

describe("files that cannot be read", () => {
  const filler = "1,a\n".repeat(50_000);

  it.each<[name: string, text: string, message: RegExp]>([
    ["nothing", "", /it is empty/],
    ["only a BOM", "\ufeff", /it is empty/],
    ["only blank lines", "\n \r\n\n", /it is empty/],
    ["a blank header", "phone,,name, \n1,2,3,4\n", /row 1 is the header and has no name for column 2, 4/],
    ["a doubled header", "phone,name, name\n", /has the name "name" more than once/],
    ["both", "a,a,\n", /no name for column 3 and the name "a" more than once/],
    [
      "a quote never closed at the end",
      'phone,name\n1,a\n2,"b\n3,c\n',
      /row 3 opens a quote that is never closed/,
    ],
    [
      "a quote never closed before many rows",
      `phone,name\n1,a\n2,"b\n${filler}`,
      /row 3 is longer than 64 KiB: a quote/,
    ],
    [
      "a quote closed by the next one",
      'phone,name\n1,"a\n2,"b"\n3,c\n',
      /row 2 opens a quote that is closed in the middle/,
    ],
    [
      "a letter after a closing quote",
      'phone,name\n1,a\n2,"b" c\n',
      /row 3 opens a quote that is closed in the middle/,
    ],
    ["a quote never closed in the header", `phone,"name\n${filler}`, /row 1 is longer than 64 KiB/],
    ["one endless line", `phone,name\n${"x".repeat(200_000)}`, /row 2 is longer than 64 KiB/],
    [
      "one endless line of separators",
      `phone,name\n1,a\n${",".repeat(400_000)}`,
      /row 3 is longer than 64 KiB/,
    ],
  ])("%s", async (_name, text, message) => {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1000]) {
      expect((await refusal(text, pieceBytes)).message).toMatch(message);
    }
  });

  it("a number in place of a header is not repeated in the error", async () => {
    const error = await refusal("+46701740605,Ana,+46701740605\n");
    expect(error.message).toMatch(/\[hidden\]/);
    expect(error.message).not.toMatch(/4670/);
  });

  it("a source that fails fails the reader with its own error", async () => {
    const source = new Readable({ read: () => {} });
    source.push("phone\n1\n2\n3\n");
    const { batches } = await readCsv(source);
    source.destroy(new Error("disk gone"));
    await expect(batches.next()).rejects.toThrow("disk gone");
  });
});

describe("the stream", () => {
  it("comes in batches of a bounded size, in order", async () => {
    const { batches } = await readCsv(inPieces(Buffer.from(`phone\n${"1\n".repeat(2500)}`), 700), {
      batchRows: 100,
    });
    const sizes: number[] = [];
    let last = 1;
    for await (const batch of batches) {
      sizes.push(batch.length);
      for (const row of batch) {
        expect(row.rowNumber).toBe(last + 1);
        last = row.rowNumber;
      }
    }
    expect(sizes).toEqual(Array.from({ length: 25 }, () => 100));
  });

  it.each<[name: string, leave: (file: Awaited<ReturnType<typeof readCsv>>) => Promise<unknown>]>([
    [
      "leaves early",
      async ({ batches }) => {
        for await (const _ of batches) break;
      },
    ],
    ["reads nothing", ({ close }) => close()],
  ])("a reader who %s closes the source", async (_name, leave) => {
    const source = Readable.from(inPieces(Buffer.from(`phone\n${"1\n".repeat(100_000)}`), 1000));
    await leave(await readCsv(source));
    expect(source.destroyed).toBe(true);
  });

  it("a refused file closes the source", async () => {
    const source = Readable.from(inPieces(Buffer.from(`a,a\n${"1,2\n".repeat(100_000)}`), 1000));
    await expect(readCsv(source)).rejects.toThrow(/more than once/);
    expect(source.destroyed).toBe(true);
  });

  it("300,000 rows need no more memory than 50,000", async () => {
    const program = fileURLToPath(new URL("csv-memory.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program]);
    const { rows, heapAt50k, heapAt300k } = JSON.parse(stdout) as Record<string, number>;
    expect(rows).toBe(300_000);
    // A row held on to would cost 100 bytes or more: 25 MB.
    expect((heapAt300k ?? Number.NaN) - (heapAt50k ?? Number.NaN)).toBeLessThan(4_000_000);
  });
});
