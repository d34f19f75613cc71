// The words and options of `volley campaign`; what they do is imported when it is run.

import { type Command, Option } from "commander";
import { messageStates } from "../domain/message.ts";
import { addRetryOptions, RETRY_HELP } from "./retry-options.ts";
import { classOption, count, type Global } from "./shared-options.ts";

export function addCampaignCommands(campaign: Command, global: Global): void {
  campaign
    .command("create")
    .description("read recipients from a CSV file and send the template to each of them once")
    .requiredOption("--csv <file>", 'CSV file with a header row; "-" reads standard input')
    .requiredOption("--template <text>", 'text with fields named like columns: "Hi {{name}}"')
    .requiredOption("--name <name>", "what people call this campaign")
    .option("--column <name>", "the column that holds the phone number (default: found by its name)")
    .option("--country <code>", "country of numbers without +: SE, GB ...")
    .option("--from <sender>", "sender number or name")
    .addOption(classOption("marketing"))
    .option("--account <name>", "send through this account instead of the routes'")
    .option("--at <time>", "when to start: 2026-12-24T09:00+01:00, or 2026-12-24T09:00 with --time-zone")
    .option("--time-zone <zone>", 'the zone of --at: Europe/Stockholm, or "recipient" for each number\'s own')
    .option("--at-column <name>", "the column that holds each recipient's own time")
    .option("--time-zone-column <name>", "the column that holds each recipient's own time zone")
    .option("--wait", "send from this process too, and wait until the campaign is finished")
    .addOption(
      new Option(
        "--dry-run",
        "show what it would be: segments, cost, time, samples; nothing is sent or kept",
      ).conflicts("wait"),
    )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  volley campaign create --csv people.csv --name spring --country SE --template "Hi {{name}}, we open on Monday." --wait
  volley campaign create --csv people.csv --name xmas --template "Merry Christmas!" --at 2026-12-24T09:00 --time-zone recipient
  volley campaign create --csv people.csv --name spring --template "Hi {{name}}" --dry-run`,
    )
    .action(async (options) => {
      const given = { ...global(), ...options };
      if (options.dryRun === true) return (await loadPreview()).dryRun(given);
      return (await load()).createCampaign(given);
    });
  campaign
    .command("preview <id>")
    .description("what a campaign would be: segments, cost, time, samples and warnings")
    .option("--json", "print JSON")
    .action(async (id, options) => (await loadPreview()).previewOne(id, { ...global(), ...options }));
  campaign
    .command("list")
    .description("the newest campaigns")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--json", "print JSON")
    .action(async (options) => (await load()).listCampaigns({ ...global(), ...options }));
  campaign
    .command("show <id>")
    .description("a campaign's state and its messages by state")
    .option("--json", "print JSON")
    .action(async (id, options) => (await load()).showCampaign(id, { ...global(), ...options }));
  campaign
    .command("watch <id>")
    .description("follow a campaign until it is finished")
    .option("--json", "print JSON at the end")
    .action(async (id, options) => (await load()).watchCampaign(id, { ...global(), ...options }));
  for (const [verb, what] of moves) {
    campaign
      .command(`${verb} <id>`)
      .description(what)
      .option("--json", "print JSON")
      .action(async (id, options) => (await loadMoves()).moveCampaign(verb, id, { ...global(), ...options }));
  }
  addRetryOptions(
    campaign.command("retry-failed <id>").description("send what failed again, once, as a new campaign"),
  )
    .option("--since <time>", "failed since: 2026-12-24T09:00Z")
    .option("--wait", "send from this process too, and wait until the new campaign is finished")
    .addHelpText(
      "after",
      `${RETRY_HELP}  volley campaign retry-failed ID --state failed undelivered --through spare-infobip --wait`,
    )
    .action(async (id, options) => (await loadRetry()).retryFailedCampaign(id, { ...global(), ...options }));
  campaign
    .command("export <id>")
    .description("all messages of a campaign and what became of them, as CSV")
    .addOption(new Option("--state <state>", "only those in this state").choices(messageStates))
    .option("--out <file>", "write to this file instead of standard output; it must not exist yet")
    .addHelpText("after", "\nExample:\n  volley campaign export ID --state undelivered --out undelivered.csv")
    .action(async (id, options) => (await loadExport()).exportCampaign(id, { ...global(), ...options }));
  campaign
    .command("delete <id>")
    .description("delete a draft or a finished campaign with all its messages; nothing brings it back")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  volley campaign delete 0199a7b2-5f00-7c3e-8a55-0c8c4d2d7f11")
    .action(async (id, options) => (await loadExport()).deleteCampaign(id, { ...global(), ...options }));
}

const moves = [
  ["pause", "send nothing more of a campaign until it is resumed"],
  ["resume", "go on with a paused campaign"],
  ["cancel", "take back all of a campaign that is not sent; for good"],
] as const;

const load = () => import("./campaign.ts");
const loadMoves = () => import("./campaign-moves.ts");
const loadExport = () => import("./campaign-export.ts");
const loadPreview = () => import("./campaign-preview.ts");
const loadRetry = () => import("./campaign-retry.ts");
