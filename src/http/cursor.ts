// Cursors of lists: opaque to callers, and of one list only. One that we did not write is refused.

import { invalid } from "./problem.ts";

export type Cursor = {
  readonly write: (mark: string | null) => string | null;
  /** Undefined: the first page. Throws the refusal of one that is not ours. */
  readonly read: (cursor: string | undefined) => string | undefined;
};

/** `form` is that of the mark that the ledger gives and takes. */
export function createCursor(list: string, form: RegExp): Cursor {
  const prefix = `${list}:`;
  const write = (mark: string) => Buffer.from(prefix + mark).toString("base64url");
  return {
    write: (mark) => (mark === null ? null : write(mark)),
    read(cursor) {
      if (cursor === undefined) return undefined;
      const text = Buffer.from(cursor, "base64url").toString();
      const mark = text.startsWith(prefix) ? text.slice(prefix.length) : null;
      // Written again, because base64 is read leniently.
      if (mark !== null && form.test(mark) && write(mark) === cursor) return mark;
      throw invalid("cursor", "It is not the `next` of a page of this list.");
    },
  };
}
