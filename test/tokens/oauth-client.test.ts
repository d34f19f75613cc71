// One token call over real HTTP: what each reply means.

import { Writable } from "node:stream";
import { inspect } from "node:util";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import type { Account } from "../../src/domain/account.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createHttpClient } from "../../src/platform/http-client.ts";
import { fetchToken, type TokenReply } from "../../src/tokens/oauth-client.ts";
import { startHttpServer } from "../support/http-server.ts";

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const SECRET = "s3cret-value";
const granted = { access_token: "eyJ.token", token_type: "bearer", expires_in: 3600, scope: "" };

async function ask(
  answer: { status: number; body: unknown; headers?: Record<string, string> } | "nobody-listens",
  {
    scope = "",
    provider = "sinch",
    inForm = false,
  }: { scope?: string; provider?: string; inForm?: boolean } = {},
): Promise<{ reply: TokenReply; host: string; log: string; bodies: string[] }> {
  const lines: string[] = [];
  const log = pino(
    { level: "debug" },
    new Writable({ write: (line, _, next) => next(void lines.push(String(line))) }),
  );
  const http = createHttpClient({ connectionsPerOrigin: 1 });
  cleanUps.push(http.close);
  const server = await startHttpServer((_call, response) => {
    if (answer === "nobody-listens") return;
    const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, answer.headers).end(body);
  });
  cleanUps.push(server.close);
  const url = answer === "nobody-listens" ? `http://127.0.0.1:${await findFreePort()}` : server.url;
  const account: Account = {
    name: "main-sinch",
    provider,
    credentials: { keyId: sensitive("key-1"), keySecret: sensitive(SECRET) },
    credentialSources: { keyId: "SINCH_KEY_ID", keySecret: "SINCH_KEY_SECRET" },
    region: null,
    baseUrl: url,
    tokenUrl: null,
    from: null,
    reports: null,
    prices: [],
    dayCap: null,
    limits: { requestsPerSecond: 1, segmentsPerSecond: null, inFlight: 1 },
    unknown: { lookUpAfterSeconds: [], resendTransactionalAfterSeconds: 300 },
  };
  const login = inForm ? `client_id=demo&client_secret=${SECRET}&` : "";
  const form = `${login}grant_type=client_credentials${scope === "" ? "" : `&scope=${scope}`}`;
  const request = {
    method: "POST",
    url: `${url}/oauth2/token?hidden=${SECRET}`,
    headers: {
      authorization: sensitive(`Basic ${SECRET}`),
      "content-type": "application/x-www-form-urlencoded",
    },
    body: sensitive(form),
  } as const;
  const reply = await fetchToken({ http, request, account, log });
  return {
    reply,
    host: new URL(url).host,
    log: lines.join(""),
    bodies: server.calls.map((call) => call.body),
  };
}

test("sends the provider's request and takes the token", async () => {
  const { reply, bodies } = await ask({ status: 200, body: granted });
  expect(bodies).toEqual(["grant_type=client_credentials"]);
  expect(reply).toMatchObject({ kind: "ok", lifeMs: 3_600_000 });
  expect(reply.kind === "ok" && reply.token.reveal()).toBe("eyJ.token");
});

describe("the life of a token", () => {
  test.each([
    [3600, 3_600_000],
    ["3600", 3_600_000],
    [" 59.5 ", 59_500],
    [1, 1_000],
    [0.5, 500],
    [0.0004, 0],
    [0, 300_000],
    ["0", 300_000],
    [-100, 300_000],
    ["-1", 300_000],
    [undefined, 300_000],
    [null, 300_000],
    [true, 300_000],
    ["soon", 300_000],
    ["1e3", 300_000],
    [{}, 300_000],
    [[3600], 300_000],
    [1e300, 86_400_000],
    ["9".repeat(400), 86_400_000],
  ])("expires_in %j is %i ms", async (expiresIn, lifeMs) => {
    const { reply } = await ask({ status: 200, body: { ...granted, expires_in: expiresIn } });
    expect(reply).toMatchObject({ kind: "ok", lifeMs });
  });
});

describe("a good reply that is not good enough", () => {
  test.each(["Bearer", "BEARER", "bearer"])("token_type %s is bearer", async (tokenType) => {
    const { reply } = await ask({ status: 200, body: { ...granted, token_type: tokenType } });
    expect(reply.kind).toBe("ok");
  });

  test.each([
    { ...granted, token_type: "mac" },
    { ...granted, access_token: "" },
    { ...granted, access_token: 17 },
    { ...granted, access_token: "a\r\nx-evil: 1" },
    { ...granted, access_token: "a".repeat(16_385) },
    { __proto__: { access_token: "x" } },
    "<html>",
    '{"access_token":"ey',
    "",
    [],
  ])("%j is no token, for now", async (body) => {
    expect((await ask({ status: 200, body })).reply.kind).toBe("temporary");
  });
});

