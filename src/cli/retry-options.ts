// The options that both forms of retry-failed have.

import { type Command, Option } from "commander";
import { retryableStates } from "../domain/message.ts";

export const RETRY_HELP = `
Sent again: what is ${retryableStates.join(", ")}, and was not retried yet. Not what may have arrived, nor people
who have opted out; they are counted.

Example:
`;

export function addRetryOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--state <states...>", "only those in these states").choices([
        ...retryableStates,
        "unknown",
      ]),
    )
    .option("--reason <reasons...>", "only those with these reasons, as message list shows them")
    .option("--account <name>", "only those that this account failed to bring")
    .option("--through <name>", "send through this account (default: those that had them)")
    .option("--until <time>", "failed before")
    .option("--include-unknown", "also those that may have arrived: somebody may get them twice")
    .option("--json", "print JSON");
}
