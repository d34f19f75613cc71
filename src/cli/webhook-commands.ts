// The words and options of `volley webhook`; what they do lives in webhook.ts, imported when it is run.

import type { Command } from "commander";
import { eventTypes } from "../domain/event.ts";
import { listed } from "./listed.ts";
import { count, type Global } from "./shared-options.ts";

const EXAMPLE =
  "volley webhook add https://example.com/sms-events --events message.delivered,message.undelivered";

export function addWebhookCommands(webhook: Command, global: Global): void {
  webhook
    .command("add <url>")
    .description("send events there; prints the endpoint's id and, once, the secret that signs them")
    .requiredOption("--events <types...>", "types of events; several, separated by spaces or commas", listed)
    .option("--json", "print JSON")
    .addHelpText("after", `\nEvents:\n  ${eventTypes.join("\n  ")}\n\nExample:\n  ${EXAMPLE}`)
    .action(async (url, options) => (await load()).addWebhook(url, { ...global(), ...options }));
  webhook
    .command("list")
    .description("all endpoints, and why one is disabled")
    .option("--json", "print JSON")
    .action(async (options) => (await load()).listWebhooks({ ...global(), ...options }));
  webhook
    .command("remove <id>")
    .description("send nothing there any more, and forget what was to be sent")
    .action(async (id) => (await load()).removeWebhook(id, global()));
  webhook
    .command("rotate <id>")
    .description("a new secret; the one before it goes on signing for a day")
    .option("--json", "print JSON")
    .action(async (id, options) => (await load()).rotateWebhook(id, { ...global(), ...options }));
  webhook
    .command("enable <id>")
    .description("take a disabled endpoint back into service")
    .action(async (id) => (await load()).enableWebhook(id, global()));
  webhook
    .command("test <id>")
    .description("send a webhook.test event now and print the answer's status; exit code 1 when it is no 2xx")
    .option("--json", "print JSON")
    .action(async (id, options) => (await load()).sendTestWebhook(id, { ...global(), ...options }));
  webhook
    .command("replay <id>")
    .description("deliver again what happened since then, under the same ids; events are kept for 30 days")
    .requiredOption("--since <time>", "2026-12-24T09:00Z")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExample:\n  volley webhook replay 7f0e4a43-9a55-4c8c-8d2d-0c8c4d2d7f11 --since 2026-12-24T09:00Z",
    )
    .action(async (id, options) => (await load()).replayWebhook(id, { ...global(), ...options }));
  webhook
    .command("deliveries <id>")
    .description("what was sent there, newest first, and how it was answered")
    .option("--limit <rows>", "rows at most", count, 50)
    .option("--before <mark>", "older than the page that ended with this mark")
    .option("--json", "print JSON")
    .action(async (id, options) => (await load()).listDeliveries(id, { ...global(), ...options }));
}

const load = () => import("./webhook.ts");
