// [0] Webhook endpoints: the customer's addresses that hear of events, their secrets, and what reached them.

import { z } from "zod";
import type { EndpointId } from "../domain/endpoint.ts";
import { acceptEndpoint, changeEndpoint, rotateSecret } from "../intake/accept-endpoint.ts";
import type { Endpoint } from "../ledger/endpoints.ts";
import { onceHeaders } from "./contract/fields.ts";
import {
  createdEndpoint,
  deliveryPage,
  deliveryQuery,
  endpoint,
  endpointChange,
  endpointList,
  endpointParams,
  newEndpoint,
  replayed,
  replayWish,
  rotated,
  tested,
} from "./contract/webhook-endpoints.ts";
import { createCursor } from "./cursor.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { createOnce } from "./once.ts";
import { notFound } from "./problem.ts";

const TAGS = ["webhook endpoints"];
const config = { scope: "webhooks:manage" } as const;
const ENDPOINT = "webhook endpoint";

export function addWebhookEndpoints(api: Api, doors: ApiDoors): void {
  addEndpoints(api, doors);
  addSingleEndpoint(api, doors);
  addDeliveries(api, doors);
}

function addEndpoints(api: Api, { ledger, webhooks }: ApiDoors): void {
  api.post(
    "/webhook-endpoints",
    {
      config,
      schema: {
        summary: "Send events to an address",
        tags: TAGS,
        headers: onceHeaders,
        body: newEndpoint,
        response: { 201: createdEndpoint },
      },
    },
    async (request, reply) => {
      const created = await createOnce(ledger, { request, reply, status: 201 }, async (creators) => {
        const accepted = await acceptEndpoint({ ledger: creators, webhooks }, request.body);
        const secret = webhooks.showSecret(accepted.secret);
        return { body: { ...toEndpoint(accepted.endpoint), secret } };
      });
      return reply.code(201).send(created);
    },
  );

  api.get(
    "/webhook-endpoints",
    {
      config,
      schema: { summary: "List all endpoints", tags: TAGS, response: { 200: endpointList } },
    },
    async () => ({ data: (await ledger.endpoints.list()).map(toEndpoint), next: null }),
  );
}

function addSingleEndpoint(api: Api, { ledger, webhooks }: ApiDoors): void {
  const schema = { tags: TAGS, params: endpointParams };

  api.get(
    "/webhook-endpoints/:id",
    { config, schema: { ...schema, summary: "One endpoint", response: { 200: endpoint } } },
    async ({ params: { id } }) => toEndpoint((await ledger.endpoints.find(id)) ?? missing()),
  );

  api.patch(
    "/webhook-endpoints/:id",
    {
      config,
      schema: {
        ...schema,
        summary: "Change, disable or enable an endpoint",
        body: endpointChange,
        response: { 200: endpoint },
      },
    },
    async ({ params: { id }, body }) =>
      toEndpoint((await changeEndpoint({ ledger, webhooks }, id, body)) ?? missing()),
  );

  api.delete(
    "/webhook-endpoints/:id",
    {
      config,
      schema: {
        ...schema,
        summary: "Remove an endpoint, with all that it was to hear",
        response: { 204: z.undefined().describe("Removed.") },
      },
    },
    async ({ params: { id } }, reply) => {
      if (!(await ledger.endpoints.remove(id))) missing();
      return reply.code(204).send(undefined);
    },
  );

  api.post(
    "/webhook-endpoints/:id/rotate",
    {
      config,
      schema: {
        ...schema,
        summary: "A new secret; the one before it goes on signing for a day",
        response: { 200: rotated },
      },
    },
    async ({ params: { id } }) => {
      const secret = (await rotateSecret({ ledger, webhooks }, id)) ?? missing();
      return { id, secret: webhooks.showSecret(secret) };
    },
  );
}

function addDeliveries(api: Api, { ledger, enqueue, testWebhook }: ApiDoors): void {
  const schema = { tags: TAGS, params: endpointParams };
  const cursor = createCursor("deliveries", /^\d{1,18}$/);
  const mustExist = async (id: EndpointId) => (await ledger.endpoints.find(id)) ?? missing();

  api.post(
    "/webhook-endpoints/:id/replay",
    {
      config,
      schema: {
        ...schema,
        summary: "Deliver again what happened since then",
        description: "Under the same ids; events are kept for 30 days.",
        body: replayWish,
        response: { 202: replayed },
      },
    },
    async ({ params: { id }, body: { since } }, reply) => {
      await mustExist(id);
      const events = await ledger.events.replay(id, since);
      void enqueue.endpoints([id]).catch(() => undefined);
      return reply.code(202).send({ events });
    },
  );

  api.post(
    "/webhook-endpoints/:id/test",
    {
      config,
      schema: {
        ...schema,
        summary: "Send a webhook.test event now, and tell how it was answered",
        response: { 200: tested },
      },
    },
    async ({ params: { id } }) => {
      const outcome = (await testWebhook(id)) ?? missing();
      return {
        delivered: outcome.kind === "delivered",
        status: "status" in outcome ? outcome.status : outcome.kind === "gone" ? 410 : null,
        reason: "reason" in outcome ? outcome.reason : outcome.kind === "delivered" ? null : outcome.kind,
      };
    },
  );

  api.get(
    "/webhook-endpoints/:id/deliveries",
    {
      config,
      schema: {
        ...schema,
        summary: "What was sent there, newest first",
        querystring: deliveryQuery,
        response: { 200: deliveryPage },
      },
    },
    async ({ params: { id }, query: { limit, cursor: after } }) => {
      const before = cursor.read(after);
      await mustExist(id);
      const page = await ledger.events.list(id, { before, limit });
      const deliveries = page?.deliveries ?? [];
      return {
        data: deliveries.map((one) => ({
          ...one,
          happenedAt: one.happenedAt.toISOString(),
          triedAt: one.triedAt?.toISOString() ?? null,
          dueAt: one.dueAt?.toISOString() ?? null,
        })),
        next: cursor.write(page?.next ?? null),
      };
    },
  );
}

function missing(): never {
  throw notFound(ENDPOINT);
}

function toEndpoint(found: Endpoint): z.output<typeof endpoint> {
  return {
    id: found.id,
    url: found.url,
    events: [...found.events],
    enabled: found.enabled,
    disabledReason: found.disabledReason,
    disabledAt: found.disabledAt?.toISOString() ?? null,
    failingSince: found.failingSince?.toISOString() ?? null,
    rotatedAt: found.rotatedAt?.toISOString() ?? null,
    createdAt: found.createdAt.toISOString(),
  };
}
