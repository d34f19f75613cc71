// [1] A customer's endpoint, from the command line or the API, into the ledger. Its secret leaves here once.

import type { EndpointId } from "../domain/endpoint.ts";
import { VolleyError } from "../domain/errors.ts";
import { type EventType, eventTypes } from "../domain/event.ts";
import type { Sensitive } from "../domain/sensitive.ts";
import type { Endpoint } from "../ledger/endpoints.ts";
import type { Ledger } from "../ledger/ledger.ts";

export type AcceptEndpointParts = {
  readonly ledger: Pick<Ledger, "endpoints">;
  readonly webhooks: {
    readonly checkUrl: (
      text: string,
    ) => { readonly ok: true; readonly url: string } | { readonly ok: false; readonly reason: string };
    readonly createSecret: () => Sensitive<string>;
  };
};

export type EndpointWish = {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
};

export async function acceptEndpoint(
  { ledger, webhooks }: AcceptEndpointParts,
  wanted: { readonly url: string; readonly events: readonly string[] },
): Promise<{ endpoint: Endpoint; secret: Sensitive<string> }> {
  const events = parseEvents(wanted.events);
  const url = checkUrl(webhooks, wanted.url);
  const secret = webhooks.createSecret();
  const endpoint = await ledger.endpoints.create({ url, events, secret });
  if (endpoint === null) {
    throw new VolleyError(
      "state_conflict",
      "There are as many webhook endpoints as there may be. Remove one.",
    );
  }
  return { endpoint, secret };
}

/** What is not named stays. Null: there is no such endpoint. */
export async function changeEndpoint(
  { ledger, webhooks }: AcceptEndpointParts,
  id: EndpointId,
  { url, events, enabled }: EndpointWish,
): Promise<Endpoint | null> {
  return ledger.endpoints.update(id, {
    url: url === undefined ? undefined : checkUrl(webhooks, url),
    events: events === undefined ? undefined : parseEvents(events),
    enabled,
  });
}

/** A new secret; the one before it goes on signing for a day. Null: there is no such endpoint. */
export async function rotateSecret(
  { ledger, webhooks }: AcceptEndpointParts,
  id: EndpointId,
): Promise<Sensitive<string> | null> {
  const secret = webhooks.createSecret();
  return (await ledger.endpoints.rotateSecret(id, secret)) ? secret : null;
}

/** In the spelling to store. */
function checkUrl(webhooks: AcceptEndpointParts["webhooks"], text: string): string {
  const check = webhooks.checkUrl(text);
  if (check.ok) return check.url;
  throw refused("url", `Cannot send webhooks to this URL: ${check.reason}.`);
}

function parseEvents(names: readonly string[]): EventType[] {
  const isType = (name: string): name is EventType => eventTypes.some((type) => type === name);
  const types = [...new Set(names)].filter(isType);
  if (types.length > 0 && types.length === new Set(names).size) return types;
  throw refused("events", `An endpoint names the events that it wants, of these: ${eventTypes.join(", ")}.`);
}

function refused(path: string, message: string): VolleyError {
  return new VolleyError("usage", message, { details: { faults: [{ path, message }] } });
}
