// The words and options of `volley opt-out`; what they do is imported when it is run.

import type { Command } from "commander";
import { count, type Global } from "./shared-options.ts";

export function addOptOutCommands(optOut: Command, global: Global): void {
  optOut
    .command("add <number>")
    .description("opt a person out; what still waits for the person is not sent")
    .option("--country <code>", "country of a number without +: SE, GB ...")
    .option("--reason <text>", "why, in a few words and without the number", "added-by-hand")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  volley opt-out add +46701740605 --reason complaint")
    .action(async (number, options) => (await load()).addOptOut(number, { ...global(), ...options }));
  optOut
    .command("remove <number>")
    .description("let a person be written to again")
    .option("--country <code>", "country of a number without +: SE, GB ...")
    .addHelpText("after", "\nExample:\n  volley opt-out remove 0701740605 --country SE")
    .action(async (number, options) => (await load()).removeOptOut(number, { ...global(), ...options }));
  optOut
    .command("list")
    .description("who opted out, the newest first; or what people wrote that may be an opt-out")
    .option("--review", "messages from people that somebody has to read and decide about")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Example:
  volley opt-out list --review
  Decide with: volley opt-out add NUMBER, or volley opt-out dismiss ID`,
    )
    .action(async (options) => (await load()).listOptOuts({ ...global(), ...options }));
  optOut
    .command("dismiss <id>")
    .description("what this person wrote is no opt-out; takes it off the list of --review")
    .addHelpText("after", "\nExample:\n  volley opt-out dismiss 17")
    .action(async (id) => (await load()).dismissReview(id, global()));
  optOut
    .command("import <file>")
    .description('opt out everybody in a CSV file with a header row; "-" reads standard input')
    .option("--column <name>", "the column that holds the phone number (default: found by its name)")
    .option("--country <code>", "country of numbers without +: SE, GB ...")
    .option("--reason <text>", "why, in a few words", "imported")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  volley opt-out import do-not-write.csv --country SE")
    .action(async (file, options) => (await loadFile()).importFile(file, { ...global(), ...options }));
  optOut
    .command("export")
    .description("everybody who opted out, as CSV that import reads")
    .option("--out <file>", "write to this file instead of standard output; it must not exist yet")
    .addHelpText("after", "\nExample:\n  volley opt-out export --out opt-outs.csv")
    .action(async (options) => (await loadFile()).exportOptOuts({ ...global(), ...options }));
}

const load = () => import("./opt-out.ts");
const loadFile = () => import("./opt-out-file.ts");
