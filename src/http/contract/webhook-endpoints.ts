// Webhook endpoints over HTTP: a customer's addresses that hear of events.

import { z } from "zod";
import { disabledReasons, type EndpointId } from "../../domain/endpoint.ts";
import { eventTypes } from "../../domain/event.ts";
import { idField, instantField, pageOf, pageQuery, timeOut, wordsField } from "./fields.ts";

const URL_CHARACTERS_MAX = 2_048;

const urlField = wordsField(URL_CHARACTERS_MAX).meta({ example: "https://example.com/sms-events" });
const eventsField = z.array(z.enum(eventTypes)).min(1).max(eventTypes.length);

export const newEndpoint = z.strictObject({ url: urlField, events: eventsField });

export const endpointChange = z
  .strictObject({
    url: urlField.optional(),
    events: eventsField.optional(),
    enabled: z.boolean().optional().describe("True: what it missed comes by a replay."),
  })
  .refine((change) => Object.keys(change).length > 0, { error: "Name what is to change." });

const endpointFields = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.enum(eventTypes)),
  enabled: z.boolean(),
  disabledReason: z.enum(disabledReasons).nullable(),
  disabledAt: timeOut.nullable(),
  failingSince: timeOut.nullable().describe("The first failure after the last success."),
  rotatedAt: timeOut.nullable(),
  createdAt: timeOut,
});
export const endpoint = endpointFields.meta({ id: "WebhookEndpoint" });
export const createdEndpoint = endpointFields
  .extend({ secret: z.string().describe("Verifies the webhooks; it is not shown again.") })
  .meta({ id: "CreatedWebhookEndpoint" });
export const endpointList = pageOf(endpoint);
export const endpointParams = z.object({ id: idField<EndpointId>() });

export const replayWish = z.strictObject({ since: instantField });
export const replayed = z.object({
  events: z.int().describe("As many are delivered again, under their ids."),
});
export const rotated = z.object({ id: z.string(), secret: z.string() });

export const tested = z.object({
  delivered: z.boolean(),
  status: z.int().nullable().describe("Of the endpoint's answer; null: there was none."),
  reason: z.string().nullable(),
});

const delivery = z
  .object({
    eventId: z.string(),
    type: z.string(),
    happenedAt: timeOut,
    state: z.enum(["waiting", "delivered", "failed"]),
    tries: z.int(),
    triedAt: timeOut.nullable(),
    status: z.int().nullable(),
    reason: z.string().nullable(),
    dueAt: timeOut.nullable(),
  })
  .meta({ id: "Delivery" });
export const deliveryPage = pageOf(delivery);
export const deliveryQuery = z.strictObject(pageQuery);
