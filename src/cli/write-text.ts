// Long texts on their way out, a piece at a time: to standard output, or into a file that is not there yet.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { VolleyError } from "../domain/errors.ts";

/** Never over another file, which a mistyped name may mean; one that could not be finished is removed. */
export async function writeText(pieces: AsyncIterable<string>, path: string | undefined): Promise<void> {
  if (path === undefined) return writeTo(process.stdout, pieces);
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  let isOurs = false;
  try {
    await once(file, "open");
    isOurs = true;
    await writeTo(file, pieces);
    file.end();
    await finished(file);
  } catch (cause) {
    file.destroy();
    if (isOurs) await rm(path, { force: true });
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
    if (code === null || !/^E[A-Z]+$/.test(code)) throw cause;
    const advice =
      code === "EEXIST" ? "Choose another name, or remove it" : "Check the path and its permissions";
    throw new VolleyError("usage", `Cannot write ${path}: ${code}. ${advice}.`, { cause });
  }
}

async function writeTo(out: NodeJS.WritableStream, pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    if (!out.write(piece) && (await untilDrained(out)) === "closed") return;
  }
}

/** Whoever reads us may have had enough (`| head`), and then nothing drains any more. Other faults are thrown. */
async function untilDrained(out: NodeJS.WritableStream): Promise<"drained" | "closed"> {
  const done = new AbortController();
  const { signal } = done;
  try {
    return await Promise.race([
      once(out, "drain", { signal }).then(() => "drained" as const),
      once(out, "close", { signal }).then(() => "closed" as const),
    ]);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return "closed";
    throw error;
  } finally {
    // Or each wait would leave its listeners behind.
    done.abort();
  }
}
