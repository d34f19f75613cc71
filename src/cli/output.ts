// How the command line speaks: data on stdout, talk on stderr, bars only on a terminal.

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Columns as wide as their widest cell; control characters in names are shown, not obeyed. On a terminal that is too
 * narrow for it each row is a block of lines instead: an id that is cut or broken cannot be copied.
 */
export function printTable(headers: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "-" : visible(String(cell)))));
  const table = [headers, ...cells];
  const widths = headers.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const width = widths.reduce((sum, one) => sum + one + COLUMN_GAP.length, -COLUMN_GAP.length);
  if (process.stdout.isTTY && width > process.stdout.columns) {
    printBlocks(headers, cells);
    return;
  }
  for (const row of table) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(COLUMN_GAP);
    print(line.trimEnd());
  }
}

function printBlocks(headers: readonly string[], rows: readonly (readonly string[])[]): void {
  const nameWidth = Math.max(...headers.map(({ length }) => length));
  for (const [index, row] of rows.entries()) {
    if (index > 0) print();
    for (const [column, header] of headers.entries()) {
      print(`${header.padEnd(nameWidth)}${COLUMN_GAP}${row[column] ?? ""}`);
    }
  }
}

export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export type Progress = {
  readonly update: (doneNow: number, note?: string) => void;
  readonly end: () => void;
};

const COLUMN_GAP = "  ";
const BAR_CELLS = 24;
const PLAIN_EVERY_MS = 2_000;
/** The rate is that of the last seconds, not of the whole run: it shows what is happening now. */
const RATE_WINDOW_MS = 5_000;

/** A bar with rate and remaining time on a terminal; a plain line now and then elsewhere. `total` null: not known. */
export async function startProgress(label: string, total: number | null): Promise<Progress> {
  const spinner = process.stderr.isTTY ? await startSpinner(label) : null;
  const seen: { atMs: number; count: number }[] = [];
  let plainAtMs = 0;
  let last = "";
  return {
    update(count, note = "") {
      const nowMs = performance.now();
      seen.push({ atMs: nowMs, count });
      while (seen.length > 2 && nowMs - (seen[0]?.atMs ?? nowMs) > RATE_WINDOW_MS) seen.shift();
      const hasBar = spinner !== null;
      last = progressLine({ label, total, count, perSecond: rateOf(seen), note, hasBar });
      if (spinner !== null) {
        spinner.text = last;
      } else if (nowMs - plainAtMs > PLAIN_EVERY_MS) {
        plainAtMs = nowMs;
        say(last);
        last = "";
      }
    },
    end() {
      if (spinner !== null) spinner.stopAndPersist({ symbol: "✓", text: last || label });
      else if (last !== "") say(last);
    },
  };
}

/** Imported for a terminal only: most commands are run by scripts, or are done before a bar would show. */
async function startSpinner(text: string) {
  const { default: ora } = await import("ora");
  return ora({ text, stream: process.stderr, discardStdin: false }).start();
}

function rateOf(seen: readonly { atMs: number; count: number }[]): number {
  const first = seen[0];
  const last = seen.at(-1);
  if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
  return ((last.count - first.count) * 1000) / (last.atMs - first.atMs);
}

function progressLine(now: {
  label: string;
  total: number | null;
  count: number;
  perSecond: number;
  note: string;
  hasBar: boolean;
}): string {
  const { label, total, count, perSecond, note, hasBar } = now;
  const rate = perSecond > 0 ? `, ${grouped(Math.round(perSecond))}/s` : "";
  const tail = note === "" ? "" : ` (${note})`;
  if (total === null || total === 0) return `${label} ${grouped(count)}${rate}${tail}`;
  const filled = Math.round((BAR_CELLS * Math.min(count, total)) / total);
  const bar = hasBar ? `${"█".repeat(filled)}${"░".repeat(BAR_CELLS - filled)} ` : "";
  const left =
    perSecond > 0 && count < total ? `, ${duration(((total - count) / perSecond) * 1000)} left` : "";
  return `${label} ${bar}${Math.floor((100 * count) / total)} % ${grouped(count)}/${grouped(total)}${rate}${left}${tail}`;
}

export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** For what a person typed where something else belongs: it may be a phone number. */
export function hideNumbers(text: string): string {
  return visible(text.replaceAll(/\d{5,}/g, "[hidden]"));
}

// Control characters, and the marks that turn the direction of text around.
const UNSEEN = /[\p{Cc}\p{Bidi_Control}]/gu;

function visible(text: string): string {
  return text.replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
