// The words and options of `volley unknown`; what they do lives in unknown.ts, imported when it is run.

import { type Command, Option } from "commander";
import { count, type Global } from "./shared-options.ts";

export function addUnknownCommands(unknown: Command, global: Global): void {
  unknown
    .command("list")
    .description("the oldest unknown messages, with the reference to look for at the provider")
    .option("--campaign <id>", "of this campaign")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--json", "print JSON")
    .action(async (options) => (await load()).listUnknowns({ ...global(), ...options }));
  unknown
    .command("resolve <id>")
    .description("what a person found out about one: it was sent, send it again, or give it up")
    .addOption(
      new Option("--as <decision>", "accepted: it was sent; resend: send it (again); failed: give it up")
        .choices(["accepted", "resend", "failed"])
        .makeOptionMandatory(),
    )
    .addHelpText(
      "after",
      "\nExample:\n  volley unknown resolve 0199a7b2-5f00-7c3e-8a55-0c8c4d2d7f11 --as accepted",
    )
    .action(async (id, options) => (await load()).resolveUnknown(id, { ...global(), ...options }));
}

const load = () => import("./unknown.ts");
