// The API's description, made from the schemas that its routes are checked by: /openapi.json for programs, /docs for
// people. Both are public, for they say nothing that the repository does not, and load nothing from elsewhere.

import swagger, { type SwaggerTransform, type SwaggerTransformObject } from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { problemCodes } from "./contract/problem.ts";

const SECURITY = "apiKey";
/** Swagger UI sets styles on elements; everything else is a file of its own. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Before the routes: it takes note of each as it is added. */
export async function noteRoutes(api: FastifyInstance, version: string): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Volley", version, description: INTRODUCTION },
      components: {
        securitySchemes: {
          [SECURITY]: { type: "http", scheme: "bearer", description: "An API key: vk_..." },
        },
        responses: {
          Problem: {
            description: "Refused; the code says why.",
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        },
      },
    },
    transform: describeRoute,
    transformObject: dropUnused,
  });
}

/** After the routes. */
export async function addDocs(api: FastifyInstance): Promise<void> {
  api.get("/openapi.json", { schema: { hide: true } }, (_, reply) =>
    reply.type("application/json").serializer(JSON.stringify).send(api.swagger()),
  );
  await api.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: PAGE_POLICY,
    theme: { title: "Volley API" },
    uiConfig: { url: "/openapi.json", docExpansion: "list", deepLinking: true, tryItOutEnabled: false },
  });
}

const REFERENCE = /"#\/components\/schemas\/(\w+)"/g;
const INTRODUCTION = `Sends SMS, each message once.

Every request needs an API key. Errors are \`application/problem+json\` with a stable \`code\`: ${Object.entries(
  problemCodes,
)
  .map(([code, { status }]) => `\`${code}\` (${status})`)
  .join(", ")}.

POSTs that create something take an \`Idempotency-Key\`. Lists are pages: pass \`next\` on as \`cursor\`. Unknown fields are refused.`;

/** The scope that a route asks for, and the one answer that all routes share. */
const describeRoute: SwaggerTransform = (options) => {
  const { schema, url } = jsonSchemaTransform(options);
  const scope = options.route.config?.scope;
  if (scope === undefined) return { schema, url };
  return {
    schema: {
      ...schema,
      security: [{ [SECURITY]: [scope] }],
      response: {
        ...(typeof schema.response === "object" ? schema.response : {}),
        default: { $ref: "#/components/responses/Problem" },
      },
    },
    url,
  };
};

/** Each named schema comes in two forms, as it goes in and as it comes out; few are used in both. */
const dropUnused: SwaggerTransformObject = (document) => {
  const described = jsonSchemaTransformObject(document);
  const components = "components" in described ? described.components : {};
  const { schemas = {}, ...rest } = components ?? {};
  const used = new Map<string, unknown>();
  const follow = (node: unknown) => {
    for (const [, name = ""] of JSON.stringify(node).matchAll(REFERENCE)) {
      if (used.has(name)) continue;
      const schema = Reflect.get(schemas, name);
      used.set(name, schema);
      follow(schema);
    }
  };
  follow([described.paths, rest]);
  return Object.assign(described, { components: { ...rest, schemas: Object.fromEntries(used) } });
};
