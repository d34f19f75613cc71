// The words and options of the commands that run the whole: service, schema, checks, simulators and the demo.

import { type Command, InvalidArgumentError, Option } from "commander";
import { keepHeapSmall } from "../platform/small-heap.ts";
import { roles } from "./roles.ts";
import type { Global } from "./shared-options.ts";
import { wholeNumber } from "./whole-number.ts";

export function addServiceCommands(program: Command, global: Global): void {
  program
    .command("demo")
    .description("the whole system on this machine: database, workers and simulated providers, one campaign")
    .option("--recipients <count>", "recipients of the campaign", wholeNumber(1, 1_000_000), 10_000)
    .option("--keep", "stay up when the campaign is finished")
    .action(async (options) => {
      const { demo } = await import("./demo.ts");
      await demo(options);
    });

  program
    .command("start")
    .description("run the service until SIGTERM, which drains it")
    .addOption(new Option("--role <role>", "what this process does").choices(roles).default("all"))
    .addHelpText("after", "\nExample, on a machine that only sends:\n  volley start --role worker")
    .action(async (options) => {
      if (options.role !== "worker") keepHeapSmall();
      const { start } = await import("./start.ts");
      await start({ ...global(), ...options });
    });

  program
    .command("migrate")
    .description("create or update the schema of ledger, engine and queue; safe to run twice and at once")
    .action(async () => {
      const { migrate } = await import("./migrate.ts");
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
      const { doctor } = await import("./doctor.ts");
      await doctor({ ...global(), ...options });
    });

  program
    .command("simulate")
    .description("run the simulated providers on loopback")
    .option("--port <port>", "port to listen on, 0 for any free one", wholeNumber(0, 65_535), 4010)
    .option(
      "--rate <count>",
      "requests per second that each provider takes before it answers 429",
      wholeNumber(1, 1_000_000),
    )
    .option("--latency <ms>", "time that an answer takes", wholeNumber(0, 600_000), 0)
    .option(
      "--fault <name=share>",
      "a fault and its share of the calls, such as drop-after-accept=0.01; repeatable",
      collect,
      [],
    )
    .option(
      "--report-delay <ms>",
      "time from taking a message to its delivery report",
      wholeNumber(0, 86_400_000),
      1000,
    )
    .option("--undelivered <share>", "share of the people who do not get their message", share, 0.05)
    .addHelpText(
      "after",
      "\nExample:\n  volley simulate --rate 20 --latency 80 --fault drop-after-accept=0.01 --fault token-down=1x",
    )
    .action(async (options) => {
      const { simulate } = await import("./simulate.ts");
      await simulate(options);
    });
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function share(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a share from 0 to 1, such as 0.05.");
}
