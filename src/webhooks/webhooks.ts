// [8] Webhooks as one part: what may be called, with which secret, how a call is made and when it is made again.

import type { Sensitive } from "../domain/sensitive.ts";
import { createGuardedClient } from "../platform/guarded-client.ts";
import { createDnsResolver, resolveBySystem } from "../platform/resolve-name.ts";
import { createAddressFilter } from "./address-filter.ts";
import { checkWebhookUrl, type WebhookUrlFault } from "./address-guard.ts";
import { createWebhookSender } from "./deliver.ts";
import { isEndpointDead, nextTryInMs } from "./schedule.ts";
import { createWebhookSecret } from "./sign.ts";

export type Webhooks = ReturnType<typeof createWebhooks>;

const urlFaults: Readonly<Record<WebhookUrlFault, string>> = {
  malformed: "it is not a URL such as https://example.com/sms-events",
  "too-long": "it is too long",
  "not-https": "it must start with https://",
  credentials: "it must not hold a user or a password",
  fragment: "it must not hold a #",
  port: "webhooks go to port 443 or to one from 1024 on",
  "private-name": "its host is a name of a private network",
  "private-address": "its host is an address of a private network or of a reserved range",
};

/** `allowPrivateAddresses`: for receivers on a developer's machine, without https and by the names of this machine. */
export function createWebhooks({ allowPrivateAddresses }: { readonly allowPrivateAddresses: boolean }) {
  const client = createGuardedClient({
    mayConnect: createAddressFilter({ allowPrivate: allowPrivateAddresses }),
    resolve: allowPrivateAddresses ? resolveBySystem : createDnsResolver(),
  });
  const { send } = createWebhookSender({ client, development: allowPrivateAddresses });
  return {
    send,
    /** The URL in the spelling to store, or what is wrong with it in words. */
    checkUrl(
      text: string,
    ): { readonly ok: true; readonly url: string } | { readonly ok: false; readonly reason: string } {
      const check = checkWebhookUrl(text, { development: allowPrivateAddresses });
      return check.ok ? check : { ok: false, reason: urlFaults[check.reason] };
    },
    createSecret: createWebhookSecret,
    /** Once, for the customer who verifies by it. */
    showSecret: (secret: Sensitive<string>): string => secret.reveal(),
    nextTryInMs,
    isEndpointDead,
    close: client.close,
  };
}
