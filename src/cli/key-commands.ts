// The words and options of `volley key`; what they do lives in key.ts, imported when it is run.

import type { Command } from "commander";
import { apiScopes } from "../domain/api-key.ts";
import { listed } from "./listed.ts";
import type { Global } from "./shared-options.ts";

export function addKeyCommands(key: Command, global: Global): void {
  key
    .command("create")
    .description("a new key, printed once on stdout")
    .requiredOption("--name <name>", "what people call it: whose it is, what for")
    .requiredOption("--scope <scopes...>", "what it may do; several, separated by spaces or commas", listed)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `\nScopes:\n  ${apiScopes.join("\n  ")}\n\nExample:\n  volley key create --name shop --scope messages:send messages:read`,
    )
    .action(async (options) => (await load()).createKey({ ...global(), ...options }));
  key
    .command("list")
    .description("all keys, what they may do and when they were used last; never the keys themselves")
    .option("--json", "print JSON")
    .action(async (options) => (await load()).listKeys({ ...global(), ...options }));
  key
    .command("revoke <id>")
    .description("take a key out of use")
    .addHelpText("after", "\nExample:\n  volley key revoke 0b0f2c1e-7f0e-4a43-9a55-0c8c4d2d7f11")
    .action(async (id, options) => (await load()).revokeKey(id, { ...global(), ...options }));
}

const load = () => import("./key.ts");
