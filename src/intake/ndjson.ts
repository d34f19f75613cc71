// [1] NDJSON: one JSON value a line, read in flat memory. A line that cannot be read is an error of its own row.

import type { RecipientEntry } from "./recipient-objects.ts";

const LINE_BYTES_MAX = 64 * 1024;
const LINE_FEED = 0x0a;

/** Lines are counted as an editor counts them; blank ones are skipped. */
export async function* readNdjson(source: AsyncIterable<Uint8Array>): AsyncGenerator<RecipientEntry, void> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let rowNumber = 0;
  let tooLong = false;

  function take(piece: Uint8Array): void {
    restBytes += piece.length;
    tooLong ||= restBytes > LINE_BYTES_MAX;
    if (tooLong) rest = [];
    else rest.push(piece);
  }
  function endLine(): RecipientEntry | null {
    rowNumber += 1;
    const entry = tooLong
      ? { rowNumber, error: `The line is longer than ${LINE_BYTES_MAX} bytes.` }
      : readLine(rowNumber, Buffer.concat(rest));
    rest = [];
    restBytes = 0;
    tooLong = false;
    return entry;
  }

  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      take(chunk.subarray(from, at));
      from = at + 1;
      const entry = endLine();
      if (entry !== null) yield entry;
    }
    take(chunk.subarray(from));
  }
  const last = restBytes > 0 ? endLine() : null;
  if (last !== null) yield last;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Null: the line is blank. */
function readLine(rowNumber: number, bytes: Uint8Array): RecipientEntry | null {
  try {
    const text = utf8.decode(bytes);
    return text.trim() === "" ? null : { rowNumber, object: JSON.parse(text) };
  } catch {
    return { rowNumber, error: "The line is not JSON in UTF-8." };
  }
}
