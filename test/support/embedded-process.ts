// A process of its own that opens the embedded database, for tests that kill it. Run: embedded-process.ts <dataDir>
//
// It prints the URL, or the error, as one line of JSON, and closes when its standard input ends.

import { once } from "node:events";
import { VolleyError } from "../../src/domain/errors.ts";
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.ts";
import { createLog } from "../../src/platform/log.ts";

try {
  const database = await openEmbeddedPostgres({ dataDir: process.argv[2] ?? "", log: createLog("error") });
  process.stdout.write(`${JSON.stringify({ url: database.url })}\n`);
  process.stdin.resume();
  await once(process.stdin, "end");
  await database.close();
} catch (error) {
  const code = error instanceof VolleyError ? error.code : null;
  process.stdout.write(`${JSON.stringify({ code, message: String(error) })}\n`);
}
