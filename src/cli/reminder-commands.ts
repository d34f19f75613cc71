// The words and options of `volley reminder`; what they do is imported when it is run.

import type { Command } from "commander";
import { classOption, count, type Global } from "./shared-options.ts";

const ZONE_HELP =
  'the zone of local times and of --repeat: Europe/Stockholm, or "recipient" for the number\'s own';

export function addReminderCommands(reminder: Command, global: Global): void {
  reminder
    .command("create")
    .description("keep a message for a time, under a key; again with the same key: change it")
    .requiredOption("--key <key>", "your own name for it; the same reminder again under it changes nothing")
    .requiredOption("--to <number>", "the recipient, in international form: +46701740605")
    .requiredOption("--text <text>", "the message")
    .requiredOption("--at <time>", "when: 2026-12-24T09:00 with --time-zone, or 2026-12-24T09:00+01:00")
    .option("--time-zone <zone>", ZONE_HELP)
    .option("--repeat <cron>", 'and then again and again: "0 9 * * MON" is every Monday at nine')
    .option(
      "--expires-at <time>",
      "too late from then on, as --at is written (default: four hours after each time)",
    )
    .option("--from <sender>", "sender number or name")
    .addOption(classOption("reminder"))
    .option("--account <name>", "send through this account instead of a route's")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Example:
  volley reminder create --key visit-17 --to +46701740605 --text "See you tomorrow." \\
      --at 2026-12-24T09:00 --time-zone Europe/Stockholm`,
    )
    .action(async (options) => (await load()).createReminder({ ...global(), ...options }));
  reminder
    .command("list")
    .description("the newest reminders: when each comes next, and what became of it")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--before <mark>", "older than the page that ended with this mark")
    .option("--json", "print JSON")
    .action(async (options) => (await load()).listReminders({ ...global(), ...options }));
  reminder
    .command("move <key>")
    .description("to another time; a recurring one starts there")
    .requiredOption("--at <time>", "when: a local time in the reminder's zone, or with its offset")
    .option("--time-zone <zone>", `${ZONE_HELP} (default: as it is)`)
    .option("--expires-at <time>", "too late from then on (default: as it is)")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  volley reminder move visit-17 --at 2026-12-27T09:00")
    .action(async (key, options) => (await load()).moveReminder(key, { ...global(), ...options }));
  reminder
    .command("cancel <key>")
    .description("take it back; its key is free again")
    .option("--json", "print JSON")
    .action(async (key, options) => (await load()).cancelReminder(key, { ...global(), ...options }));
}

const load = () => import("./reminder.ts");
