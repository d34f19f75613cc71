#!/usr/bin/env node
// Entry: the operator's command line. Words and options live here; what they do lives in cli/.
//
// A command is imported when it is run: --help and a mistyped option answer at once, without database and queue.

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { addCampaignCommands } from "./cli/campaign-commands.ts";
import { endProcess, ignoreClosedPipes, reportFailure } from "./cli/ending.ts";
import { addKeyCommands } from "./cli/key-commands.ts";
import { addMessageCommands } from "./cli/message-commands.ts";
import { addReminderCommands } from "./cli/reminder-commands.ts";
import { roles } from "./cli/roles.ts";
import { addWebhookCommands } from "./cli/webhook-commands.ts";
import { messageClasses } from "./domain/message.ts";
import { keepHeapSmall } from "./platform/small-heap.ts";

const USAGE = 2;

const program = new Command("volley")
  .description("Sends bulk SMS: each message once, as fast as the provider's limits allow.")
  .option("--config <file>", "configuration file (default: $VOLLEY_CONFIG, else ./volley.yaml)")
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({
    outputError: (text, write) =>
      write(`volley: ${oneLine(text.replace(/^error: /, ""))} Run with --help for the options.\n`),
  })
  .exitOverride();

program
  .command("demo")
  .description("the whole system on this machine: database, workers and simulated providers, one campaign")
  .option("--recipients <count>", "recipients of the campaign", countOf(1, 1_000_000), 10_000)
  .option("--keep", "stay up when the campaign is finished")
  .action(async (options) => {
    const { demo } = await import("./cli/demo.ts");
    await demo(options);
  });

program
  .command("start")
  .description("run the service until SIGTERM, which drains it")
  .addOption(new Option("--role <role>", "what this process does").choices(roles).default("all"))
  .action(async (options) => {
    if (options.role !== "worker") keepHeapSmall();
    const { start } = await import("./cli/start.ts");
    await start({ ...global(), ...options });
  });

program
  .command("migrate")
  .description("create or update the schema of ledger, engine and queue; safe to run twice and at once")
  .action(async () => {
    const { migrate } = await import("./cli/migrate.ts");
    await migrate(global());
  });

program
  .command("doctor")
  .description("check configuration, database, engine, and the token, sender and reports of each account")
  .option("--json", "print JSON")
  .addHelpText(
    "after",
    "\nIt gets each account a new token, which running workers then share. Exit code 1 on any fault.",
  )
  .action(async (options) => {
    const { doctor } = await import("./cli/doctor.ts");
    await doctor({ ...global(), ...options });
  });

program
  .command("simulate")
  .description("run the simulated providers on loopback")
  .option("--port <port>", "port to listen on, 0 for any free one", countOf(0, 65_535), 4010)
  .option(
    "--rate <count>",
    "requests per second that each provider takes before it answers 429",
    countOf(1, 1_000_000),
  )
  .option("--latency <ms>", "time that an answer takes", countOf(0, 600_000), 0)
  .option(
    "--fault <name=share>",
    "a fault and its share of the calls, such as drop-after-accept=0.01; repeatable",
    collect,
    [],
  )
  .option(
    "--report-delay <ms>",
    "time from taking a message to its delivery report",
    countOf(0, 86_400_000),
    1000,
  )
  .option("--undelivered <share>", "share of the people who do not get their message", share, 0.05)
  .action(async (options) => {
    const { simulate } = await import("./cli/simulate.ts");
    await simulate(options);
  });

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
  .action(async (options) => {
    const { send } = await import("./cli/message.ts");
    await send({ ...global(), ...options });
  });

addCampaignCommands(program.command("campaign").description("campaigns: one template to many recipients"), {
  global,
  count: countOf(1, 500),
  classOption,
});

addReminderCommands(program.command("reminder").description("messages under a key, kept for their time"), {
  global,
  count: countOf(1, 500),
  classOption,
});

addMessageCommands(program.command("message").description("messages and what became of them"), {
  global,
  count: countOf(1, 500),
});

const unknown = program
  .command("unknown")
  .description("messages of which nobody knows whether they were sent");
unknown
  .command("list")
  .description("the oldest unknown messages, with the reference to look for at the provider")
  .option("--campaign <id>", "of this campaign")
  .option("--limit <rows>", "rows at most", countOf(1, 500), 50)
  .option("--json", "print JSON")
  .action(async (options) => {
    const { listUnknowns } = await import("./cli/unknown.ts");
    await listUnknowns({ ...global(), ...options });
  });
unknown
  .command("resolve <id>")
  .description("what a person found out about one: it was sent, send it again, or give it up")
  .addOption(
    new Option("--as <decision>", "accepted: it was sent; resend: send it (again); failed: give it up")
      .choices(["accepted", "resend", "failed"])
      .makeOptionMandatory(),
  )
  .action(async (id, options) => {
    const { resolveUnknown } = await import("./cli/unknown.ts");
    await resolveUnknown(id, { ...global(), ...options });
  });

