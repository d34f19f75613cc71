// `volley opt-out import` and `export`: the list of people who opted out as a CSV file, in flat memory.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { VolleyError } from "../domain/errors.ts";
import { parseCountry } from "../domain/phone-number.ts";
import { readCsv } from "../intake/csv.ts";
import { importOptOuts, type OptOutImport } from "../intake/import-opt-outs.ts";
import { findPhoneColumn } from "../intake/phone-column.ts";
import type { OptOut } from "../ledger/suppressions.ts";
import type { Parts } from "../parts.ts";
import { openFile } from "./campaign.ts";
import { checkReason, takenBack } from "./opt-out.ts";
import { grouped, printJson, say, startProgress } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

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
  await withParts(options, async (parts) => {
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

async function importRows(parts: Parts, file: Parameters<typeof importOptOuts>[1]): Promise<OptOutImport> {
  const progress = startProgress("reading", null);
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
  await withParts(options, async (parts) => {
    const { people, erased } =
      options.out === undefined
        ? await writePages(parts, process.stdout)
        : await writeFile(parts, options.out);
    say(
      `${grouped(people)} written.${erased === 0 ? "" : ` ${grouped(erased)} more have no number any more.`}`,
    );
  });
}

type Written = { readonly people: number; readonly erased: number };

/** Never over another file: a list of opt-outs is not to be lost to a mistyped name. */
async function writeFile(parts: Parts, path: string): Promise<Written> {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  try {
    await once(file, "open");
    const written = await writePages(parts, file);
    file.end();
    await finished(file);
    return written;
  } catch (cause) {
    file.destroy();
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
    if (code === null || !/^E[A-Z]+$/.test(code)) throw cause;
    const advice =
      code === "EEXIST" ? "Choose another name, or remove it" : "Check the path and its permissions";
    throw new VolleyError("usage", `Cannot write ${path}: ${code}. ${advice}.`, { cause });
  }
}

async function writePages({ ledger }: Parts, out: NodeJS.WritableStream): Promise<Written> {
  let people = 0;
  let erased = 0;
  await write(out, "phone,source,reason,since\n");
  let before: string | undefined;
  for (;;) {
    const page = await ledger.suppressions.list({ before, limit: EXPORT_PAGE_ROWS });
    const lines = (page?.optOuts ?? []).flatMap((one) => (one.number === null ? [] : [lineOf(one)]));
    people += lines.length;
    erased += (page?.optOuts.length ?? 0) - lines.length;
    await write(out, lines.join(""));
    if (page === null || page.next === null) return { people, erased };
    before = page.next;
  }
}

async function write(out: NodeJS.WritableStream, text: string): Promise<void> {
  if (!out.write(text)) await once(out, "drain");
}

function lineOf({ number, source, reason, createdAt }: OptOut): string {
  return `${number},${source},${cell(reason)},${createdAt.toISOString()}\n`;
}

/** A spreadsheet takes `=`, `+`, `-`, `@` or a tab at the beginning for a formula; an apostrophe makes it text. */
function cell(text: string): string {
  const tame = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",;\r\n]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}
