// Sinch's answers to a send and to a look-up, by https://developers.sinch.com/docs/sms/api-reference.

import { describe, expect, test } from "vitest";
import type { Batch } from "../../src/domain/batch.ts";
import { providers } from "../../src/providers/index.ts";
import { accountOf, callId, numberAt, plainBatch, questionOf, reply } from "./support.ts";

const { sinch } = providers;
const account = accountOf("sinch");
const digits = (index: number) => numberAt(index).slice(1);
const read = (batch: Batch, status: number, body: unknown) => sinch.readResponse(reply(status, body), batch);

describe("the reply", () => {
  test("201: every recipient is accepted under the batch's id", () => {
    const body = {
      id: "01FC66621XXXXX119Z8PMV1QPQ",
      to: [digits(0), digits(1), digits(2)],
      from: "Volley",
      canceled: false,
      body: "Hello",
      type: "mt_text",
      created_at: "2026-01-01T00:00:00.000Z",
      client_reference: callId,
    };
    expect(read(plainBatch(3), 201, body)).toEqual({
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

  test.each([
    [{ code: "unknown_campaign", text: "x" }, "unknown-campaign", /access key.*blocked/],
    [{ code: "missing_callback_url", text: "x" }, "missing-callback-url", /publicUrl/],
    [{ error: { code: 403, message: "x", status: "FORBIDDEN" } }, "http-403", /access key/],
    ["", "http-403", /access key/],
  ])("403 %j holds the account and says what to check", (body, reason, advice) => {
    expect(read(plainBatch(1), 403, body).trouble).toMatchObject({ kind: "held", reason, advice });
  });

  test.each([404, 405, 415])("%i is a configuration error and holds the account", (status) => {
    const { trouble, outcomes } = read(plainBatch(1), status, "");
    expect(trouble).toMatchObject({ kind: "held", reason: `http-${status}`, advice: /region and baseUrl/ });
    expect(outcomes).toMatchObject([{ kind: "later", usesTry: false }]);
  });
});

describe("the look-up", () => {
  const question = questionOf(plainBatch(2));
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
      findings: [{ kind: "absent" }, { kind: "accepted", providerMessageId: "01FC" }],
    });
  });

  test("an empty list says that Sinch has none of them", () => {
    expect(answer({ count: 0, page: 0, page_size: 30, batches: [] })).toEqual({
      kind: "answered",
      findings: [{ kind: "absent" }, { kind: "absent" }],
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
