// The words and options of `volley message`; what they do is imported when it is run.

import { type Command, Option } from "commander";
import { messageStates } from "../domain/message.ts";
import { addRetryOptions, RETRY_HELP } from "./retry-options.ts";
import { count, type Global } from "./shared-options.ts";

export function addMessageCommands(message: Command, global: Global): void {
  message
    .command("show <id>")
    .description("a message and its attempts")
    .option("--json", "print JSON")
    .action(async (id, options) => (await load()).showMessage(id, { ...global(), ...options }));
  message
    .command("list")
    .description("the newest messages")
    .option("--campaign <id>", "of this campaign")
    .addOption(new Option("--state <state>", "in this state").choices(messageStates))
    .option("--to <number>", "to this number")
    .option("--since <time>", "changed since: 2026-12-24T09:00Z")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  volley message list --state undelivered --since 2026-12-24 --json")
    .action(async (options) => (await load()).listMessages({ ...global(), ...options }));
  addRetryOptions(
    message
      .command("retry-failed")
      .description(
        "send single messages that failed again, once; those of a campaign: campaign retry-failed",
      ),
  )
    .requiredOption("--since <time>", "failed since: 2026-12-24T09:00Z")
    .addHelpText("after", `${RETRY_HELP}  volley message retry-failed --since 2026-12-24 --reason expired`)
    .action(async (options) => (await loadRetry()).retryFailedMessages({ ...global(), ...options }));
}

const load = () => import("./message.ts");
const loadRetry = () => import("./campaign-retry.ts");
