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

export async function acceptEndpoint(
  { ledger, webhooks }: AcceptEndpointParts,
  wanted: { readonly url: string; readonly events: readonly string[] },
): Promise<{ endpoint: Endpoint; secret: Sensitive<string> }> {
  const events = parseEvents(wanted.events);
  const check = webhooks.checkUrl(wanted.url);
  if (!check.ok) throw new VolleyError("usage", `Cannot send webhooks to this URL: ${check.reason}.`);
  const secret = webhooks.createSecret();
  const endpoint = await ledger.endpoints.create({ url: check.url, events, secret });
  if (endpoint === null) {
    throw new VolleyError(
      "state_conflict",
      "There are as many webhook endpoints as there may be. Remove one.",
    );
  }
  return { endpoint, secret };
}

/** A new secret; the one before it goes on signing for a day. Null: there is no such endpoint. */
export async function rotateSecret(
  { ledger, webhooks }: AcceptEndpointParts,
  id: EndpointId,
): Promise<Sensitive<string> | null> {
  const secret = webhooks.createSecret();
  return (await ledger.endpoints.rotateSecret(id, secret)) ? secret : null;
}

function parseEvents(names: readonly string[]): EventType[] {
  const isType = (name: string): name is EventType => eventTypes.some((type) => type === name);
  const types = [...new Set(names)].filter(isType);
  if (types.length > 0 && types.length === new Set(names).size) return types;
  throw new VolleyError(
    "usage",
    `An endpoint names the events that it wants, of these: ${eventTypes.join(", ")}.`,
  );
}
