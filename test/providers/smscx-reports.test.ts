// What SMS.CX sends to us, by https://github.com/smscx/smscx-api-php-library/tree/main/docs/Model (DataDlrUpdate,
// DataReceiveSms, DataNewOptout).

import { describe, expect, test } from "vitest";
import { providers } from "../../src/providers/index.ts";
import { msgId, recorded } from "./smscx-bodies.ts";
import { callId, numberAt } from "./support.ts";

const { smscx } = providers;

describe("reports", () => {
  const item = { msgId: "m-1", status: "DELIVERED", datetime: "2026-01-01 00:00:09" };
  const readReports = (...data: unknown[]) =>
    smscx.reports?.readReports(JSON.stringify({ event: "dlr_update", data }));
  const first = (more: object) => readReports({ ...item, ...more })?.reports[0];

  test("name a message by the vendor's id and, where it is there, by our call", () => {
    expect(smscx.reports?.readReports(recorded("reports"))).toEqual({
      unreadable: 0,
      reports: [
        {
          about: { messageId: null, callId, providerMessageId: msgId(0), to: null },
          state: "delivered",
          reason: "delivered",
          code: "5",
          permanent: false,
          optedOut: false,
          at: new Date("2026-01-01T00:00:09Z"),
        },
        {
          about: { messageId: null, callId: null, providerMessageId: msgId(1), to: null },
          state: "undelivered",
          reason: "failed",
          code: "27",
          permanent: true,
          optedOut: false,
          at: new Date("2026-01-01T00:00:10Z"),
        },
      ],
    });
  });

  test.each([
    ["ACCEPTED", "pending", "accepted", false, false],
    ["SCHEDULED", "pending", "scheduled", false, false],
    ["SENT", "pending", "sent", false, false],
    ["DELIVERED", "delivered", "delivered", false, false],
    ["FAILED", "undelivered", "failed", true, false],
    ["REJECTED", "undelivered", "opted-out", true, true],
    ["NO COVERAGE", "undelivered", "no-coverage", true, false],
    ["BRAND NEW", "pending", "unlisted-status", false, false],
    ["constructor", "pending", "unlisted-status", false, false],
  ])("%s: %s", (status, state, reason, permanent, optedOut) => {
    expect(first({ status })).toMatchObject({ state, reason, permanent, optedOut });
  });

  test.each([
    [{ statusCode: 5, errorCode: null }, "5"],
    [{ statusCode: 7, errorCode: 0 }, "0"],
    [{ statusCode: "7" }, "7"],
    [{ statusCode: -1 }, null],
    [{ statusCode: 1.5 }, null],
    [{ statusCode: 1e21 }, null],
    [{ statusCode: "free text" }, null],
    [{}, null],
  ])("%j has the code %s", (codes, code) => {
    expect(first(codes)?.code).toBe(code);
  });

  test.each([
    "2026-02-30 00:00:00",
    "2026-01-01T00:00:00Z",
    "2026-01-01 24:00:00",
    "0000-00-00 00:00:00",
    "",
    7,
  ])("%j is no date", (datetime) => {
    expect(first({ datetime })?.at).toBeNull();
  });

  test.each(["C0FFEE00-0000-4000-8000-000000000001", "our own", "", 7])(
    "a reference %j is not a call of ours",
    (trackData) => expect(first({ trackData })?.about.callId).toBeNull(),
  );

  test("without a state, or without anything that names a message, are counted and not read", () => {
    const reading = readReports(item, { ...item, status: 5 }, { ...item, msgId: "has space" }, null, "x", []);
    expect(reading?.reports).toHaveLength(1);
    expect(reading?.unreadable).toBe(5);
    for (const data of [null, {}, 7]) {
      const body = JSON.stringify({ event: "dlr_update", data });
      expect(smscx.reports?.readReports(body)).toEqual({ reports: [], unreadable: 1 });
    }
  });

  test("two hundred in one request are all read", () => {
    const reading = readReports(
      ...Array.from({ length: 200 }, (_, index) => ({ ...item, msgId: `m${index}` })),
    );
    expect(new Set(reading?.reports.map(({ about }) => about.providerMessageId)).size).toBe(200);
  });

  test("of other events are nothing, and a stranger's body is nobody's", () => {
    for (const event of ["shortlink_hit", "attachment_hit", "receive_viber", "receive_whatsapp", "new_one"]) {
      const body = JSON.stringify({ event, data: [{ phoneNumber: numberAt(0), text: "STOP" }] });
      expect(smscx.reports?.readReports(body)).toEqual({ reports: [], unreadable: 0 });
      expect(smscx.reports?.readInbound(body)).toEqual({ inbound: [], unreadable: 0 });
    }
    for (const body of ["", "null", "[]", "{}", '{"event":7}', '{"type":"mo_text"}']) {
      expect(smscx.reports?.readReports(body)).toBeNull();
      expect(smscx.reports?.readInbound(body)).toBeNull();
    }
  });
});

describe("inbound", () => {
  test("an SMS has its sender, the number it came to, and its text", () => {
    const reading = smscx.reports?.readInbound(recorded("inbound"));
    expect(reading).toEqual({
      unreadable: 0,
      inbound: [
        {
          kind: "text",
          from: numberAt(0),
          to: "88600",
          text: reading?.inbound[0]?.text,
          providerMessageId: "feed0000-0000-4000-8000-000000000001",
          at: new Date("2026-01-01T00:00:00Z"),
        },
      ],
    });
    expect(reading?.inbound[0]?.text?.reveal()).toBe("STOP");
  });

  test("an opt-out needs a number; one without is counted", () => {
    expect(smscx.reports?.readInbound(recorded("opt-outs"))).toEqual({
      unreadable: 1,
      inbound: [
        {
          kind: "opt-out",
          from: numberAt(1),
          to: null,
          text: null,
          providerMessageId: null,
          at: new Date("2026-01-01T00:00:00Z"),
        },
      ],
    });
  });

  test("a number without its plus is the same person", () => {
    const body = JSON.stringify({ event: "new_optout", data: [{ phoneNumber: "447900900000" }] });
    expect(smscx.reports?.readInbound(body)?.inbound[0]?.from).toBe(numberAt(0));
  });

  test.each(["447900900000x", "InfoText", "", "+1", null])("%j is nobody who can write", (from) => {
    const body = JSON.stringify({ event: "receive_sms", data: [{ from, text: "STOP" }] });
    expect(smscx.reports?.readInbound(body)).toEqual({ inbound: [], unreadable: 1 });
  });
});
