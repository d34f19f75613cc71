// mobile.digital: exact bytes and readings, by https://www.apimobiledigital.com/oauth2-api-docs.html.

import { describe, expect, test } from "vitest";
import { providers } from "../../src/providers/index.ts";
import { describeProvider } from "./conformance.ts";
import { accountOf, messageOf, plainBatch, reply } from "./support.ts";

const provider = providers["mobile-digital"];
const account = accountOf("mobile-digital");
const gateway = "https://mobile-digital.example";
const read = (status: number, body: unknown) => provider.readResponse(reply(status, body), plainBatch(1));

describeProvider({
  provider,
  account,
  acceptedReply: () => reply(200, { success: true, messageId: "5f0c", status: "queued" }),
  itemsAt: null,
  foundReply: null,
  askedReply: null,
  deliveredReport: ({ messages }) => ({
    messageId: "5f0c",
    recipient: messages[0]?.to,
    status: "delivered",
    timestamp: "2026-01-01T00:00:00.000Z",
  }),
  inbound: null,
});

describe("the requests", () => {
  test("the token request asks for the scope to send, and no other", () => {
    const request = provider.buildTokenRequest(account);
    expect(request).toMatchObject({ method: "POST", url: `${gateway}/oauth2/token` });
    expect(request?.body?.reveal()).toBe("grant_type=client_credentials&scope=write");
    const authorization = request?.headers.authorization;
    expect(typeof authorization === "object" && authorization.reveal()).toBe(
      "Basic Y2xpZW50LTE6czNjcmV0fi4=",
    );
    expect(request?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
  });

  test("the send request is one recipient with its plus, and the text", () => {
    const request = provider.buildRequest(plainBatch(1, 'Say "hi"\n'), account);
    expect(request).toMatchObject({
      method: "POST",
      url: `${gateway}/sendSMS`,
      headers: { "content-type": "application/json", accept: "application/json" },
    });
    expect(request.body?.reveal()).toBe('{"recipient":"+447900900000","message":"Say \\"hi\\"\\n"}');
  });

  test("both go to the account's gateway, the token request to tokenUrl before it", () => {
    const baseUrl = "http://127.0.0.1:4010/prod";
    const moved = accountOf("mobile-digital", { baseUrl });
    expect(provider.buildRequest(plainBatch(1), moved).url).toBe(`${baseUrl}/sendSMS`);
    expect(provider.buildTokenRequest(moved)?.url).toBe(`${baseUrl}/oauth2/token`);
    expect(() =>
      provider.buildRequest(plainBatch(1), accountOf("mobile-digital", { baseUrl: null })),
    ).toThrow();
    const apart = accountOf("mobile-digital", { baseUrl, tokenUrl: "http://127.0.0.1:4011/t" });
    expect(provider.buildTokenRequest(apart)?.url).toBe("http://127.0.0.1:4011/t");
  });

  test("no message shares a request, and two in one are refused before sending", () => {
    expect(provider.mayShareRequest(messageOf(0, "x"), { template: null, from: null })).toBe(false);
    expect(() => provider.buildRequest(plainBatch(2), account)).toThrow();
  });
});

describe("the reply", () => {
  test.each([
    [200, { success: true, messageId: "m1" }, "m1"],
    [201, { message_id: "m2" }, "m2"],
    [202, { id: "m3" }, "m3"],
    [200, { messageId: "m1", id: "m3" }, "m1"],
    [200, { messageId: 17 }, null],
    [200, { messageId: "with space" }, null],
    [200, {}, null],
    [200, "OK", null],
    [204, "", null],
  ])("%i %j is accepted as %j", (status, body, providerMessageId) => {
    expect(read(status, body)).toEqual({
      outcomes: [{ kind: "accepted", providerMessageId }],
      trouble: null,
    });
  });

  test("a 200 that calls itself no success is unknown", () => {
    expect(read(200, { success: false }).outcomes).toEqual([{ kind: "unknown", reason: "no-success" }]);
  });

  test.each([
    [{ error: "invalid_request", error_description: "x" }, "invalid-request"],
    [{ message: "Bad Request" }, "http-400"],
    ["", "http-400"],
  ])("400 %j rejects the message", (body, reason) => {
    expect(read(400, body)).toEqual({ outcomes: [{ kind: "rejected", reason }], trouble: null });
  });

  test.each([
    [401, { error: "invalid_client", error_description: "x" }],
    [401, { message: "Unauthorized" }],
    [400, { error: "invalid_token" }],
  ])("%i %j is about the token", (status, body) => {
    expect(read(status, body).trouble).toEqual({ kind: "token-rejected" });
  });

  test.each([
    [{ error: "insufficient_scope", error_description: "x" }, "scope-missing"],
    [{ error: "forbidden", error_description: "Insufficient scope: write required" }, "scope-missing"],
    [{ message: "Forbidden" }, "http-403"],
    [{ message: "Missing Authentication Token" }, "http-403"],
  ])("403 %j holds the account", (body, reason) => {
    expect(read(403, body).trouble).toMatchObject({ kind: "held", reason, advice: /scope "write"/ });
  });

  test("403 of the gateway names the wrong path as a cause, too", () => {
    expect(read(403, { message: "Missing Authentication Token" }).trouble).toMatchObject({
      advice: /path.*baseUrl/,
    });
  });

  test("429 of the gateway gives no hint", () => {
    expect(read(429, { message: "Too Many Requests" }).trouble).toEqual({
      kind: "throttled",
      retryAfterMs: null,
    });
  });

  test.each([500, 502, 503, 504])("%i may follow a message that was sent", (status) => {
    expect(read(status, { message: "Internal server error" }).outcomes).toMatchObject([{ kind: "unknown" }]);
  });
});

describe("the assumed report", () => {
  const readReports = (body: unknown) => provider.reports?.readReports(JSON.stringify(body));
  const report = {
    messageId: "5f0c",
    recipient: "+447900900000",
    status: "failed",
    timestamp: "2026-01-01T00:00:05Z",
  };

  test("of a failure is final, and names the provider's id and the number", () => {
    expect(readReports(report)).toEqual({
      unreadable: 0,
      reports: [
        {
          about: { messageId: null, callId: null, providerMessageId: "5f0c", to: "+447900900000" },
          state: "undelivered",
          reason: "failed",
          code: null,
          permanent: true,
          optedOut: false,
          at: new Date("2026-01-01T00:00:05Z"),
        },
      ],
    });
  });

  test.each([
    { ...report, status: "sent" },
    { ...report, status: null },
    { ...report, messageId: "" },
    { ...report, messageId: 7 },
  ])("%j is counted as unreadable", (body) => {
    expect(readReports(body)).toEqual({ reports: [], unreadable: 1 });
  });

  test.each([{ messageId: "5f0c" }, { status: "failed" }, {}, [report], "failed"])("%j is none", (body) => {
    expect(readReports(body)).toBeNull();
  });

  test("without a readable number or time is still about its message", () => {
    expect(readReports({ ...report, recipient: "handset", timestamp: "yesterday" })?.reports).toMatchObject([
      { about: { providerMessageId: "5f0c", to: null }, at: null },
    ]);
  });
});
