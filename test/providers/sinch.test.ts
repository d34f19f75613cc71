// Sinch: conformance, and the exact bytes of its requests, by https://developers.sinch.com/docs/sms/api-reference.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Sinch's placeholders look like JavaScript's.

import { describe, expect, test } from "vitest";
import { type Batch, cutRequests } from "../../src/domain/batch.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";
import { describeProvider } from "./conformance.ts";
import {
  accountOf,
  callId,
  messageOf,
  numberAt,
  plainBatch,
  reply,
  reportAccess,
  reportUrl,
  templateBatch,
  templateOf,
} from "./support.ts";

const { sinch } = providers;
const account = accountOf("sinch");
const planAccount = accountOf("sinch", {
  login: { servicePlanId: "plan/1", apiToken: "api-token" },
  region: "au",
});
const BATCH_ID = "01FC66621XXXXX119Z8PMV1QPQ";
const digits = (index: number) => numberAt(index).slice(1);

function acceptedReply(batch: Batch) {
  // The documented 201, the numbers without a plus.
  return reply(201, {
    id: BATCH_ID,
    to: batch.messages.map(({ to }) => to.slice(1)),
    from: "Volley",
    canceled: false,
    body: "Hi ${n}",
    type: "mt_text",
    created_at: "2026-01-01T00:00:00.000Z",
    client_reference: batch.callId,
  });
}

/** The documented list, the newest first; a batch that is not there is not in it. */
function foundReply({ callId, messages }: Batch) {
  const batches = [{ id: BATCH_ID, to: messages.map(({ to }) => to.slice(1)), client_reference: callId }];
  const found = messages.length === 0 ? [] : batches;
  return reply(200, { count: found.length, page: 0, page_size: 30, batches: found });
}

/** The documented report about a batch. */
function askedReply({ callId, messages }: Batch) {
  const recipients = messages.map(({ to }) => to.slice(1));
  return reply(200, {
    type: "delivery_report_sms",
    batch_id: BATCH_ID,
    total_message_count: recipients.length,
    statuses: [{ code: 0, status: "Delivered", count: recipients.length, recipients }],
    client_reference: callId,
  });
}

describeProvider({
  provider: sinch,
  account,
  acceptedReply,
  itemsAt: ["to"],
  foundReply,
  askedReply,
  deliveredReport: ({ callId, messages }) => ({
    type: "recipient_delivery_report_sms",
    batch_id: BATCH_ID,
    recipient: messages[0]?.to.slice(1),
    code: 0,
    status: "Delivered",
    at: "2026-01-01T00:00:05.123Z",
    operator_status_at: "2026-01-01T00:00:05Z",
    client_reference: callId,
    applied_originator: "Volley",
    number_of_message_parts: 1,
    encoding: "GSM",
    operator: "23420",
  }),
  inbound: {
    type: "mo_text",
    id: "01XYZ",
    from: digits(0),
    to: "54321",
    body: "STOP",
    operator_id: "23420",
    sent_at: "2026-01-01T00:00:00.000Z",
    received_at: "2026-01-01T00:00:01.000Z",
  },
});

const sent = (batch: Batch) => JSON.parse(sinch.buildRequest(batch, account).body?.reveal() ?? "");

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
    expect(sinch.authorization(planAccount, null)?.reveal()).toBe("Bearer api-token");
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

  // https://developers.sinch.com/docs/sms/api-reference (Batches: delivery_report, callback_url)
  test("asks for each recipient's last report, at the account's address, when the account takes reports", () => {
    const reporting = accountOf("sinch", { reports: reportAccess() });
    const request = sinch.buildRequest(templateBatch("Hi {{n}}", [["Ana"], ["Bo"]]), reporting);
    expect(request.body?.reveal()).toBe(
      `{"from":"Volley","to":["447900900000","447900900001"],"body":"Hi \${p0}","parameters":{"p0":{"447900900000":"Ana","447900900001":"Bo"}},"type":"mt_text","delivery_report":"per_recipient_final","callback_url":"${reportUrl}","client_reference":"${callId}"}`,
    );
  });

  test("is not built with a longer address for reports than Sinch takes", () => {
    const withUrl = (length: number) =>
      accountOf("sinch", { reports: reportAccess({ url: sensitive("u".repeat(length)) }) });
    expect(sinch.buildRequest(plainBatch(1), withUrl(2_048)).body?.reveal()).toContain("u".repeat(2_048));
    expect(() => sinch.buildRequest(plainBatch(1), withUrl(2_049))).toThrow();
  });

  test("carries 1000 recipients, and the 1001st travels in another", () => {
    const { messages } = plainBatch(1_001);
    const bounds = { batchMax: sinch.facts.batchMax, segmentsMax: 10_000, mayShare: () => true };
    const requests = cutRequests(messages, bounds);
    const numbers = requests.map((part) => sent({ ...plainBatch(0), messages: part }).to);
    expect(numbers.map((to) => to.length)).toEqual([1_000, 1]);
    expect(new Set(numbers.flat()).size).toBe(1_001);
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