describe("a refusal", () => {
  test.each([
    [401, { error: "invalid_client", error_description: SECRET }],
    [400, { error: "invalid_client" }],
    [400, { error: "unauthorized_client" }],
    [
      401,
      { type: "https://developers.sinch.com/docs/errors/registry/invalid-credentials", title: "Invalid" },
    ],
    [401, { message: "Unauthorized" }],
    [401, { error: { type: "invalid_client", message: SECRET, code: 1600 } }],
    [400, { error: { type: "invalid_request", message: SECRET, code: 1600 } }],
    [401, { requestError: { serviceException: { messageId: "UNAUTHORIZED", text: SECRET } } }],
    [400, { requestError: { serviceException: { messageId: "UNAUTHORIZED", text: SECRET } } }],
    [401, { error: [], requestError: { serviceException: SECRET } }],
    [401, ""],
  ])("%i %j names the account, the status, the host and what to check", async (status, body) => {
    const { reply, host } = await ask({ status, body });
    expect(reply).toMatchObject({ kind: "refused", error: { code: "credentials_refused" } });
    expect(reply.kind === "refused" && reply.error.message).toBe(
      `Cannot get a token for account main-sinch: ${status} from ${host}. Check SINCH_KEY_SECRET.`,
    );
  });

  test.each([404, 405, 415])("%i is about the address", async (status) => {
    const { reply } = await ask({ status, body: "" });
    expect(reply.kind === "refused" && reply.error.message).toMatch(
      /Check the account's tokenUrl or baseUrl\.$/,
    );
  });

  test("403 of a gateway names both, the credentials and the address", async () => {
    const { reply } = await ask({ status: 403, body: { message: "Forbidden" } }, { scope: "write" });
    expect(reply.kind === "refused" && reply.error.message).toMatch(
      /SINCH_KEY_SECRET, and the account's tokenUrl/,
    );
  });

  test.each([
    [400, { error: "invalid_scope" }],
    [403, { error: "insufficient_scope" }],
    [403, { error: "access_denied" }],
    [400, { error: { type: "invalid_scope", message: SECRET, code: 1600 } }],
    [403, { error: { type: "insufficient_scope", message: SECRET } }],
    [403, { requestError: { serviceException: { messageId: "FORBIDDEN", text: SECRET } } }],
    [200, { ...granted, scope: "read admin" }],
  ])("%i %j names the scope that is missing", async (status, body) => {
    const { reply } = await ask({ status, body }, { scope: "write", provider: "mobile-digital" });
    expect(reply).toMatchObject({ kind: "refused", error: { code: "scope_missing", message: /"write"/ } });
  });

  test.each(["write", "read write admin", ""])("granted scope %j is enough", async (scope) => {
    const { reply } = await ask({ status: 200, body: { ...granted, scope } }, { scope: "write" });
    expect(reply.kind).toBe("ok");
  });
});

describe("a failure that passes", () => {
  test.each([408, 425, 429, 500, 502, 503, 504, 302])("%i", async (status) => {
    const { reply, host } = await ask({ status, body: granted });
    expect(reply).toEqual({ kind: "temporary", what: `${status} from ${host}`, retryAfterMs: null });
  });

  test("429 with Retry-After hands on the hint", async () => {
    const { reply } = await ask({ status: 429, body: "", headers: { "retry-after": "2" } });
    expect(reply).toMatchObject({ kind: "temporary", retryAfterMs: 2_000 });
  });

  test("a refused connection", async () => {
    const { reply, host } = await ask("nobody-listens");
    expect(reply).toEqual({ kind: "temporary", what: `connect-refused at ${host}`, retryAfterMs: null });
  });
});

test("a secret that stands in the form reaches neither log nor error", async () => {
  const answers = [
    { status: 200, body: granted },
    { status: 200, body: "<html>" },
    { status: 401, body: { requestError: { serviceException: { messageId: SECRET, text: SECRET } } } },
    { status: 403, body: { error: { type: SECRET, message: SECRET } } },
    { status: 404, body: SECRET },
    { status: 500, body: SECRET },
    "nobody-listens",
  ] as const;
  for (const answer of answers) {
    const { reply, log, bodies } = await ask(answer, { provider: "infobip", inForm: true });
    if (answer !== "nobody-listens") expect(bodies[0]).toContain(`client_secret=${SECRET}`);
    expect(log).toContain("main-sinch");
    expect(log + inspect(reply, { depth: Number.POSITIVE_INFINITY })).not.toContain(SECRET);
  }
});

test("neither secret, token, URL nor the server's words reach the log", async () => {
  const words = "words of the server";
  for (const status of [200, 400, 401, 403, 500]) {
    const { log } = await ask({ status, body: { ...granted, error: words, error_description: words } });
    expect(log).toContain("main-sinch");
    for (const hidden of [SECRET, "eyJ.token", "hidden=", words]) expect(log).not.toContain(hidden);
  }
});
