// SMS.CX's replies, by the codes and states of https://github.com/smscx/smscx-api-php-library/tree/main/docs.

import { describe, expect, test } from "vitest";
import type { Batch } from "../../src/domain/batch.ts";
import { providers } from "../../src/providers/index.ts";
import type { LookUpAnswer } from "../../src/providers/provider.ts";
import { acceptedReply, errorBody, msgId, recorded } from "./smscx-bodies.ts";
import {
  accountOf,
  type callId,
  numberAt,
  plainBatch,
  questionOf,
  reply,
  reportAccess,
  templateBatch,
} from "./support.ts";

const { smscx } = providers;
const account = accountOf("smscx");
const keyAccount = accountOf("smscx", { login: { apiKey: "key~s3cret" } });
const read = (batch: Batch, status: number, body: unknown, headers = {}) =>
  smscx.readResponse(reply(status, body, headers), batch);

describe("the reply", () => {
  test("200: each number is accepted under its own id, in whatever order, with any sender", () => {
    expect(read({ ...plainBatch(2), from: "Volley" }, 200, recorded("accepted"))).toEqual({
      outcomes: [
        { kind: "accepted", providerMessageId: msgId(0) },
        { kind: "accepted", providerMessageId: msgId(1) },
      ],
      trouble: null,
    });
  });

  test("200: each refusal is its own number's", () => {
    expect(read(plainBatch(6), 200, recorded("partly-refused"))).toEqual({
      outcomes: [
        { kind: "accepted", providerMessageId: msgId(0) },
        { kind: "rejected", reason: "opted-out" },
        { kind: "rejected", reason: "no-coverage" },
        { kind: "rejected", reason: "invalid-recipient" },
        { kind: "unknown", reason: "unlisted-status" },
        { kind: "unknown", reason: "not-in-response" },
      ],
      trouble: null,
    });
  });

  test("200 for somebody else's call accepts nothing", () => {
    const other = { ...plainBatch(1), callId: "11111111-1111-4111-8111-111111111111" as typeof callId };
    const reading = smscx.readResponse(acceptedReply(other), plainBatch(1));
    expect(reading.outcomes).toEqual([{ kind: "unknown", reason: "other-reference" }]);
  });

  test("200 without our reference, which SMS.CX may drop, is matched by number", () => {
    const data = [{ msgId: "m-1", status: "ACCEPTED", to: "447900900000" }];
    expect(read(plainBatch(1), 200, { data }).outcomes).toEqual([
      { kind: "accepted", providerMessageId: "m-1" },
    ]);
  });

  test("200 that accepts under an id that is none is an acceptance without an id", () => {
    for (const id of ["", 7, null, "has space", "a".repeat(129)]) {
      const data = [{ msgId: id, status: "ACCEPTED", to: numberAt(0) }];
      expect(read(plainBatch(1), 200, { data }).outcomes).toEqual([
        { kind: "accepted", providerMessageId: null },
      ]);
    }
  });

  test.each([{}, { data: null }, { data: {} }, { info: { invalid: [numberAt(0)] } }, [], null])(
    "200 %j cannot be read",
    (body) => {
      expect(read(plainBatch(1), 200, body).outcomes).toEqual([{ kind: "unknown", reason: "unreadable" }]);
    },
  );

  test("429 waits until the moment that the reply names, by the server's own clock", () => {
    const date = "Thu, 01 Jan 2026 00:00:00 GMT";
    const at = (seconds: number) => String(Date.parse(date) / 1_000 + seconds);
    const waitMs = (headers: Record<string, string>) =>
      read(plainBatch(1), 429, errorBody("rate_limit"), headers).trouble;
    const throttled = (retryAfterMs: number | null) => ({ kind: "throttled", retryAfterMs });
    expect(waitMs({ date, "x-rate-limit-reset": at(30) })).toEqual(throttled(30_000));
    expect(waitMs({ date, "x-rate-limit-reset": at(-30) })).toEqual(throttled(1_000));
    expect(waitMs({ date, "x-rate-limit-reset": at(86_400) })).toEqual(throttled(900_000));
    for (const reset of ["", "30", "-1", "1e9", "abc", "17672256001"]) {
      expect(waitMs({ date, "x-rate-limit-reset": reset })).toEqual(throttled(null));
    }
    expect(waitMs({ "x-rate-limit-reset": at(30) })).toEqual(throttled(null));
    expect(waitMs({ date: "soon", "x-rate-limit-reset": at(30) })).toEqual(throttled(null));
  });
});

