// [1] Recipients as objects, `{ to, sendAt?, timeZone?, ...fields }`, from JSON, NDJSON or a caller's own code: made
// into the rows that a CSV file gives, so that the rest of the intake knows one form.

import type { CountryCode } from "../domain/phone-number.ts";
import type { Template } from "../domain/template.ts";
import type { Recipients } from "./add-recipients.ts";
import type { CsvRow } from "./csv.ts";

/** Values other than text and numbers are faults of their row. */
export type RecipientObject = { readonly to: string } & Readonly<Record<string, unknown>>;

/** What a source says of one place: an object, or why there is none. */
export type RecipientEntry =
  | { readonly rowNumber: number; readonly object: unknown }
  | { readonly rowNumber: number; readonly error: string };

const PHONE = "to";
const TIME = "sendAt";
const ZONE = "timeZone";
const BATCH_ROWS = 1_000;
const CELL_CHARACTERS_MAX = 4_000;

/** The columns are those that the template needs; other fields of an object are not looked at. */
export function recipientsOf(
  entries: AsyncIterable<RecipientEntry> | Iterable<RecipientEntry>,
  template: Template,
  country: CountryCode | undefined,
): Recipients {
  const headers = [...new Set([PHONE, TIME, ZONE, ...template.fields])];
  const columns = { phone: 0, time: headers.indexOf(TIME), zone: headers.indexOf(ZONE) };
  return { headers, columns, batches: inBatches(entries, headers), country };
}

async function* inBatches(
  entries: AsyncIterable<RecipientEntry> | Iterable<RecipientEntry>,
  headers: readonly string[],
): AsyncGenerator<readonly CsvRow[], void> {
  let batch: CsvRow[] = [];
  for await (const entry of entries) {
    batch.push("error" in entry ? entry : toRow(entry.rowNumber, entry.object, headers));
    if (batch.length < BATCH_ROWS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function toRow(rowNumber: number, object: unknown, headers: readonly string[]): CsvRow {
  if (object === null || typeof object !== "object" || Array.isArray(object)) {
    return { rowNumber, error: 'A recipient is an object such as {"to": "+46701740605"}.' };
  }
  const cells: string[] = [];
  for (const header of headers) {
    // Own fields only: a template's {{constructor}} finds nothing that nobody wrote.
    const value: unknown = Object.hasOwn(object, header) ? Reflect.get(object, header) : undefined;
    const cell = toCell(value);
    if (cell === null)
      return { rowNumber, error: `The field ${JSON.stringify(header)} must be a text or a number.` };
    if (cell.length > CELL_CHARACTERS_MAX) {
      return {
        rowNumber,
        error: `The field ${JSON.stringify(header)} is longer than ${CELL_CHARACTERS_MAX} characters.`,
      };
    }
    cells.push(cell);
  }
  return { rowNumber, cells };
}

/** Null: it is neither a text nor a number. What is absent is empty. */
function toCell(value: unknown): string | null {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
}
