// A row of a CSV file that we write: read by spreadsheets without running anything, and by our own reader.

/** What a spreadsheet takes for the beginning of a formula. */
const FORMULA = /^[=+\-@\t\r\n]/;
/** A phone number, an amount: nothing in it could run, and an apostrophe would only make it unreadable. */
const NUMBER = /^[+-]?\d+(\.\d+)?$/;
const NEEDS_QUOTES = /[",;\r\n]/;

export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cell).join(",")}\n`;
}

function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  // The apostrophe makes a spreadsheet show the rest as text.
  const tame = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}