describe("a refusal", () => {
  // https://github.com/smscx/smscx-api-php-library/blob/main/docs/Api/SmsApi.md, "Errors for POST /sms"
  test.each([
    [400, "invalid_param", 1104, "recipient-missing"],
    [400, "invalid_param", 1105, "sender-missing"],
    [400, "invalid_param", 1106, "sender-invalid"],
    [400, "invalid_param", 1107, "text-missing"],
    [400, "invalid_param", 1108, "schedule-invalid"],
    [400, "invalid_param", 1110, "alphabet-invalid"],
    [400, "invalid_param", 1111, "reference-invalid"],
    [400, "invalid_param", 1112, "placeholder-invalid"],
    [400, "invalid_param", 1116, "schedule-invalid"],
    [400, "invalid_param", 1135, "alphabet-invalid"],
    [400, "invalid_param", 1136, "placeholder-invalid"],
    [400, "invalid_param", 1137, "placeholder-invalid"],
    [400, "invalid_param", 1140, "group-invalid"],
    [400, "invalid_param", 1503, "alphabet-invalid"],
    [400, "invalid_body", undefined, "invalid-body"],
  ])("%i %s %s is every message's, as %s", (status, type, code, reason) => {
    expect(read(plainBatch(2), status, errorBody(type, code))).toEqual({
      outcomes: [
        { kind: "rejected", reason },
        { kind: "rejected", reason },
      ],
      trouble: null,
    });
  });

  test.each([
    [400, "invalid_param", 1103, "too-many-recipients"],
    [400, "invalid_param", 1207, "invalid-recipient"],
    [400, "invalid_param", 1210, "invalid-recipient"],
    [400, "invalid_param", 1999, "invalid-param"],
    [400, "something_new", undefined, "http-400"],
    [400, "constructor", undefined, "http-400"],
    [403, "no_coverage", 1119, "no-coverage"],
    [403, "no_coverage", undefined, "no-coverage"],
  ])("%i %s %s is some number's: the batch comes again smaller, and one alone is out, as %s", (...row) => {
    const [status, type, code, reason] = row;
    const later = { kind: "later", reason: "batch-refused", usesTry: true };
    expect(read(plainBatch(2), status, errorBody(type, code))).toEqual({
      outcomes: [later, later],
      trouble: null,
    });
    expect(read(plainBatch(1), status, errorBody(type, code))).toEqual({
      outcomes: [{ kind: "rejected", reason }],
      trouble: null,
    });
  });

  test.each([
    [400, "insufficient_credit", 1113, "insufficient-credit", /Top it up/],
    [400, "insufficient_credit", undefined, "insufficient-credit", /Top it up/],
    [400, "insufficient_credit", 1114, "credit-limit", /raise it/],
    [400, "invalid_param", 1109, "report-url-invalid", /publicUrl/],
    [403, "insufficient_scope", undefined, "scope-missing", /scope "sms"/],
    [403, "access_denied", 1118, "access-denied", /IP addresses/],
    [403, "something_new", undefined, "http-403", /scope "sms"/],
    [404, "not_found", 1100, "http-404", /baseUrl/],
    [405, "invalid_method", undefined, "http-405", /baseUrl/],
    [415, "", undefined, "http-415", /baseUrl/],
  ])("%i %s %s is the account's: held as %s, and no message loses a try", (...row) => {
    const [status, type, code, reason, advice] = row;
    const reading = read(plainBatch(2), status, errorBody(type, code));
    expect(reading.trouble).toMatchObject({ kind: "held", reason, advice: expect.stringMatching(advice) });
    const later = { kind: "later", reason, usesTry: false };
    expect(reading.outcomes).toEqual([later, later]);
  });

  test("for lack of credit holds the account, though it is a 400", () => {
    const { trouble } = read(plainBatch(1), 400, recorded("insufficient-credit"));
    expect(trouble).toMatchObject({ kind: "held", reason: "insufficient-credit" });
  });

  test("that names numbers is theirs; the others come again, wherever the list stands", () => {
    const named = JSON.parse(recorded("invalid-numbers"));
    const inside = { error: { ...named.error, invalid: named.invalid } };
    for (const body of [named, inside]) {
      expect(read(plainBatch(3), 400, body)).toEqual({
        outcomes: [
          { kind: "later", reason: "batch-refused", usesTry: true },
          { kind: "rejected", reason: "invalid-recipient" },
          { kind: "later", reason: "batch-refused", usesTry: true },
        ],
        trouble: null,
      });
    }
  });

  test.each(["invalid_api_key", "invalid_client", "something_new"])("401 %s is the token's", (type) => {
    expect(read(plainBatch(1), 401, errorBody(type)).trouble).toEqual({ kind: "token-rejected" });
  });

  test("of an id that was used before leaves the messages unknown, and the account well", () => {
    const unknown = { kind: "unknown", reason: "duplicate-idempotency-id" };
    for (const body of [JSON.parse(recorded("duplicate-id")), errorBody("duplicate_value")]) {
      expect(read(plainBatch(2), 400, body)).toEqual({ outcomes: [unknown, unknown], trouble: null });
    }
  });
});

