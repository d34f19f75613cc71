// The token endpoints: who gets a token, what it is good for, and when it stops being so.

import { describe, expect, test } from "vitest";
import { MOBILE_DIGITAL_SEND, SINCH_BATCHES, startSimulator } from "./setup.ts";

const BATCH = { to: ["447700900001"], body: "Hello" };
const MESSAGE = { recipient: "+61400000000", message: "Hello" };
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

describe("the token endpoint", () => {
  test("answers Sinch's documented body", async () => {
    const { askToken } = await startSimulator();
    const { status, json } = await askToken("sinch");
    expect(status).toBe(200);
    expect(json).toEqual({
      access_token: expect.stringMatching(JWT),
      expires_in: 3600,
      scope: "",
      token_type: "bearer",
    });
  });

  test("answers mobile.digital's documented body with the scopes that were asked for", async () => {
    const { askToken } = await startSimulator();
    const { status, json } = await askToken("mobile-digital", { scope: "read write" });
    expect(status).toBe(200);
    expect(json).toEqual({
      access_token: expect.stringMatching(JWT),
      expires_in: 3600,
      scope: "read write",
      token_type: "Bearer",
    });
  });

  test("grants all scopes of the client when none is asked for", async () => {
    const { askToken } = await startSimulator();
    expect((await askToken("mobile-digital")).json).toMatchObject({ scope: "read write admin" });
  });

  test("refuses a wrong secret in each vendor's shape", async () => {
    const { askToken } = await startSimulator();
    const sinch = await askToken("sinch", { secret: "wrong" });
    expect(sinch.status).toBe(401);
    expect(sinch.json).toMatchObject({
      type: "https://developers.sinch.com/docs/errors/registry/invalid-credentials",
      title: "Invalid credentials",
    });
    const mobileDigital = await askToken("mobile-digital", { secret: "wrong" });
    expect(mobileDigital.status).toBe(401);
    expect(mobileDigital.json).toEqual({ error: "invalid_client", error_description: expect.any(String) });
  });

  test("refuses a scope that the client may not have", async () => {
    const { askToken } = await startSimulator({ scopes: ["read"] });
    const { status, json } = await askToken("mobile-digital", { scope: "read write" });
    expect(status).toBe(400);
    expect(json).toEqual({ error: "invalid_scope", error_description: expect.stringContaining("write") });
  });

  test.each([
    ["another grant", { grantType: "password" }],
    ["a JSON body", { contentType: "application/json" }],
    ["GET", { method: "GET" }],
  ])("refuses %s with 400", async (_name, change) => {
    const { askToken } = await startSimulator();
    expect((await askToken("sinch", change)).status).toBe(400);
    expect((await askToken("mobile-digital", change)).json).toMatchObject({ error: "invalid_request" });
  });

  test("lets Sinch's bucket of 30 run dry and refills it with ten a second, without Retry-After", async () => {
    const { askToken, passMs, simulator } = await startSimulator();
    const statuses = async (count: number) => {
      const answers = await Promise.all(Array.from({ length: count }, () => askToken("sinch")));
      return answers.map(({ status }) => status).sort();
    };
    expect(await statuses(31)).toEqual([...Array(30).fill(200), 429]);
    passMs(500);
    expect(await statuses(6)).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await askToken("sinch")).headers.has("retry-after")).toBe(false);
    expect(simulator.tokenCalls("sinch")).toHaveLength(38);
    expect((await askToken("mobile-digital")).status).toBe(200);
  });

  test.each([
    [7, { expires_in: 7 }],
    ["3600", { expires_in: "3600" }],
    ["soon", { expires_in: "soon" }],
  ])("says expires_in %j as it was told to", async (tokenLifeSeconds, expected) => {
    const { askToken } = await startSimulator({ tokenLifeSeconds });
    expect((await askToken("sinch")).json).toMatchObject(expected);
  });

  test("leaves expires_in out when told null", async () => {
    const { askToken } = await startSimulator({ tokenLifeSeconds: null });
    expect((await askToken("sinch")).json).not.toHaveProperty("expires_in");
  });

  test("hands out the same token again while it lives, and another once it is dead", async () => {
    const { askToken, token, passMs } = await startSimulator({ sameToken: true, tokenLifeSeconds: 10 });
    const first = await token("sinch");
    passMs(4000);
    expect((await askToken("sinch")).json).toMatchObject({ access_token: first, expires_in: 6 });
    passMs(6000);
    expect(await token("sinch")).not.toBe(first);
  });

  test("gives a new token every time by default, and the old one stays good", async () => {
    const { token, post } = await startSimulator();
    const [first, second] = [await token("sinch"), await token("sinch")];
    expect(first).not.toBe(second);
    expect((await post(SINCH_BATCHES, first, BATCH)).status).toBe(201);
    expect((await post(SINCH_BATCHES, second, BATCH)).status).toBe(201);
  });
});

