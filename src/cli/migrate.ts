// `volley migrate`: the schema of ledger, engine and queue. Opening the parts does it; this command says so.

import { say } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

export async function migrate(options: GlobalOptions): Promise<void> {
  await withParts(options, async ({ engine }) => {
    await engine.migrate();
    say("Ledger, engine and queue are up to date.");
  });
}
