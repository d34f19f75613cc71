// [1] CSV records out of clean bytes, with the line on which each begins. The package `csv-parse` does the
// splitting; around it stand the numbering, the bounds, and the decision what a fault ends: a quote inside a
// bare cell spoils its own record, a quote that is closed wrongly or never makes the rest of the file
// unreadable, because nobody can tell any more where rows end.

import { type CsvError, parse } from "csv-parse";
import { VolleyError } from "../domain/errors.ts";

export type CsvRecord =
  | { readonly rowNumber: number; readonly cells: readonly string[] }
  | { readonly rowNumber: number; readonly error: string };

export const RECORD_BYTES_MAX = 64 * 1024;

export type RecordParser = {
  /** Resolves with the records that these bytes complete. */
  readonly write: (bytes: Buffer) => Promise<readonly CsvRecord[]>;
  readonly end: () => Promise<readonly CsvRecord[]>;
  /** The line on which the record begins that stands after these bytes; the parser is of no more use then. */
  readonly rowAfter: (bytes: Buffer) => Promise<number>;
  readonly close: () => void;
};

export function createRecordParser(delimiter: string): RecordParser {
  let records: CsvRecord[] = [];
  let lastRow = 0;
  // The package counts the line feed of a CR LF inside a quoted cell as a line of its own.
  let overcount = 0;
  let bytesOpen = 0;

  const parser = parse({
    delimiter,
    // All three, not the first one found: files glued together from two systems hold both.
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    max_record_size: RECORD_BYTES_MAX,
    trim: true,
    skip_records_with_error: true,
    on_record: (cells: string[]) => {
      const { rowNumber, lines } = place(cells);
      lastRow = rowNumber + lines - 1;
      records.push({ rowNumber, cells });
      // Nothing for the package's own buffer: the records wait here for the end of this write.
      return null;
    },
    on_skip: (error) => {
      if (error?.code !== "INVALID_OPENING_QUOTE") throw unreadable(openRow(), faultOf(error));
      const rowNumber = parser.info.lines - overcount;
      // Two stray quotes in one record are one error.
      if (rowNumber > lastRow) records.push({ rowNumber, error: STRAY_QUOTE });
      lastRow = Math.max(lastRow, rowNumber);
    },
  });
  // Told by the callback of the write that failed, as well.
  parser.on("error", () => {});

  function place(cells: readonly string[]): { readonly rowNumber: number; readonly lines: number } {
    const row = parser.info.lines - overcount;
    if (row === lastRow + 1) return { rowNumber: row, lines: 1 };
    const text = cells.join("\u0000");
    const counted = text.match(/[\r\n]/g)?.length ?? 0;
    const breaks = text.match(/\r\n|\r|\n/g)?.length ?? 0;
    overcount += counted - breaks;
    return { rowNumber: row - counted, lines: breaks + 1 };
  }

  function openRow(): number {
    return lastRow + 1;
  }

  function take(): readonly CsvRecord[] {
    const taken = records;
    records = [];
    return taken;
  }

  async function write(bytes: Buffer): Promise<readonly CsvRecord[]> {
    await new Promise<void>((resolve, reject) => {
      parser.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    const taken = take();
    // The package's bound counts characters; a line of separators alone has none.
    bytesOpen = taken.length === 0 ? bytesOpen + bytes.length : 0;
    if (bytesOpen > 2 * RECORD_BYTES_MAX) throw unreadable(openRow(), TOO_LONG);
    return taken;
  }

  async function end(): Promise<readonly CsvRecord[]> {
    await new Promise<void>((resolve, reject) => {
      parser.once("error", reject);
      parser.end(() => resolve());
    });
    return take();
  }

  return {
    write,
    end,
    rowAfter: async (bytes) => {
      // The separator makes sure that a record is begun, wherever the bytes end.
      await write(Buffer.concat([bytes, Buffer.from(delimiter)]));
      const begun = await end().catch(() => []);
      return begun.at(-1)?.rowNumber ?? openRow();
    },
    close: () => {
      parser.destroy();
    },
  };
}

const STRAY_QUOTE =
  "A quote stands inside a cell that does not begin with one: put the whole cell in quotes and double those inside.";
const TOO_LONG = `is longer than ${RECORD_BYTES_MAX / 1024} KiB: a quote that opens there is probably never closed`;

function faultOf(error: CsvError | undefined): string {
  switch (error?.code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "opens a quote that is never closed";
    case "CSV_MAX_RECORD_SIZE":
      return TOO_LONG;
    case "CSV_INVALID_CLOSING_QUOTE":
    case "CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE":
      return "opens a quote that is closed in the middle of a cell, or never";
    default:
      return "cannot be read";
  }
}

export function unreadable(rowNumber: number | null, fault: string): VolleyError {
  return rowNumber === null
    ? new VolleyError("csv_unreadable", `Cannot read the CSV file: it ${fault}.`)
    : new VolleyError("csv_unreadable", `Cannot read the CSV file: row ${rowNumber} ${fault}.`, {
        details: { rowNumber },
      });
}
