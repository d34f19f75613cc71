// Sinch: exact bytes and readings, by https://developers.sinch.com/docs/sms/api-reference.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Sinch's placeholders look like JavaScript's.

import { describe, expect, test } from "vitest";
import type { Batch } from "../../src/domain/batch.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";
import type { LookUpQuestion } from "../../src/providers/provider.ts";
import { describeProvider } from "./conformance.ts";
import {
  accountOf,
  callId,
  messageOf,
  numberAt,
  plainBatch,
  reply,
  templateBatch,
  templateOf,
} from "./support.ts";

const { sinch } = providers;
const account = accountOf("sinch");
const planAccount = accountOf("sinch", {
  login: { servicePlanId: "plan/1", apiToken: "api-token" },
  region: "au",
});
const digits = (index: number) => numberAt(index).slice(1);

function acceptedReply(batch: Batch) {
  // The documented 201, the numbers without a plus.
  return reply(201, {
    id: "01FC66621XXXXX119Z8PMV1QPQ",
    to: batch.messages.map(({ to }) => to.slice(1)),
    from: "Volley",
    canceled: false,
    body: "Hi ${n}",
    type: "mt_text",
    created_at: "2026-01-01T00:00:00.000Z",
    client_reference: batch.callId,
  });
}

describeProvider({ provider: sinch, account, acceptedReply });

const sent = (batch: Batch) => JSON.parse(sinch.buildRequest(batch, account).body?.reveal() ?? "");
const read = (batch: Batch, status: number, body: unknown) => sinch.readResponse(reply(status, body), batch);

describe("the token request", () => {
  test("is a client-credentials form with Basic and without a scope", () => {
    const request = sinch.buildTokenRequest(account);
    expect(request).toMatchObject({ method: "POST", url: "https://auth.sinch.com/oauth2/token" });
    expect(request?.body?.reveal()).toBe("grant_type=client_credentials");
    expect(request?.headers).toEqual({
      authorization: sensitive("Basic a2V5LTE6czNjcmV0fi4="),
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    });
    const authorization = request?.headers.authorization;
    expect(typeof authorization === "object" && authorization.reveal()).toBe("Basic a2V5LTE6czNjcmV0fi4=");
  });

  test("goes to tokenUrl, else to baseUrl, when they are set", () => {
    const baseUrl = "http://127.0.0.1:4010/sinch";
    const simulated = accountOf("sinch", { baseUrl });
    expect(sinch.buildTokenRequest(simulated)?.url).toBe(`${baseUrl}/oauth2/token`);
    const both = accountOf("sinch", { baseUrl, tokenUrl: "https://eu.auth.sinch.com/oauth2/token" });
    expect(sinch.buildTokenRequest(both)?.url).toBe("https://eu.auth.sinch.com/oauth2/token");
  });

  test("is none for a service plan, which logs in with its API token", () => {
    expect(sinch.buildTokenRequest(planAccount)).toBeNull();
    expect(sinch.authorization(planAccount, null).reveal()).toBe("Bearer api-token");
  });
});

