// [1] The bytes of a CSV file made clean before anybody parses them: pieces of bounded size, in UTF-8, without
// a byte order mark, cut anywhere. UTF-16 is translated when its byte order mark says so. What no row may hold
// (invalid encoding, U+0000) ends the stream with a fault instead of a replacement character in a name; the
// bytes before it are still handed on, so that the parser can tell in which row it stands.

import { isUtf8 } from "node:buffer";

export type CsvPiece = {
  readonly bytes: Buffer;
  /** What stands right after these bytes and ends the file for us. */
  readonly fault: string | null;
};

const PIECE_BYTES_MAX = 64 * 1024;
const SIGNATURE_BYTES = 4;

export async function* cleanBytes(
  source: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<CsvPiece, void> {
  let clean: Cleaner | null = null;
  let start = Buffer.alloc(0);
  for await (const chunk of source) {
    let bytes = typeof chunk === "string" ? Buffer.from(chunk) : toBuffer(chunk);
    if (clean === null) {
      start = Buffer.concat([start, bytes]);
      if (start.length < SIGNATURE_BYTES) continue;
      const opened = openCleaner(start);
      clean = opened.clean;
      bytes = start.subarray(opened.skip);
    }
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
      const piece = clean(bytes.subarray(at, at + PIECE_BYTES_MAX), false);
      yield piece;
      if (piece.fault !== null) return;
    }
  }
  if (clean !== null) {
    yield clean(Buffer.alloc(0), true);
    return;
  }
  const opened = openCleaner(start);
  yield opened.clean(start.subarray(opened.skip), true);
}

/** Takes the next bytes and gives back what is whole so far; `last` when no more will come. */
type Cleaner = (bytes: Buffer, last: boolean) => CsvPiece;

function openCleaner(start: Buffer): { readonly clean: Cleaner; readonly skip: number } {
  if (start.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf)))
    return { clean: createUtf8Cleaner(), skip: 3 };
  if (start.subarray(0, 2).equals(Buffer.of(0xff, 0xfe))) return { clean: createUtf16Cleaner("le"), skip: 2 };
  if (start.subarray(0, 2).equals(Buffer.of(0xfe, 0xff))) return { clean: createUtf16Cleaner("be"), skip: 2 };
  if (start.subarray(0, 4).equals(Buffer.from("PK\u0003\u0004"))) {
    return { clean: refuse("is a workbook or an archive, not text: save the sheet as CSV UTF-8"), skip: 0 };
  }
  if (start.subarray(0, 4).includes(0)) {
    return { clean: refuse("seems to be UTF-16 without a byte order mark: save it as CSV UTF-8"), skip: 0 };
  }
  return { clean: createUtf8Cleaner(), skip: 0 };
}

function refuse(fault: string): Cleaner {
  return () => ({ bytes: Buffer.alloc(0), fault });
}

// --- UTF-8 ------------------------------------------------------------------------------------------------

function createUtf8Cleaner(): Cleaner {
  let rest = Buffer.alloc(0);
  return (bytes, last) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = last ? all.length : wholeUtf8(all);
    const body = all.subarray(0, end);
    rest = Buffer.from(all.subarray(end));
    const valid = isUtf8(body) ? body : body.subarray(0, validUtf8(body));
    const zero = valid.indexOf(0);
    if (zero >= 0) return { bytes: valid.subarray(0, zero), fault: "holds the character U+0000" };
    if (valid.length < body.length) {
      return { bytes: valid, fault: "holds bytes that are not UTF-8: save the file as CSV UTF-8" };
    }
    return { bytes: body, fault: null };
  };
}

/** Length without a character at the end whose other bytes are still to come. */
function wholeUtf8(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Length of the longest valid beginning, by halving: bytes are checked some twenty times instead of one by one. */
function validUtf8(bytes: Buffer): number {
  let valid = 0;
  let beyond = bytes.length;
  while (beyond - valid > 1) {
    const middle = (valid + beyond) >> 1;
    if (isUtf8(bytes.subarray(0, wholeUtf8(bytes.subarray(0, middle))))) valid = middle;
    else beyond = middle;
  }
  return wholeUtf8(bytes.subarray(0, valid));
}

// --- UTF-16 -----------------------------------------------------------------------------------------------

function createUtf16Cleaner(order: "le" | "be"): Cleaner {
  let rest = Buffer.alloc(0);
  return (bytes, last) => {
    const all = Buffer.concat([rest, bytes]);
    let end = all.length - (all.length % 2);
    if (
      !last &&
      end > 0 &&
      isHighSurrogate(order === "le" ? all.readUInt16LE(end - 2) : all.readUInt16BE(end - 2))
    ) {
      end -= 2;
    }
    const body = all.subarray(0, end);
    rest = Buffer.from(all.subarray(end));
    const text = (order === "be" ? body.swap16() : body).toString("utf16le");
    const zero = text.indexOf("\u0000");
    const bad = firstLoneSurrogate(text);
    if (zero >= 0 && (bad < 0 || zero < bad)) {
      return { bytes: Buffer.from(text.slice(0, zero)), fault: "holds the character U+0000" };
    }
    if (bad >= 0) return { bytes: Buffer.from(text.slice(0, bad)), fault: "holds half of a surrogate pair" };
    if (last && rest.length > 0)
      return { bytes: Buffer.from(text), fault: "ends in the middle of a character" };
    return { bytes: Buffer.from(text), fault: null };
  };
}

function firstLoneSurrogate(text: string): number {
  if (text.isWellFormed()) return -1;
  let index = 0;
  for (const character of text) {
    if (!character.isWellFormed()) return index;
    index += character.length;
  }
  return -1;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
