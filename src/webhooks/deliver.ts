// [8] One try to hand one event to one customer's endpoint. It ends in a value, never in a throw.
//
// The URL is checked again here, because the rules may have changed since it was stored; the client checks the
// address that is really connected to. What the endpoint answers counts by its status alone. Nothing is repeated
// here: schedule.ts tells the step when to try again, and the step bounds how many tries are in flight for one
// endpoint, so that a slow one holds only its own events.

import type { GuardedClient } from "../platform/guarded-client.ts";
import { checkWebhookUrl, type WebhookUrlFault } from "./address-guard.ts";
import { RETRY_AFTER_MS_MAX } from "./schedule.ts";
import { signWebhook, type WebhookContent, type WebhookSecrets } from "./sign.ts";

/** The specification's upper end of what a receiver should be given. */
const DEADLINE_MS = 15_000;

export type WebhookTry = WebhookContent & { readonly url: string; readonly secrets: WebhookSecrets };

export type WebhookOutcome =
  | { readonly kind: "delivered"; readonly status: number }
  /** 410: the endpoint wants no more events, this one or any other. */
  | { readonly kind: "gone" }
  | {
      readonly kind: "failed";
      /** Null: there was no answer. */
      readonly status: number | null;
      /** Stable, lower-case, dash-separated words; never what the endpoint said. */
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  /** Nothing was sent: the URL, or the address that its name led to, is not one that we call. */
  | { readonly kind: "refused"; readonly reason: WebhookUrlFault };

export type WebhookSender = { readonly send: (webhook: WebhookTry) => Promise<WebhookOutcome> };

export function createWebhookSender(options: {
  readonly client: GuardedClient;
  readonly development: boolean;
  readonly deadlineMs?: number;
}): WebhookSender {
  const { client, development, deadlineMs = DEADLINE_MS } = options;
  return {
    async send(webhook) {
      const check = checkWebhookUrl(webhook.url, { development });
      if (!check.ok) return { kind: "refused", reason: check.reason };
      const headers = { "content-type": "application/json", ...signWebhook(webhook, webhook.secrets) };
      const result = await client.post(
        { url: check.url, headers, body: webhook.body.reveal() },
        { deadlineMs, retryAfterMsMax: RETRY_AFTER_MS_MAX },
      );
      switch (result.kind) {
        case "answered":
          return readAnswer(result.status, result.retryAfterMs);
        case "refused":
          return { kind: "refused", reason: "private-address" };
        case "failed":
          return { kind: "failed", status: null, reason: result.reason, retryAfterMs: null };
        default:
          return result satisfies never;
      }
    },
  };
}

function readAnswer(status: number, retryAfterMs: number | null): WebhookOutcome {
  if (status >= 200 && status < 300) return { kind: "delivered", status };
  if (status === 410) return { kind: "gone" };
  return { kind: "failed", status, reason: nameStatus(status), retryAfterMs };
}

function nameStatus(status: number): string {
  if (status < 400) return "redirect";
  if (status === 429) return "throttled";
  return status < 500 ? "client-error" : "server-error";
}
