// SMS.CX as a provider, and the exact bytes of its requests, by
// https://github.com/smscx/smscx-api-php-library/tree/main/docs. Replies and reports have files of their own.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { type Batch, cutRequests } from "../../src/domain/batch.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { createHttpClient } from "../../src/platform/http-client.ts";
import { providers } from "../../src/providers/index.ts";
import { createTransport } from "../../src/providers/transport.ts";
import { answerJson, startHttpServer } from "../support/http-server.ts";
import { describeProvider } from "./conformance.ts";
import { acceptedReply, askedReply, msgId, recorded } from "./smscx-bodies.ts";
import {
  accountOf,
  callId,
  messageOf,
  plainBatch,
  reportAccess,
  reportUrl,
  templateBatch,
  templateOf,
} from "./support.ts";

const { smscx } = providers;
const account = accountOf("smscx");
const keyAccount = accountOf("smscx", { login: { apiKey: "key~s3cret" } });
describeProvider({
  provider: smscx,
  account,
  acceptedReply,
  itemsAt: ["data"],
  foundReply: null,
  askedReply,
  deliveredReport: ({ callId }) => ({
    event: "dlr_update",
    data: [
      {
        campaignId: "6ba7b810-9dad-4111-80b4-00c04fd430c8",
        msgId: msgId(0),
        trackData: callId,
        statusCode: 5,
        status: "DELIVERED",
        errorCode: null,
        datetime: "2026-01-01 00:00:09",
      },
    ],
  }),
  inbound: JSON.parse(recorded("inbound")),
});

const sent = (batch: Batch) => JSON.parse(smscx.buildRequest(batch, account).body?.reveal() ?? "");

describe("the token request", () => {
  // https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/OauthApi.md
  test("is a client-credentials form with Basic and the one scope that sending needs", () => {
    const request = smscx.buildTokenRequest(account);
    expect(request).toMatchObject({ method: "POST", url: "https://api.sms.cx/oauth/token" });
    expect(request?.body?.reveal()).toBe("grant_type=client_credentials&scope=sms");
    expect(Object.keys(request?.headers ?? {})).toEqual(["authorization", "content-type", "accept"]);
    expect(request?.headers).toMatchObject({
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    });
    const authorization = request?.headers.authorization;
    expect(typeof authorization === "object" && authorization.reveal()).toBe(
      "Basic YXBwbGljYXRpb24tMTpzM2NyZXR+Lg==",
    );
  });

  test("goes to tokenUrl, else to baseUrl, when they are set", () => {
    const baseUrl = "http://127.0.0.1:4010/smscx";
    const tokenUrl = "https://login.sms.example/token";
    expect(smscx.buildTokenRequest(accountOf("smscx", { baseUrl }))?.url).toBe(`${baseUrl}/oauth/token`);
    expect(smscx.buildTokenRequest(accountOf("smscx", { baseUrl, tokenUrl }))?.url).toBe(tokenUrl);
  });

  test("is none with an API key, which travels in a header of its own", () => {
    expect(smscx.buildTokenRequest(keyAccount)).toBeNull();
    expect(smscx.authorization(keyAccount, null)).toBeNull();
    const key = smscx.buildRequest(plainBatch(1), keyAccount).headers["x-api-key"];
    expect(typeof key === "object" && key.reveal()).toBe("key~s3cret");
    expect(`${key}`).toBe("[hidden]");
    expect(smscx.buildRequest(plainBatch(1), account).headers).not.toHaveProperty("x-api-key");
  });

  test("an account without a key does not send without a token", () => {
    expect(() => smscx.authorization(account, null)).toThrow();
  });
});

describe("on the wire", () => {
  async function callWith(login: typeof account, token: Parameters<typeof smscx.authorization>[1]) {
    const server = await startHttpServer((call, response) => {
      const { to, trackData } = JSON.parse(call.body);
      const data = to.map((one: string) => ({ msgId: msgId(0), trackData, status: "ACCEPTED", to: one }));
      answerJson(response, 200, { info: { invalid: [] }, data });
    });
    const http = createHttpClient({ connectionsPerOrigin: 1 });
    const reading = await createTransport({ http }).send(
      plainBatch(1),
      { ...login, baseUrl: server.url },
      token,
    );
    await http.close();
    await server.close();
    return { reading, call: server.calls[0] };
  }

  test("an API key is the only login of a call", async () => {
    const { reading, call } = await callWith(keyAccount, null);
    expect(reading.outcomes).toEqual([{ kind: "accepted", providerMessageId: msgId(0) }]);
    expect(call).toMatchObject({ method: "POST", path: "/sms", headers: { "x-api-key": "key~s3cret" } });
    expect(call?.headers).not.toHaveProperty("authorization");
  });

  test("so is a token", async () => {
    const { call } = await callWith(account, sensitive("token-1"));
    expect(call?.headers).toMatchObject({ authorization: "Bearer token-1" });
    expect(call?.headers).not.toHaveProperty("x-api-key");
  });
});