describe("the send request", () => {
  test("of one message is its plain text, to the project's batches", () => {
    const request = sinch.buildRequest({ ...plainBatch(1), from: "Volley" }, account);
    expect(request).toMatchObject({
      method: "POST",
      url: "https://zt.us.sms.api.sinch.com/xms/v1/project-1/batches",
      headers: { "content-type": "application/json", accept: "application/json" },
    });
    expect(request.body?.reveal()).toBe(
      `{"from":"Volley","to":["447900900000"],"body":"Hello","type":"mt_text","client_reference":"${callId}"}`,
    );
  });

  test("leaves `from` out when there is none", () => {
    expect(sent(plainBatch(1))).not.toHaveProperty("from");
  });

  test("of a service plan goes to its region's host, with the id escaped", () => {
    expect(sinch.buildRequest(plainBatch(1), planAccount).url).toBe(
      "https://au.sms.api.sinch.com/xms/v1/plan%2F1/batches",
    );
  });

  test("of a region and a base URL", () => {
    const eu = accountOf("sinch", { region: "eu" });
    expect(sinch.buildRequest(plainBatch(1), eu).url).toMatch("https://zt.eu.sms.api.sinch.com/xms/v1/");
    const simulated = accountOf("sinch", { baseUrl: "http://127.0.0.1:4010" });
    expect(sinch.buildRequest(plainBatch(1), simulated).url).toBe(
      "http://127.0.0.1:4010/xms/v1/project-1/batches",
    );
  });

  test("of a template carries one body and each recipient's values under the bare number", () => {
    const batch = templateBatch("Hi {{first name}}, code {{code}}, {{first name}}!", [
      ["Ana", "17"],
      ["Bo", "x"],
    ]);
    expect(sent(batch)).toEqual({
      from: "Volley",
      to: [digits(0), digits(1)],
      body: "Hi ${p0}, code ${p1}, ${p0}!",
      type: "mt_text",
      parameters: {
        p0: { [digits(0)]: "Ana", [digits(1)]: "Bo" },
        p1: { [digits(0)]: "17", [digits(1)]: "x" },
      },
      client_reference: callId,
    });
  });

  test("of a template without fields, or of one text, is that text", () => {
    expect(sent(templateBatch("Closed today", [[], []]))).toMatchObject({ body: "Closed today" });
    expect(sent(plainBatch(2, "Same"))).toMatchObject({ body: "Same", to: [digits(0), digits(1)] });
    expect(sent(plainBatch(2, "Same"))).not.toHaveProperty("parameters");
  });

  test("of a message alone is its rendered text, also when there is a template", () => {
    expect(sent(templateBatch("Hi {{n}}", [["Ana"]]))).toMatchObject({ body: "Hi Ana" });
    expect(sent(templateBatch("Hi {{n}}", [["Ana"]]))).not.toHaveProperty("parameters");
  });

  test.each(["Pay ${amount}", "${", "a ${b} $ {c} ${d", "$${x}"])(
    "lets a literal %j through as it is",
    (text) => {
      const { body, parameters } = sent(plainBatch(1, text));
      expect(body.replaceAll(/\$\{p0\}/g, parameters.p0[digits(0)])).toBe(text);
      for (const literal of body.split("${p0}")) expect(literal).not.toContain("${");
    },
  );

  test("refuses to put two texts without a template into one batch", () => {
    const messages = [messageOf(0, "one"), messageOf(1, "two")];
    expect(() => sinch.buildRequest({ ...plainBatch(0), messages }, account)).toThrow();
  });
});

describe("sharing a request", () => {
  const form = { template: templateOf("Hi {{name}}, ${{amount}} {{other}}"), from: null };
  test.each([
    ["Ana", true],
    ["a".repeat(160), true],
    ["a".repeat(161), false],
    ["", false],
    ["x ${y}", false],
    ["{brace}", true],
    ["__proto__", true],
  ])("a value %j: %s", (value, expected) => {
    expect(sinch.mayShareRequest(messageOf(0, "", ["Ana", value, "x"]), form)).toBe(expected);
  });

  test("a template or text with a placeholder of Sinch's own travels alone", () => {
    const literal = { template: templateOf("Hi {{name}} ${x}"), from: null };
    expect(sinch.mayShareRequest(messageOf(0, "", ["Ana"]), literal)).toBe(false);
    expect(sinch.mayShareRequest(messageOf(0, "Hi ${x}"), { template: null, from: null })).toBe(false);
    expect(sinch.mayShareRequest(messageOf(0, "Hi"), { template: null, from: null })).toBe(true);
  });
});

