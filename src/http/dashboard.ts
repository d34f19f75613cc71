// [0] The dashboard's files, as they are in src/dashboard, read once: an exact list of paths, so that no path can lead
// anywhere else. Public, for they hold nothing; what they show comes from /v1, with the key of whoever looks.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";

const FOLDER = join(import.meta.dirname, "../dashboard");
const TYPES = { html: "text/html", css: "text/css", js: "text/javascript" } as const;
const FILES = [
  { path: "/", name: "index", kind: "html" },
  { path: "/dashboard.css", name: "dashboard", kind: "css" },
  ...["dashboard", "dashboard-campaigns", "dashboard-client", "dashboard-messages", "dashboard-text"].map(
    (name) => ({ path: `/${name}.js`, name, kind: "js" }) as const,
  ),
] as const;

/** The last two hold the page to text: a browser that knows them makes no markup of a string. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": PAGE_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // The files are small, and a page of one version with a script of another helps nobody.
  "cache-control": "no-store",
};

export function addDashboard(app: FastifyInstance): void {
  for (const { path, name, kind } of FILES) {
    const content = readFileSync(join(FOLDER, `${name}.${kind}`));
    app.get(path, (_, reply) => reply.headers(HEADERS).type(`${TYPES[kind]}; charset=utf-8`).send(content));
  }
}
