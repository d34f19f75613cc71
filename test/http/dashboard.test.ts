// The dashboard's files over HTTP: public, strict headers, and nothing but themselves.

import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const SCRIPTS = ["", "-campaigns", "-client", "-messages", "-text"].map((name) => `/dashboard${name}.js`);
const files: readonly (readonly [path: string, type: string])[] = [
  ["/", "text/html; charset=utf-8"],
  ["/dashboard.css", "text/css; charset=utf-8"],
  ...SCRIPTS.map((path) => [path, "text/javascript; charset=utf-8"] as const),
];

/** As it is written: fetch would tidy the path. */
function statusOf(path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, path }, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    });
    call.once("error", reject).end();
  });
}

describe.each(files)("%s", (path, type) => {
  it("needs no key, and is what it says", async () => {
    const reply = await api.call(path, { key: null });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe(type);
    expect(reply.text.length).toBeGreaterThan(500);
  });

  it("runs and shows nothing but its own files, in no frame, and is kept by nobody", async () => {
    const { headers } = await api.call(path, { key: null });
    const policy = headers.get("content-security-policy")?.split("; ") ?? [];
    expect(policy.toSorted()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src data:",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      "trusted-types 'none'",
    ]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("answers HEAD as GET, without the body, and nothing else", async () => {
    const whole = await api.call(path, { key: null });
    const head = await api.call(path, { key: null, method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.text).toBe("");
    expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(whole.text)));
    expect(head.headers.get("content-type")).toBe(type);
    for (const method of ["POST", "PUT", "DELETE"]) {
      expect((await api.call(path, { key: null, method })).status, method).toBe(404);
    }
  });
});

it.each([
  "/index.html",
  "/dashboard",
  "/dashboard/",
  "/dashboard.ts",
  "/dashboard-secret.js",
  "/src/dashboard/dashboard.js",
  "/dashboard/../dashboard.js",
  "/dashboard.js/../../http/auth.ts",
  "/../package.json",
  "/..%2fpackage.json",
  "/%2e%2e/%2e%2e/package.json",
  "/..%5cpackage.json",
  "//etc/passwd",
  "/dashboard.js%00",
])("%s is not there", async (path) => {
  expect(await statusOf(path)).toBe(404);
});

it("every file that the page names is served, and every file that is served is named", async () => {
  const texts = await Promise.all(files.map(async ([path]) => (await api.call(path, { key: null })).text));
  const named = texts.flatMap((text) => [...text.matchAll(/"(?:\.\/)?(dashboard[-\w]*\.(?:js|css))"/g)]);
  expect(new Set(named.map(([, name]) => `/${name}`))).toEqual(new Set(files.slice(1).map(([path]) => path)));
});

it("every answer to a key says what the key may do, and an answer to nobody does not", async () => {
  const scopesOf = async (key: string | null, path = "/v1/campaigns") =>
    (await api.call(path, { key })).headers.get("volley-scopes");
  const { key } = await api.createKey("campaigns:read", "messages:read");
  expect(await scopesOf(key)).toBe("campaigns:read messages:read");
  expect(await scopesOf(key, "/v1/accounts")).toBe("campaigns:read messages:read");
  expect(await scopesOf(api.admin)).toBe("admin");
  expect(await scopesOf(null)).toBeNull();
  expect(await scopesOf(`vk_${"x".repeat(43)}`)).toBeNull();
});