describe("the send request", () => {
  // https://github.com/smscx/smscx-api-php-library/blob/main/docs/Model/SendSmsMessageRequest.md
  test("names the numbers with a plus, one text, and our call twice", () => {
    const request = smscx.buildRequest({ ...plainBatch(2), from: "Volley" }, account);
    expect(request).toEqual({
      method: "POST",
      url: "https://api.sms.cx/sms",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: request.body,
    });
    expect(request.body?.reveal()).toBe(
      `{"to":["+447900900000","+447900900001"],"from":"Volley","text":"Hello","allowInvalid":true,"trackData":"${callId}","idempotencyId":"${callId}","noTextDetails":true}`,
    );
  });

  test("asks for reports when the account takes them", () => {
    const reporting = accountOf("smscx", { reports: reportAccess() });
    const request = smscx.buildRequest({ ...plainBatch(1), from: "Volley" }, reporting);
    expect(request.body?.reveal()).toBe(
      `{"to":["+447900900000"],"from":"Volley","text":"Hello","allowInvalid":true,"dlrCallbackUrl":"${reportUrl}","trackData":"${callId}","idempotencyId":"${callId}","noTextDetails":true}`,
    );
  });

  test("leaves `from` out when there is none, and goes to baseUrl when it is set", () => {
    expect(sent(plainBatch(1))).not.toHaveProperty("from");
    const simulated = accountOf("smscx", { baseUrl: "http://127.0.0.1:4010/smscx" });
    expect(smscx.buildRequest(plainBatch(1), simulated).url).toBe("http://127.0.0.1:4010/smscx/sms");
  });

  test("of a template holds the rendered text", () => {
    expect(sent(templateBatch("Hi {{n}}", [["Ana"]])).text).toBe("Hi Ana");
    expect(sent(templateBatch("Closed today", [[], []])).text).toBe("Closed today");
  });

  test("holds up to 25,000 numbers; one more makes a second request", () => {
    const template = templateOf("Closed today");
    const cut = (size: number) =>
      cutRequests(
        Array.from({ length: size }, (_, index) => messageOf(index, "Closed today")),
        {
          batchMax: smscx.facts.batchMax,
          segmentsMax: Number.POSITIVE_INFINITY,
          mayShare: (message) => smscx.mayShareRequest(message, { template, from: null }),
        },
      );
    expect(cut(25_000).map((messages) => messages.length)).toEqual([25_000]);
    const requests = cut(25_001).map((messages) => sent({ callId, template, from: null, messages }).to);
    expect(requests.map((to) => to.length)).toEqual([25_000, 1]);
    expect(new Set(requests.flat()).size).toBe(25_001);
    expect(() => sent(plainBatch(25_001))).toThrow();
  });

  test("is not built from two texts, or of one that SMS.CX would change", () => {
    const messages = [messageOf(0, "one"), messageOf(1, "two")];
    expect(() => sent({ ...plainBatch(0), messages })).toThrow();
    expect(() => sent(plainBatch(1, "Code {{numbers:6}}"))).toThrow();
  });
});

describe("texts", () => {
  test("share a request only when a template makes them equal", () => {
    const share = (source: string | null) =>
      smscx.mayShareRequest(messageOf(0, "x", ["Ana"]), {
        template: source === null ? null : templateOf(source),
        from: null,
      });
    expect(share("Closed today")).toBe(true);
    expect(share("Hi {{name}}")).toBe(false);
    expect(share(null)).toBe(false);
  });

  test.each([
    ["Code {{numbers:6}}", true],
    ["{{", true],
    ["a {{{b}}}", true],
    ["Hi {name} }} { {", false],
    ["", false],
  ])("%j has a fault: %s", (text, isFaulty) => {
    const fault = smscx.textFault(text);
    expect(fault !== null).toBe(isFaulty);
    if (fault !== null) expect(fault).toMatch(/^The text holds "\{\{".*\.$/);
  });
});

test("examples/smscx.yaml is taken as soon as its variables are set, with a sender that SMS.CX takes", () => {
  const source = readFileSync(new URL("../../examples/smscx.yaml", import.meta.url), "utf8");
  const environment = {
    SMSCX_APPLICATION_ID: "application-1",
    SMSCX_APPLICATION_SECRET: "s3cret~.",
    SMSCX_REPORT_SECRET: "secret-of-the-path-1",
    VOLLEY_PUBLIC_URL: "https://sms.example.org",
  };
  const { accounts } = parseConfig(source, { file: null, environment });
  const [only, ...others] = accounts;
  expect(others).toEqual([]);
  expect(only).toMatchObject({ name: "main-smscx", provider: "smscx", baseUrl: null });
  expect(only?.from).toMatch(/^.{3,15}$/);
  expect(only?.reports?.url.reveal()).toBe("https://sms.example.org/reports/main-smscx/secret-of-the-path-1");
});