describe("the reply", () => {
  test("201: every recipient is accepted under the batch's id", () => {
    const batch = plainBatch(3);
    expect(sinch.readResponse(acceptedReply(batch), batch)).toEqual({
      outcomes: Array.from({ length: 3 }, () => ({
        kind: "accepted",
        providerMessageId: "01FC66621XXXXX119Z8PMV1QPQ",
      })),
      trouble: null,
    });
  });

  test.each(["+447900900000", "00447900900000", "44 7900 900000"])("201 with the number as %s", (number) => {
    const { outcomes } = read(plainBatch(1), 201, { id: "01FC", to: [number] });
    expect(outcomes).toEqual([{ kind: "accepted", providerMessageId: "01FC" }]);
  });

  test("201 for somebody else's call accepts nothing", () => {
    const { outcomes } = read(plainBatch(1), 201, { id: "01FC", to: [digits(0)], client_reference: "other" });
    expect(outcomes).toEqual([{ kind: "unknown", reason: "other-reference" }]);
  });

  test.each([
    { id: "", to: [digits(0)] },
    { id: 7, to: [digits(0)] },
    { id: "has space", to: [digits(0)] },
    { to: [digits(0)] },
    { id: "01FC" },
    { id: "01FC", to: digits(0) },
    { id: "01FC", to: null },
    [],
    null,
  ])("201 %j cannot be read", (body) => {
    expect(read(plainBatch(1), 201, body).outcomes).toEqual([{ kind: "unknown", reason: "unreadable" }]);
  });

  test("400 that names numbers rejects those and puts the others off", () => {
    const body = { code: "syntax_invalid_parameter_format", text: "Invalid MSISDN in to[1] and to[3]." };
    const { outcomes, trouble } = read(plainBatch(4), 400, body);
    expect(outcomes).toEqual([
      { kind: "later", reason: "batch-refused", usesTry: true },
      { kind: "rejected", reason: "invalid-recipient" },
      { kind: "later", reason: "batch-refused", usesTry: true },
      { kind: "rejected", reason: "invalid-recipient" },
    ]);
    expect(trouble).toBeNull();
  });

  test("400 in the other error shape names numbers, too", () => {
    const body = {
      error: { code: 400, message: "to[0] is invalid", status: "INVALID_ARGUMENT", details: [] },
    };
    expect(read(plainBatch(2), 400, body).outcomes).toEqual([
      { kind: "rejected", reason: "invalid-recipient" },
      { kind: "later", reason: "batch-refused", usesTry: true },
    ]);
  });

  test.each(["Invalid to[9].", "Invalid to[-1].", "Invalid to[1e0].", "goto[0]", ""])(
    "400 %j names nobody of ours",
    (text) => {
      const { outcomes } = read(plainBatch(2), 400, { code: "syntax_constraint_violation", text });
      expect(outcomes).toEqual([
        { kind: "later", reason: "batch-refused", usesTry: true },
        { kind: "later", reason: "batch-refused", usesTry: true },
      ]);
    },
  );

  test.each([
    ["syntax_constraint_violation", "syntax-constraint-violation"],
    ["syntax_invalid_json", "syntax-invalid-json"],
    ["something_new", "http-400"],
    ["constructor", "http-400"],
  ])("400 %s for one message rejects it", (code, reason) => {
    expect(read(plainBatch(1), 400, { code, text: "x" }).outcomes).toEqual([{ kind: "rejected", reason }]);
  });

  test("403 holds the account and says what to check", () => {
    const { trouble } = read(plainBatch(1), 403, { code: "missing_callback_url", text: "x" });
    expect(trouble).toMatchObject({ kind: "held", reason: "missing-callback-url", advice: /access key/ });
  });

  test.each([404, 405, 415])("%i is a configuration error and holds the account", (status) => {
    const { trouble, outcomes } = read(plainBatch(1), status, "");
    expect(trouble).toMatchObject({ kind: "held", reason: `http-${status}`, advice: /baseUrl/ });
    expect(outcomes).toMatchObject([{ kind: "later", usesTry: false }]);
  });
});

describe("the look-up", () => {
  const question: LookUpQuestion = {
    callId,
    openedAt: new Date("2026-11-22T12:00:00.000Z"),
    recipients: [numberAt(0), numberAt(1)],
  };
  const batch = (to: string[], more: object = {}) => ({ id: "01FC", to, client_reference: callId, ...more });
  const answer = (body: unknown, status = 200) => sinch.lookUp?.readResponse(reply(status, body), question);

  test("asks by our reference, from an hour before the attempt on", () => {
    expect(sinch.lookUp?.buildRequest(question, account)).toEqual({
      method: "GET",
      url: `https://zt.us.sms.api.sinch.com/xms/v1/project-1/batches?client_reference=${callId}&start_date=2026-11-22T11%3A00%3A00.000Z&page_size=30`,
      headers: { accept: "application/json" },
      body: null,
    });
  });

  test("a batch that is found names its id for the recipients it holds", () => {
    expect(answer({ count: 1, page: 0, page_size: 30, batches: [batch([digits(1)])] })).toEqual({
      kind: "answered",
      providerMessageIds: [null, "01FC"],
    });
  });

  test("an empty list says that Sinch has none of them", () => {
    expect(answer({ count: 0, page: 0, page_size: 30, batches: [] })).toEqual({
      kind: "answered",
      providerMessageIds: [null, null],
    });
  });

  test.each([
    [
      "a batch of another reference",
      { count: 1, batches: [batch([digits(0)], { client_reference: "other" })] },
    ],
    ["a batch without a reference", { count: 1, batches: [{ id: "01FC", to: [digits(0)] }] }],
    ["a list that is not whole", { count: 2, batches: [batch([digits(0)])] }],
    ["a count without a list", { count: 1, batches: [] }],
    ["a list of something else", { batches: ["01FC"] }],
    ["no list", { count: 0 }],
    ["a list with the wrong type", { count: 0, batches: {} }],
  ])("%s proves nothing", (_title, body) => {
    expect(answer(body)?.kind).toBe("no-answer");
  });
});
