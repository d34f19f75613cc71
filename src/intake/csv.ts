// [1] A CSV file of recipients, as a stream: its header once, then its rows in batches, in flat memory.
//
// A row's number is the line on which it begins, as an editor counts lines; a spreadsheet counts the same
// unless a cell holds line breaks or a line is blank. A row that cannot be used is handed on as an error, so
// that one bad row never stops a million good ones; a file that cannot be read any further throws
// `csv_unreadable`. Cells are trimmed unless they are quoted. What the cells mean is the caller's business.

import { type CsvPiece, cleanBytes } from "./csv-bytes.ts";
import { type CsvRecord, createRecordParser, RECORD_BYTES_MAX, unreadable } from "./csv-records.ts";

export type CsvRow = CsvRecord;

export type CsvFile = {
  readonly headers: readonly string[];
  /** Rows with as many cells as there are headers, or errors; at most `batchRows` at a time. To be read once. */
  readonly batches: AsyncGenerator<readonly CsvRow[], void>;
  /** Closes the source; for a caller that does not like the header. `batches` closes it by itself. */
  readonly close: () => Promise<void>;
};

const BATCH_ROWS = 1000;
const SEPARATORS = [",", ";", "\t", "|"] as const;

/** Reads up to the header; the rest is read as fast as `batches` is. */
export async function readCsv(
  source: AsyncIterable<Uint8Array | string>,
  { batchRows = BATCH_ROWS }: { readonly batchRows?: number } = {},
): Promise<CsvFile> {
  const records = readRecords(source);
  try {
    for (;;) {
      const next = await records.next();
      if (next.done) throw unreadable(null, "is empty");
      const at = next.value.findIndex((record) => !isBlank(record));
      const head = next.value[at];
      if (head === undefined) continue;
      const headers = readHeaders(head);
      const close = async () => {
        await records.return();
      };
      return {
        headers,
        batches: readRows(next.value.slice(at + 1), records, headers.length, batchRows),
        close,
      };
    }
  } catch (error) {
    await records.return();
    throw error;
  }
}

async function* readRows(
  first: readonly CsvRecord[],
  rest: AsyncGenerator<readonly CsvRecord[], void>,
  columns: number,
  batchRows: number,
): AsyncGenerator<readonly CsvRow[], void> {
  try {
    let rows = fitRows(first, columns);
    for (;;) {
      for (; rows.length >= batchRows; rows = rows.slice(batchRows)) yield rows.slice(0, batchRows);
      const next = await rest.next();
      if (next.done) break;
      rows = rows.concat(fitRows(next.value, columns));
    }
    if (rows.length > 0) yield rows;
  } finally {
    await rest.return();
  }
}

/** Blank rows are dropped; empty cells too many at the end of a row are, too (spreadsheets leave them). */
function fitRows(records: readonly CsvRecord[], columns: number): CsvRow[] {
  const rows: CsvRow[] = [];
  for (const record of records) {
    if (isBlank(record)) continue;
    if ("error" in record || record.cells.length === columns) rows.push(record);
    else if (record.cells.length > columns && record.cells.slice(columns).every((cell) => cell === "")) {
      rows.push({ rowNumber: record.rowNumber, cells: record.cells.slice(0, columns) });
    } else {
      const error = `The row has ${count(record.cells.length, "cell")}, the header has ${columns}.`;
      rows.push({ rowNumber: record.rowNumber, error });
    }
  }
  return rows;
}

function isBlank(record: CsvRecord): boolean {
  return "cells" in record && record.cells.every((cell) => cell.trim() === "");
}

// --- header -----------------------------------------------------------------------------------------------

function readHeaders(record: CsvRecord): readonly string[] {
  const { rowNumber } = record;
  if ("error" in record) throw unreadable(rowNumber, "is the header and has a quote inside a bare cell");
  const headers = record.cells.map((cell) => cell.trim());
  const blank = headers.flatMap((header, index) => (header === "" ? [index + 1] : []));
  const doubled = headers.filter((header, index) => header !== "" && headers.indexOf(header) < index);
  const faults = [
    ...(blank.length > 0 ? [`no name for column ${blank.slice(0, 10).join(", ")}`] : []),
    ...(doubled.length > 0 ? [`the name ${listHeaders([...new Set(doubled)], headers)} more than once`] : []),
  ];
  if (faults.length > 0) throw unreadable(rowNumber, `is the header and has ${faults.join(" and ")}`);
  return headers;
}

const HEADERS_LISTED_MAX = 20;
const HEADER_LISTED_CHARACTERS_MAX = 64;
const NUMBER_DIGITS_MIN = 5;

/** For people. A file without a header has a person in its first `row`: nothing of that is repeated. */
export function listHeaders(headers: readonly string[], row = headers): string {
  const isPerson = row.some(looksLikeNumber);
  const listed = headers
    .slice(0, HEADERS_LISTED_MAX)
    .map((header) => (isPerson ? "[hidden]" : JSON.stringify(header.slice(0, HEADER_LISTED_CHARACTERS_MAX))));
  const more = headers.length - listed.length;
  return listed.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function looksLikeNumber(header: string): boolean {
  return (header.match(/\p{Nd}/gu)?.length ?? 0) >= NUMBER_DIGITS_MIN;
}

// --- records ----------------------------------------------------------------------------------------------

async function* readRecords(
  source: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<readonly CsvRecord[], void> {
  const pieces = cleanBytes(source);
  const head = await readHead(pieces);
  const parser = createRecordParser(findSeparator(head.bytes));
  try {
    let piece: CsvPiece = head;
    for (;;) {
      if (piece.fault !== null) {
        const wholeFile = piece === head && piece.bytes.length === 0;
        throw unreadable(wholeFile ? null : await parser.rowAfter(piece.bytes), piece.fault);
      }
      yield await parser.write(piece.bytes);
      const next = await pieces.next();
      if (next.done) break;
      piece = next.value;
    }
    yield await parser.end();
  } finally {
    parser.close();
    await pieces.return();
  }
}

/** The first pieces, up to the end of the first line with anything on it. */
async function readHead(pieces: AsyncGenerator<CsvPiece, void>): Promise<CsvPiece> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const next = await pieces.next();
    if (next.done) return { bytes, fault: null };
    bytes = Buffer.concat([bytes, next.value.bytes]);
    const { fault } = next.value;
    if (fault !== null || bytes.length > RECORD_BYTES_MAX || scanFirstLine(bytes).ended)
      return { bytes, fault };
  }
}

/** The separator that stands most often outside quotes in the first line; a comma where none does. */
function findSeparator(bytes: Buffer): string {
  const { counts } = scanFirstLine(bytes);
  return SEPARATORS.toSorted((one, other) => (counts.get(other) ?? 0) - (counts.get(one) ?? 0))[0] ?? ",";
}

function scanFirstLine(bytes: Buffer): {
  readonly counts: ReadonlyMap<string, number>;
  readonly ended: boolean;
} {
  const text = bytes.toString("utf8", 0, RECORD_BYTES_MAX).replace(/^\s*[\r\n]/, "");
  const counts = new Map<string, number>();
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && (character === "\n" || character === "\r")) return { counts, ended: true };
    else if (!quoted) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  return { counts, ended: false };
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
