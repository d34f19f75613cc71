// [1] A file of people who opted out -> the ledger, in a stream. The command line and the HTTP door meet here.
//
// A row that cannot be read is a person who is still written to: it is counted and named, never passed over. What
// was read before a file breaks off is kept, for that is the safe side, and importing again adds nobody twice.

import type { OptOutSource } from "../domain/opt-out.ts";
import { type CountryCode, type PhoneNumber, parsePhoneNumber } from "../domain/phone-number.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { ROW_ERRORS_KEPT, type RowError } from "./add-recipients.ts";
import type { CsvRow } from "./csv.ts";

export type OptOutImport = {
  readonly rows: number;
  readonly added: number;
  /** On the list before, or twice in the file. */
  readonly already: number;
  readonly invalid: number;
  /** The first of them; the others are only counted. */
  readonly errors: readonly RowError[];
  /** Messages that waited for these people and were taken back. */
  readonly suppressed: number;
};

const SOURCE: OptOutSource = "import";

/** `onProgress` hears of each stored batch, so that the caller knows how far it came when a file breaks off. */
export async function importOptOuts(
  { ledger }: { readonly ledger: { readonly suppressions: Pick<Ledger["suppressions"], "add"> } },
  file: {
    readonly batches: AsyncIterable<readonly CsvRow[]>;
    readonly phoneColumn: number;
    readonly country: CountryCode | undefined;
    readonly reason: string;
  },
  onProgress: (soFar: OptOutImport) => void = () => {},
): Promise<OptOutImport> {
  let soFar: OptOutImport = { rows: 0, added: 0, already: 0, invalid: 0, errors: [], suppressed: 0 };
  for await (const batch of file.batches) {
    const { numbers, errors } = readNumbers(batch, file);
    const { added, suppressed } = await ledger.suppressions.add(
      numbers.map((number) => ({ number, reason: file.reason, source: SOURCE, at: null })),
    );
    soFar = {
      rows: soFar.rows + batch.length,
      added: soFar.added + added,
      already: soFar.already + numbers.length - added,
      invalid: soFar.invalid + errors.length,
      errors: [...soFar.errors, ...errors].slice(0, ROW_ERRORS_KEPT),
      suppressed: soFar.suppressed + suppressed,
    };
    onProgress(soFar);
  }
  return soFar;
}

function readNumbers(
  batch: readonly CsvRow[],
  { phoneColumn, country }: { readonly phoneColumn: number; readonly country: CountryCode | undefined },
): { readonly numbers: readonly PhoneNumber[]; readonly errors: readonly RowError[] } {
  const numbers: PhoneNumber[] = [];
  const errors: RowError[] = [];
  for (const row of batch) {
    if ("error" in row) {
      errors.push({ row: row.rowNumber, reason: row.error });
      continue;
    }
    const phone = parsePhoneNumber(row.cells[phoneColumn] ?? "", country);
    if (phone.ok) numbers.push(phone.number);
    else errors.push({ row: row.rowNumber, reason: phone.reason });
  }
  return { numbers, errors };
}
