// An event: something that happened and that customers may want to hear of. It leaves through their webhooks.
//
// An event keeps its one id over all its deliveries, replays included, so that a customer can tell a second
// delivery from a second event.

export const eventTypes = [
  "message.accepted",
  "message.delivered",
  "message.undelivered",
  "message.rejected",
  "message.failed",
  "message.unknown",
  "message.suppressed",
  "message.expired",
  "campaign.started",
  "campaign.completed",
  "recipient.opted_out",
  "inbound.received",
  "account.degraded",
  "account.recovered",
  "endpoint.disabled",
] as const;
export type EventType = (typeof eventTypes)[number];

/** What an endpoint gets when a person tries it out; nobody has to ask for it. */
export const TEST_EVENT = "webhook.test";

/** What a webhook's body holds, as JSON. */
export type EventBody = {
  readonly type: EventType | typeof TEST_EVENT;
  /** When it happened, not when it is delivered: ISO 8601, UTC. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
};
