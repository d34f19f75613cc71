// `volley opt-out import` and `export`: the list of people who opted out as a CSV file, in flat memory.

import { VolleyError } from "../domain/errors.ts";
import { parseCountry } from "../domain/phone-number.ts";
import { readCsv } from "../intake/csv.ts";
import { csvLine } from "../intake/csv-line.ts";
import { importOptOuts, type OptOutImport } from "../intake/import-opt-outs.ts";
import { findPhoneColumn } from "../intake/phone-column.ts";
import type { OptOut } from "../ledger/suppressions.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import { openFile } from "./campaign.ts";
import { checkReason, takenBack } from "./opt-out.ts";
import { grouped, printJson, say, startProgress } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";
import { writeText } from "./write-text.ts";

export type ImportOptions = GlobalOptions & {
  readonly column?: string;
  readonly country?: string;
  readonly reason: string;
  readonly json?: boolean;
};

const ERRORS_SHOWN = 10;
const EXPORT_PAGE_ROWS = 500;

export async function importFile(path: string, options: ImportOptions): Promise<void> {
  const reason = checkReason(options.reason);
  const country = options.country === undefined ? undefined : parseCountry(options.country);
  if (country?.ok === false) throw new VolleyError("usage", `--country: ${country.reason}`);
  await withLedger(options, async (parts) => {
    const { headers, batches, close } = await readCsv(openFile(path));
    try {
      const found = findPhoneColumn(headers, options.column);
      if (!found.ok) throw new VolleyError("usage", found.reason);
      const done = await importRows(parts, {
        ...{ batches, phoneColumn: found.column, country: country?.country, reason },
      });
      if (options.json) printJson(done);
      else report(done);
      if (done.added + done.already === 0) {
        throw new VolleyError("csv_unreadable", "Nobody was opted out: no row of the file holds a number.");
      }
    } finally {
      // Standard input that nobody reads to its end would keep the process alive.
      await close();
    }
  });
}

async function importRows(
  parts: LedgerParts,
  file: Parameters<typeof importOptOuts>[1],
): Promise<OptOutImport> {
  const progress = await startProgress("reading", null);
  let soFar: OptOutImport | null = null;
  try {
    const done = await importOptOuts(parts, file, (now) => {
      soFar = now;
      progress.update(now.rows);
    });
    progress.end();
    return done;
  } catch (error) {
    progress.end();
    if (soFar !== null) {
      report(soFar);
      say("These are kept. Mend the file and import it again: nobody is added twice.");
    }
    throw error;
  }
}

function report({ added, already, invalid, errors, suppressed }: OptOutImport): void {
  say(
    `${grouped(added)} added, ${grouped(already)} already there, ${grouped(invalid)} invalid. ${takenBack(suppressed)}`.trimEnd(),
  );
  for (const error of errors.slice(0, ERRORS_SHOWN)) say(`  row ${error.row}: ${error.reason}`);
  if (invalid > ERRORS_SHOWN) say(`  and ${grouped(invalid - ERRORS_SHOWN)} more`);
  if (invalid > 0) say("Nobody of an invalid row is opted out: mend those rows and import the file again.");
}

export async function exportOptOuts(options: GlobalOptions & { readonly out?: string }): Promise<void> {
  await withLedger(options, async (parts) => {
    const written = { people: 0, erased: 0 };
    await writeText(readPages(parts, written), options.out);
    const { people, erased } = written;
    say(
      `${grouped(people)} written.${erased === 0 ? "" : ` ${grouped(erased)} more have no number any more.`}`,
    );
  });
}

async function* readPages(
  { ledger }: LedgerParts,
  written: { people: number; erased: number },
): AsyncGenerator<string> {
  yield csvLine(["phone", "source", "reason", "since"]);
  let before: string | undefined;
  for (;;) {
    const page = await ledger.suppressions.list({ before, limit: EXPORT_PAGE_ROWS });
    const optOuts = page?.optOuts ?? [];
    const people = optOuts.filter(({ number }) => number !== null);
    written.people += people.length;
    written.erased += optOuts.length - people.length;
    yield people.map(lineOf).join("");
    if (page === null || page.next === null) return;
    before = page.next;
  }
}

function lineOf({ number, source, reason, createdAt }: OptOut): string {
  return csvLine([number, source, reason, createdAt.toISOString()]);
}