describe("asking by sending again", () => {
  const question = (size: number) => questionOf({ ...plainBatch(size), from: "Volley" });
  const answer = (size: number, status: number, body: unknown): LookUpAnswer | undefined =>
    smscx.lookUp?.readResponse(reply(status, body), question(size));

  test("is the very same call, byte by byte", () => {
    const reporting = accountOf("smscx", { reports: reportAccess() });
    const shared = templateBatch("Closed today", [[], [], []]);
    for (const batch of [plainBatch(3), shared, { ...shared, messages: [...shared.messages].reverse() }]) {
      for (const login of [account, keyAccount, reporting]) {
        const first = smscx.buildRequest(batch, login);
        const again = smscx.lookUp?.buildRequest(questionOf(batch), login);
        expect(again?.body?.reveal()).toBe(first.body?.reveal());
        expect({ ...again, body: null }).toEqual({ ...first, body: null });
      }
    }
    expect(smscx.lookUp).toMatchObject({ sendsAgain: true, messagesMax: 25_000 });
  });

  test("tells of each message what the first call would have told", () => {
    expect(answer(6, 200, recorded("partly-refused"))).toEqual({
      kind: "answered",
      findings: [
        { kind: "accepted", providerMessageId: msgId(0) },
        { kind: "rejected", reason: "opted-out" },
        { kind: "rejected", reason: "no-coverage" },
        { kind: "rejected", reason: "invalid-recipient" },
        { kind: "undecided" },
        { kind: "undecided" },
      ],
    });
  });

  test("duplicate_id proves the first call, without ids", () => {
    const accepted = { kind: "accepted", providerMessageId: null };
    expect(answer(2, 400, recorded("duplicate-id"))).toEqual({
      kind: "answered",
      findings: [accepted, accepted],
    });
  });

  test("a refusal decides about the numbers that it names, and lets nothing be sent anew", () => {
    expect(answer(3, 400, recorded("invalid-numbers"))).toEqual({
      kind: "answered",
      findings: [
        { kind: "undecided" },
        { kind: "rejected", reason: "invalid-recipient" },
        { kind: "undecided" },
      ],
    });
    expect(answer(2, 403, errorBody("no_coverage", 1119))).toEqual({
      kind: "answered",
      findings: [{ kind: "undecided" }, { kind: "undecided" }],
    });
    expect(answer(1, 400, errorBody("invalid_param", 1106))).toEqual({
      kind: "answered",
      findings: [{ kind: "rejected", reason: "sender-invalid" }],
    });
  });

  test.each([
    [400, errorBody("something_new"), { kind: "failing", reason: "http-400" }],
    [400, errorBody("insufficient_credit", 1113), { kind: "held", reason: "insufficient-credit" }],
    [401, errorBody("invalid_client"), { kind: "token-rejected" }],
    [403, errorBody("insufficient_scope"), { kind: "held", reason: "scope-missing" }],
    [404, "", { kind: "held", reason: "http-404" }],
    [429, errorBody("rate_limit"), { kind: "throttled", retryAfterMs: null }],
    [500, errorBody("server_error"), { kind: "failing", reason: "http-500" }],
    [200, "<html>", { kind: "failing", reason: "unreadable" }],
  ])("%i %j is no answer", (status, body, trouble) => {
    for (const size of [1, 2]) {
      expect(answer(size, status, body)).toMatchObject({ kind: "no-answer", trouble });
    }
  });
});