describe("a token in use", () => {
  test("is refused from the millisecond at which it expires, and Sinch says so in WWW-Authenticate", async () => {
    const { token, post, passMs } = await startSimulator({ tokenLifeSeconds: 5 });
    const [sinch, mobileDigital] = [await token("sinch"), await token("mobile-digital")];
    passMs(4999);
    expect((await post(SINCH_BATCHES, sinch, BATCH)).status).toBe(201);
    passMs(1);
    const expired = await post(SINCH_BATCHES, sinch, BATCH);
    expect(expired.status).toBe(401);
    expect(expired.headers.get("www-authenticate")).toContain("expired");
    const other = await post(MOBILE_DIGITAL_SEND, mobileDigital, MESSAGE);
    expect([other.status, other.json]).toEqual([
      401,
      { error: "invalid_token", error_description: expect.any(String) },
    ]);
  });

  test("can die before its expires_in", async () => {
    const { token, post, passMs } = await startSimulator({ tokenLifeSeconds: 3600, tokenRealLifeSeconds: 1 });
    const sinch = await token("sinch");
    passMs(1000);
    expect((await post(SINCH_BATCHES, sinch, BATCH)).status).toBe(401);
  });

  test("is refused after a revocation, which a new token survives and the other provider does not notice", async () => {
    const { simulator, token, post } = await startSimulator();
    const [sinch, mobileDigital] = [await token("sinch"), await token("mobile-digital")];
    simulator.revokeTokens("sinch");
    const revoked = await post(SINCH_BATCHES, sinch, BATCH);
    expect(revoked.status).toBe(401);
    expect(revoked.headers.get("www-authenticate")).not.toContain("expired");
    expect((await post(SINCH_BATCHES, await token("sinch"), BATCH)).status).toBe(201);
    expect((await post(MOBILE_DIGITAL_SEND, mobileDigital, MESSAGE)).status).toBe(200);
  });

  test("without the scope write sends nothing at mobile.digital: 403", async () => {
    const { simulator, token, post } = await startSimulator();
    const { status, json } = await post(MOBILE_DIGITAL_SEND, await token("mobile-digital", "read"), MESSAGE);
    expect(status).toBe(403);
    expect(json).toEqual({
      error: "insufficient_scope",
      error_description: expect.stringContaining("write"),
    });
    expect(simulator.accepted("mobile-digital")).toBe(0);
  });

  test("that nobody issued, or none at all, is refused", async () => {
    const { post } = await startSimulator();
    expect((await post(SINCH_BATCHES, "invented", BATCH)).status).toBe(401);
    expect((await post(SINCH_BATCHES, null, BATCH)).status).toBe(401);
    const none = await post(MOBILE_DIGITAL_SEND, null, MESSAGE);
    expect([none.status, none.json]).toEqual([401, { message: "Unauthorized" }]);
  });
});

describe("Sinch's service plan", () => {
  test("logs in with its fixed token and its own id in the path", async () => {
    const { post } = await startSimulator();
    expect((await post("/sinch/xms/v1/demo-plan/batches", "demo-token", BATCH)).status).toBe(201);
    expect((await post(SINCH_BATCHES, "demo-token", BATCH)).status).toBe(404);
  });

  test("is not open to an OAuth2 token", async () => {
    const { post, token } = await startSimulator();
    expect((await post("/sinch/xms/v1/demo-plan/batches", await token("sinch"), BATCH)).status).toBe(404);
  });
});
