// [0] The customers' HTTP API, below /v1: one plugin, so that its errors, keys and bodies concern nobody else.
//
// A resource is two files. `contract/<resource>.ts` holds zod schemas: strict objects for what comes in, JSON for
// what goes out, with `.meta({ id })` on what deserves a name. `<resource>.ts` exports `addX(api, doors)` and adds
// routes, each with
//   config: { scope }     or the server does not start
//   schema: { summary, tags, params, querystring, headers, body, response: { 200: ... } }
// Handlers throw VolleyError, or the refusals of problem.ts; answers that do not fit their schema are refused, too.
// POSTs that create go through `createOnce` (once.ts), lists through `createCursor` (cursor.ts). Then add the
// resource to RESOURCES below. A body that is no JSON gets a parser of its own in a plugin around its route.

import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, HTTPMethods } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { addAccounts } from "./accounts.ts";
import { createAuthentication } from "./auth.ts";
import { addCampaignChanges } from "./campaign-changes.ts";
import { addCampaignExport } from "./campaign-export.ts";
import { addCampaignPreview } from "./campaign-preview.ts";
import { addCampaignRecipients } from "./campaign-recipients.ts";
import { addCampaigns } from "./campaigns.ts";
import { addDocs, noteRoutes } from "./docs.ts";
import type { ApiDoors } from "./doors.ts";
import { addErasures } from "./erasures.ts";
import { refuseEncodedBody, takeJsonBodies } from "./json-body.ts";
import { addMessages } from "./messages.ts";
import { addMetrics } from "./metrics.ts";
import { createErrorHandler, refuse } from "./problem.ts";
import { addReminders } from "./reminders.ts";
import { addRetries } from "./retries.ts";
import { addStream, type StreamBounds, streamBounds } from "./stream.ts";
import { addSuppressions } from "./suppressions.ts";
import { addWebhookEndpoints } from "./webhook-endpoints.ts";

export type ApiBounds = {
  /** Of one key, in one process. */
  readonly requestsPerSecond: number;
  readonly stream: StreamBounds;
};

const RESOURCES = [
  addMessages,
  addCampaigns,
  addCampaignChanges,
  addCampaignPreview,
  addCampaignRecipients,
  addCampaignExport,
  addRetries,
  addReminders,
  addSuppressions,
  addWebhookEndpoints,
  addAccounts,
  addErasures,
];
const API_VERSION = "1";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const satisfies readonly HTTPMethods[];
const defaultBounds: ApiBounds = { requestsPerSecond: 2_000, stream: streamBounds };

export function addApi(app: FastifyInstance, doors: ApiDoors, bounds: Partial<ApiBounds> = {}): void {
  app.register(async (scope) => {
    scope.setValidatorCompiler(validatorCompiler);
    scope.setSerializerCompiler(serializerCompiler);
    await noteRoutes(scope, API_VERSION);
    await scope.register((api) => addResources(api, doors, { ...defaultBounds, ...bounds }), {
      prefix: "/v1",
    });
    await addDocs(scope);
  });
  addMetrics(app, doors);
}

async function addResources(api: FastifyInstance, doors: ApiDoors, bounds: ApiBounds): Promise<void> {
  const methods = noteMethods(api);
  takeJsonBodies(api);
  api.setErrorHandler(createErrorHandler(doors.log));
  api.decorateRequest("apiKey", null);
  api.addHook("onRequest", createAuthentication(doors.ledger));
  api.addHook("onRequest", refuseEncodedBody);
  await api.register(rateLimit, {
    max: bounds.requestsPerSecond,
    timeWindow: 1_000,
    keyGenerator: ({ apiKey }) => apiKey?.id ?? "",
    errorResponseBuilder: () => refuse({ code: "rate_limited", detail: "This API key asks too often." }),
  });
  api.setNotFoundHandler(() => {
    throw refuse({ code: "not_found", detail: "There is no such path." });
  });
  const typed = api.withTypeProvider<ZodTypeProvider>();
  for (const add of RESOURCES) add(typed, doors);
  addStream(typed, doors, bounds.stream);
  // A plugin of its own, because it comes after those that resources register.
  await api.register(async (last) => refuseOtherMethods(last, methods));
}

/** Path -> the methods that it has; and no route without a scope. */
function noteMethods(api: FastifyInstance): ReadonlyMap<string, Set<string>> {
  const methods = new Map<string, Set<string>>();
  api.addHook("onRoute", ({ url, method, config, schema }) => {
    if (schema?.hide === true) return;
    if (config?.scope === undefined) throw new Error(`The route ${url} asks for no scope.`);
    const known = methods.get(url) ?? new Set<string>();
    methods.set(url, known);
    for (const one of [method].flat()) known.add(one);
  });
  return methods;
}

/** Else a path that there is would be "not found". */
function refuseOtherMethods(api: FastifyInstance, methods: ReadonlyMap<string, Set<string>>): void {
  for (const [url, known] of methods) {
    const allow = [...known].join(", ");
    api.route({
      url: url.slice(api.prefix.length),
      method: METHODS.filter((method) => !known.has(method)),
      schema: { hide: true },
      handler: () => {
        throw refuse({ code: "method_not_allowed", detail: `Allowed: ${allow}.`, headers: { allow } });
      },
    });
  }
}
