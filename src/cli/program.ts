// All words of the command line, as a tree: what there is to type, and what --help says of it.
//
// A command is imported when it is run: --help and a mistyped option answer at once, without database and queue.

import { Command } from "commander";
import { addCampaignCommands } from "./campaign-commands.ts";
import { addKeyCommands } from "./key-commands.ts";
import { addMessageCommands } from "./message-commands.ts";
import { addOptOutCommands } from "./opt-out-commands.ts";
import { addReminderCommands } from "./reminder-commands.ts";
import type { GlobalOptions } from "./run.ts";
import { addServiceCommands } from "./service-commands.ts";
import { classOption, count, type Global } from "./shared-options.ts";
import { addUnknownCommands } from "./unknown-commands.ts";
import { addWebhookCommands } from "./webhook-commands.ts";

export function createProgram(): Command {
  const program = new Command("volley")
    .description("Sends bulk SMS: each message once, as fast as the provider's limits allow.")
    .option("--config <file>", "configuration file (default: $VOLLEY_CONFIG, else ./volley.yaml)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) =>
        write(`volley: ${oneLine(text.replace(/^error: /, ""))} Run with --help for the options.\n`),
    })
    .exitOverride();

  const global = () => program.opts<GlobalOptions>();
  const group = (name: string, description: string) => program.command(name).description(description);

  addServiceCommands(program, global);
  addSend(program, global);
  addCampaignCommands(group("campaign", "campaigns: one template to many recipients"), global);
  addReminderCommands(group("reminder", "messages under a key, kept for their time"), global);
  addMessageCommands(group("message", "messages and what became of them"), global);
  addUnknownCommands(group("unknown", "messages of which nobody knows whether they were sent"), global);
  addOptOutCommands(group("opt-out", "people who do not want to be written to"), global);
  addErase(program, global);
  addWebhookCommands(group("webhook", "endpoints that hear of events"), global);
  addKeyCommands(group("key", "keys of the HTTP API"), global);
  addReport(group("report", "delivery reports"), global);
  addToken(group("token", "the accounts' shared OAuth2 tokens"), global);
  return program;
}

function addSend(program: Command, global: Global): void {
  program
    .command("send")
    .description("send one message")
    .requiredOption("--to <number>", "the recipient, in international form: +46701740605")
    .requiredOption("--text <text>", "the message")
    .option("--from <sender>", "sender number or name")
    .addOption(classOption("transactional"))
    .option("--account <name>", "send through this account instead of a route's")
    .option("--at <time>", "when: 2026-12-24T09:00+01:00, or 2026-12-24T09:00 with --time-zone")
    .option(
      "--time-zone <zone>",
      'the zone of local times: Europe/Stockholm, or "recipient" for the number\'s own',
    )
    .option("--expires-at <time>", "not to be sent from then on (default with --at: four hours later)")
    .option("--idempotency-key <key>", "the same key and message again, within a day, sends nothing new")
    .option("--wait", "send from this process and wait for the outcome")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  volley send --to +46701740605 --text "Your parcel is here." --idempotency-key parcel-17
  volley send --to +46701740605 --text "See you today." --class reminder --at 2026-12-24T09:00 --time-zone recipient`,
    )
    .action(async (options) => {
      const { send } = await import("./message.ts");
      await send({ ...global(), ...options });
    });
}

function addErase(program: Command, global: Global): void {
  program
    .command("erase <number>")
    .description("forget a person: number, texts and what the person wrote; an opt-out holds")
    .option("--country <code>", "country of a number without +: SE, GB ...")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExample:\n  volley erase +46701740605\n\nMessages that wait for the person are cancelled.",
    )
    .action(async (number, options) => {
      const { erase } = await import("./erase.ts");
      await erase(number, { ...global(), ...options });
    });
}

function addReport(report: Command, global: Global): void {
  report
    .command("strangers")
    .description("the newest reports that nobody could find a message for")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--json", "print JSON")
    .action(async (options) => {
      const { listStrangers } = await import("./report.ts");
      await listStrangers({ ...global(), ...options });
    });
}

function addToken(token: Command, global: Global): void {
  token
    .command("show")
    .description("age, life and generation of each; never the token itself")
    .option("--json", "print JSON")
    .action(async (options) => {
      const { showTokens } = await import("./token.ts");
      await showTokens({ ...global(), ...options });
    });
  token
    .command("refresh <account>")
    .description("get a new token now")
    .action(async (account) => {
      const { refreshToken } = await import("./token.ts");
      await refreshToken(account, global());
    });
}

/**
 * Commander puts what it guesses was meant on a line of its own, and repeats arguments that it cannot place:
 * words of a text that was not put into quotes, say, or a phone number.
 */
function oneLine(text: string): string {
  const line = text
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .replace(/(but got \d+): .*/, "$1")
    .replace(/\d{5,}/g, "[hidden]");
  return /[.)]$/.test(line) ? line : `${line}.`;
}
