// `volley webhook ...`: the endpoints that hear of events, and what reached them.

import { testWebhook } from "../../jobs/deliver-webhook.ts";
import type { EndpointId } from "../domain/endpoint.ts";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import { acceptEndpoint, rotateSecret } from "../intake/accept-endpoint.ts";
import type { Endpoint } from "../ledger/endpoints.ts";
import { readTime } from "./message.ts";
import { hideNumbers, print, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger, withParts } from "./run.ts";

export type WebhookOptions = GlobalOptions & { readonly json?: boolean };

export async function addWebhook(
  url: string,
  options: WebhookOptions & { readonly events: readonly string[] },
): Promise<void> {
  await withParts(options, async (parts) => {
    const { endpoint, secret } = await acceptEndpoint(parts, { url, events: options.events });
    const shown = parts.webhooks.showSecret(secret);
    if (options.json) return printJson({ ...endpoint, secret: shown });
    print(endpoint.id);
    print(shown);
    say("The second line is the secret that signs; it is not shown again.");
    say(`Try it out: volley webhook test ${endpoint.id}`);
  });
}

export async function listWebhooks(options: WebhookOptions): Promise<void> {
  await withLedger(options, async ({ ledger }) => {
    const endpoints = await ledger.endpoints.list();
    if (options.json) return printJson(endpoints);
    printTable(
      ["ID", "URL", "EVENTS", "STATE", "FAILING SINCE", "CREATED"],
      endpoints.map((one) => [
        one.id,
        one.url,
        one.events.join(","),
        stateOf(one),
        one.failingSince?.toISOString() ?? null,
        one.createdAt.toISOString(),
      ]),
    );
  });
}

export async function removeWebhook(text: string, options: GlobalOptions): Promise<void> {
  const id = endpointId(text);
  await withLedger(options, async ({ ledger }) => {
    if (!(await ledger.endpoints.remove(id))) throw notFound(id);
    say(`Removed ${id}.`);
  });
}

export async function rotateWebhook(text: string, options: WebhookOptions): Promise<void> {
  const id = endpointId(text);
  await withParts(options, async (parts) => {
    const secret = await rotateSecret(parts, id);
    if (secret === null) throw notFound(id);
    const shown = parts.webhooks.showSecret(secret);
    if (options.json) return printJson({ id, secret: shown });
    print(shown);
    say("The secret before it goes on signing for a day. This one is not shown again.");
  });
}

export async function enableWebhook(text: string, options: GlobalOptions): Promise<void> {
  const id = endpointId(text);
  await withLedger(options, async ({ ledger }) => {
    const before = await ledger.endpoints.find(id);
    if (before === null || (await ledger.endpoints.update(id, { enabled: true })) === null)
      throw notFound(id);
    if (before.disabledAt === null) return say(`${id} was enabled already.`);
    say(`Enabled ${id}. What it missed comes with:`);
    say(`  volley webhook replay ${id} --since ${before.disabledAt.toISOString()}`);
  });
}

export async function sendTestWebhook(text: string, options: WebhookOptions): Promise<void> {
  const id = endpointId(text);
  await withParts(options, async (parts) => {
    const outcome = await testWebhook(parts, id);
    if (outcome === null) throw notFound(id);
    const status = "status" in outcome ? outcome.status : outcome.kind === "gone" ? 410 : null;
    const reason = "reason" in outcome ? outcome.reason : null;
    const delivered = outcome.kind === "delivered";
    if (options.json) printJson({ id, delivered, status, reason });
    else print(`${outcome.kind}${status === null ? "" : ` ${status}`}${reason === null ? "" : ` ${reason}`}`);
    if (!delivered) process.exitCode = 1;
  });
}

export async function replayWebhook(
  text: string,
  options: WebhookOptions & { readonly since: string },
): Promise<void> {
  const id = endpointId(text);
  const since = readTime("--since", options.since);
  await withLedger(options, async ({ ledger }) => {
    if ((await ledger.endpoints.find(id)) === null) throw notFound(id);
    const events = await ledger.events.replay(id, since);
    if (options.json) return printJson({ id, events });
    say(`${events} events are delivered again. See: volley webhook deliveries ${id}`);
  });
}

export async function listDeliveries(
  text: string,
  options: WebhookOptions & { readonly limit: number; readonly before?: string },
): Promise<void> {
  const id = endpointId(text);
  await withLedger(options, async ({ ledger }) => {
    if ((await ledger.endpoints.find(id)) === null) throw notFound(id);
    const page = await ledger.events.list(id, { before: options.before, limit: options.limit });
    if (page === null) throw new VolleyError("usage", "--before must be the `next` of the page before.");
    if (options.json) return printJson(page);
    printTable(
      ["EVENT", "TYPE", "HAPPENED", "STATE", "TRIES", "LAST TRY", "STATUS", "REASON", "NEXT TRY"],
      page.deliveries.map((one) => [
        one.eventId,
        one.type,
        one.happenedAt.toISOString(),
        one.state,
        one.tries,
        one.triedAt?.toISOString() ?? null,
        one.status,
        one.reason,
        one.dueAt?.toISOString() ?? null,
      ]),
    );
    if (page.next !== null)
      say(`Older ones: volley webhook deliveries ${id} --limit ${options.limit} --before ${page.next}`);
  });
}

function stateOf({ enabled, disabledReason }: Endpoint): string {
  return enabled ? "enabled" : `disabled: ${disabledReason}`;
}

function endpointId(text: string): EndpointId {
  const id = text.toLowerCase();
  if (!isUuid(id))
    throw new VolleyError(
      "usage",
      `"${hideNumbers(text)}" is not an endpoint's id. See: volley webhook list`,
    );
  return id as EndpointId;
}

function notFound(id: EndpointId): VolleyError {
  return new VolleyError("not_found", `There is no webhook endpoint ${id}. See: volley webhook list`);
}