const optOut = program.command("opt-out").description("people who do not want to be written to");
optOut
  .command("add <number>")
  .description("opt a person out; what still waits for the person is not sent")
  .option("--country <code>", "country of a number without +: SE, GB ...")
  .option("--reason <text>", "why, in a few words and without the number", "added-by-hand")
  .option("--json", "print JSON")
  .addHelpText("after", "\nExample:\n  volley opt-out add +46701740605 --reason complaint")
  .action(async (number, options) => {
    const { addOptOut } = await import("./cli/opt-out.ts");
    await addOptOut(number, { ...global(), ...options });
  });
optOut
  .command("remove <number>")
  .description("let a person be written to again")
  .option("--country <code>", "country of a number without +: SE, GB ...")
  .addHelpText("after", "\nExample:\n  volley opt-out remove 0701740605 --country SE")
  .action(async (number, options) => {
    const { removeOptOut } = await import("./cli/opt-out.ts");
    await removeOptOut(number, { ...global(), ...options });
  });
optOut
  .command("list")
  .description("who opted out, the newest first; or what people wrote that may be an opt-out")
  .option("--review", "messages from people that somebody has to read and decide about")
  .option("--limit <rows>", "rows at most", countOf(1, 500), 50)
  .option("--json", "print JSON")
  .addHelpText(
    "after",
    `
Example:
  volley opt-out list --review
  Decide with: volley opt-out add NUMBER, or volley opt-out dismiss ID`,
  )
  .action(async (options) => {
    const { listOptOuts } = await import("./cli/opt-out.ts");
    await listOptOuts({ ...global(), ...options });
  });
optOut
  .command("dismiss <id>")
  .description("what this person wrote is no opt-out; takes it off the list of --review")
  .addHelpText("after", "\nExample:\n  volley opt-out dismiss 17")
  .action(async (id) => {
    const { dismissReview } = await import("./cli/opt-out.ts");
    await dismissReview(id, global());
  });
optOut
  .command("import <file>")
  .description('opt out everybody in a CSV file with a header row; "-" reads standard input')
  .option("--column <name>", "the column that holds the phone number (default: found by its name)")
  .option("--country <code>", "country of numbers without +: SE, GB ...")
  .option("--reason <text>", "why, in a few words", "imported")
  .option("--json", "print JSON")
  .addHelpText("after", "\nExample:\n  volley opt-out import do-not-write.csv --country SE")
  .action(async (file, options) => {
    const { importFile } = await import("./cli/opt-out-file.ts");
    await importFile(file, { ...global(), ...options });
  });
optOut
  .command("export")
  .description("everybody who opted out, as CSV that import reads")
  .option("--out <file>", "write to this file instead of standard output; it must not exist yet")
  .addHelpText("after", "\nExample:\n  volley opt-out export --out opt-outs.csv")
  .action(async (options) => {
    const { exportOptOuts } = await import("./cli/opt-out-file.ts");
    await exportOptOuts({ ...global(), ...options });
  });

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
    const { erase } = await import("./cli/erase.ts");
    await erase(number, { ...global(), ...options });
  });

addWebhookCommands(program.command("webhook").description("endpoints that hear of events"), {
  global,
  count: countOf(1, 500),
});

addKeyCommands(program.command("key").description("keys of the HTTP API"), { global });

program
  .command("report")
  .description("delivery reports")
  .command("strangers")
  .description("the newest reports that nobody could find a message for")
  .option("--limit <rows>", "rows at most", countOf(1, 500), 50)
  .option("--json", "print JSON")
  .action(async (options) => {
    const { listStrangers } = await import("./cli/report.ts");
    await listStrangers({ ...global(), ...options });
  });

const token = program.command("token").description("the accounts' shared OAuth2 tokens");
token
  .command("show")
  .description("age, life and generation of each; never the token itself")
  .option("--json", "print JSON")
  .action(async (options) => {
    const { showTokens } = await import("./cli/token.ts");
    await showTokens({ ...global(), ...options });
  });
token
  .command("refresh <account>")
  .description("get a new token now")
  .action(async (account) => {
    const { refreshToken } = await import("./cli/token.ts");
    await refreshToken(account, global());
  });

function global(): { config?: string } {
  return program.opts<{ config?: string }>();
}

function classOption(fallback: (typeof messageClasses)[number]): Option {
  return new Option("--class <class>", "what may be done when nobody knows whether it was sent")
    .choices(messageClasses)
    .default(fallback);
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

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function countOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d+$/.test(text) && count >= min && count <= max) return count;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function share(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a share from 0 to 1, such as 0.05.");
}

ignoreClosedPipes();
try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed what was wrong, or the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else process.exitCode = reportFailure(error);
}
await endProcess();
