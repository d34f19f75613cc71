// The API's description: a document of OpenAPI 3.1 that lists every route as it is, and a page that shows it offline.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import Fastify from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiDoors } from "../../src/cli/api-doors.ts";
import { apiScopes } from "../../src/domain/api-key.ts";
import { addApi } from "../../src/http/api.ts";
import { problemCodes } from "../../src/http/contract/problem.ts";
import { type ApiBench, openApi } from "./api-door.ts";

type Node = Readonly<Record<string, unknown>>;
type Operation = {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Node;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Node }>> };
  readonly responses: Readonly<Record<string, Node>>;
};
type Document = {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Node>> };
};

let api: ApiBench;
let document: Document;
beforeAll(async () => {
  api = await openApi();
  document = (await api.call("/openapi.json", { key: null })).body;
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

it("lists every route below /v1, and nothing else", async () => {
  const app = Fastify();
  const routes: string[] = [];
  app.addHook("onRoute", ({ method, url, schema }) => {
    if (!url.startsWith("/v1") || schema?.hide === true) return;
    for (const one of [method].flat().filter((name) => name !== "HEAD")) routes.push(`${one} ${url}`);
  });
  addApi(app, apiDoors(api.parts));
  await app.ready();
  await app.close();
  const listed = operations().map(
    ({ path, method }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
  );
  expect(listed.toSorted()).toEqual(routes.toSorted());
  expect(routes.length).toBeGreaterThan(15);
});

it("is a document of OpenAPI 3.1 by the standard's own schema", async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

it("says what it needs to say: versions, parameters of every path, a body and answers of every operation", () => {
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: "Volley", version: expect.any(String) });
  for (const { path, method, operation } of operations()) {
    const where = `${method} ${path}`;
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = (operation.parameters ?? []).filter((one) => one.in === "path");
    expect(
      declared.map(({ name }) => name),
      where,
    ).toEqual(inPath);
    for (const parameter of declared) expect(parameter.required, where).toBe(true);
    for (const parameter of operation.parameters ?? []) expect(parameter.schema, where).toBeTypeOf("object");
    expect(operation.summary, where).toBeTypeOf("string");
    expect(operation.tags, where).toHaveLength(1);
    const answers = Object.keys(operation.responses);
    expect(answers, where).toContain("default");
    expect(
      answers.some((status) => /^2\d\d$/.test(status)),
      where,
    ).toBe(true);
    for (const answer of Object.values(operation.responses)) {
      expect(answer.$ref ?? answer.description, where).toBeTypeOf("string");
    }
  }
});

it("names the scope of every operation", () => {
  for (const { operation } of operations()) {
    expect(operation.security).toEqual([{ apiKey: [expect.toBeOneOf([...apiScopes])] }]);
  }
});

it("is mapped by the API's page: every operation with its scope, every code with its status, and no other", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/api.md"), "utf8");
  const rows = (pattern: RegExp) =>
    [...page.matchAll(pattern)].map(([, one, other]) => `${one} ${other}`).toSorted();
  expect(rows(/^\| `([A-Z]+ \/v1\S+)` +\| `([a-z:]+)` /gm)).toEqual(
    operations()
      .map(({ method, path, operation: { security = [] } }) => {
        const scopes = security.flatMap((one) => Object.values(one)).flat();
        return `${method.toUpperCase()} ${path} ${scopes.join()}`;
      })
      .toSorted(),
  );
  expect(rows(/^\| `([a-z_]+)` +\| (\d{3}) /gm)).toEqual(
    Object.entries(problemCodes)
      .map(([code, { status }]) => `${code} ${status}`)
      .toSorted(),
  );
});

it("has an idempotency key on every POST that creates, and on no other", () => {
  const takesKey = operations()
    .filter(({ operation }) => operation.parameters?.some(({ name }) => name === "idempotency-key"))
    .map(({ method, path }) => `${method} ${path}`);
  expect(takesKey.toSorted()).toEqual([
    "post /v1/campaigns",
    "post /v1/campaigns/{id}/retry-failed",
    "post /v1/messages",
    "post /v1/messages/retry-failed",
    "post /v1/webhook-endpoints",
  ]);
});

it("refers to nothing that it does not hold, and holds nothing that nobody refers to", () => {
  const text = JSON.stringify(document);
  const referred = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name),
  );
  expect([...referred].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted());
  const others = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, target = ""]) => target);
  expect(others.filter((target) => !/^#\/components\/(schemas|responses)\/\w+$/.test(target))).toEqual([]);
});

it("says that unknown fields are refused, and what is required", () => {
  const send = document.paths["/v1/messages"]?.post?.requestBody?.content["application/json"]?.schema;
  expect(send).toMatchObject({
    type: "object",
    additionalProperties: false,
    required: ["to", "text"],
    properties: { class: { enum: ["transactional", "reminder", "marketing"], default: "transactional" } },
  });
});

it("has a page of its own, whose every file is ours, under a policy that lets nothing else in", async () => {
  const page = await api.call("/docs", { key: null });
  expect(page.status).toBe(200);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = ""]) => file);
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) {
    expect(file).toMatch(/^\/docs\/static\//);
    expect((await api.call(file, { key: null })).status, file).toBe(200);
  }
  expect(page.text).not.toMatch(/<script>[^<]/);
  const script = await api.call("/docs/static/swagger-initializer.js", { key: null });
  expect(script.text).toContain("/openapi.json");
});
