// Sinch's reports and inbound SMS, by https://developers.sinch.com/docs/sms/api-reference (Webhooks) and the codes of
// the official clients.

import { describe, expect, test } from "vitest";
import { UNLISTED_STATUS } from "../../src/domain/report.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";
import { callId } from "./support.ts";

const { reports } = providers.sinch;
if (reports === null) throw new Error("Sinch reports.");
const { readReports, readInbound } = reports;

const report = {
  type: "recipient_delivery_report_sms",
  batch_id: "01FC66621XXXXX119Z8PMV1QPQ",
  recipient: "447900900001",
  code: 0,
  status: "Delivered",
  at: "2026-01-01T00:00:05.123Z",
  operator_status_at: "2026-01-01T00:00:05Z",
  client_reference: callId,
};
const read = (change: object) => readReports(JSON.stringify({ ...report, ...change }));
const one = (change: object) => read(change)?.reports[0];

describe("a recipient's report", () => {
  test("names the batch, our call, the number with its plus, and the provider's time", () => {
    expect(read({})).toEqual({
      unreadable: 0,
      reports: [
        {
          about: {
            messageId: null,
            callId,
            providerMessageId: "01FC66621XXXXX119Z8PMV1QPQ",
            to: "+447900900001",
          },
          state: "delivered",
          reason: "delivered",
          code: "0",
          permanent: false,
          optedOut: false,
          at: new Date("2026-01-01T00:00:05.123Z"),
        },
      ],
    });
  });

  test("with the least that is documented is read", () => {
    const { type, batch_id, recipient, code, status, at } = report;
    const reading = readReports(JSON.stringify({ type, batch_id, recipient, code, status, at }));
    expect(reading).toMatchObject({ unreadable: 0, reports: [{ about: { callId: null } }] });
  });

  test.each([
    ["Queued", 400, "pending", "queued", false],
    ["Dispatched", 401, "pending", "dispatched", false],
    ["Delivered", 0, "delivered", "delivered", false],
    ["Failed", 0, "undelivered", "failed", false],
    ["Failed", 402, "undelivered", "unroutable", true],
    ["Failed", 403, "undelivered", "internal-error", false],
    ["Failed", 404, "undelivered", "temporary-failure", false],
    ["Failed", 150, "undelivered", "unknown-subscriber", true],
    ["Failed", 153, "undelivered", "absent-subscriber", false],
    ["Failed", 158, "undelivered", "memory-full", false],
    ["Failed", 61, "undelivered", "destination-blocked", true],
    ["Failed", 4, "undelivered", "routing-error", false],
    ["Failed", 5, "undelivered", "routing-error", true],
    ["Aborted", 405, "undelivered", "parameter-missing", true],
    ["Aborted", 411, "undelivered", "too-many-parts", true],
    ["Expired", 406, "undelivered", "expired", false],
    ["Expired", 0, "undelivered", "expired", false],
    ["Expired", 202, "undelivered", "absent-subscriber", false],
    ["Cancelled", 407, "undelivered", "cancelled", true],
    ["Rejected", 408, "undelivered", "rejected", true],
    ["Deleted", 0, "undelivered", "deleted", true],
    ["Unknown", 0, "no-word", "no-receipt", false],
  ])("%s with code %i is %s, %s", (status, code, state, reason, permanent) => {
    expect(one({ status, code })).toMatchObject({ state, reason, permanent, code: String(code) });
  });

  test.each([
    [410, "account-no-default-sender"],
    [412, "account-region-not-provisioned"],
    [413, "account-blocked"],
  ])("code %i says that it is about the account", (code, reason) => {
    expect(one({ status: "Aborted", code })).toMatchObject({ reason, permanent: true });
  });

  test.each([20, 409, 999, 9999])("an unexplained code %i is permanent and kept", (code) => {
    const expected = { reason: "failed", permanent: true, code: String(code) };
    expect(one({ status: "Failed", code })).toMatchObject(expected);
  });

  test("only the wording of a personal block list is an opt-out", () => {
    const codes = Array.from({ length: 1000 }, (_, code) => code);
    const optedOut = codes.filter((code) => one({ status: "Failed", code })?.optedOut);
    expect(optedOut).toEqual([255]);
    expect(one({ status: "Deleted", code: 0 })?.optedOut).toBe(false);
    expect(one({ status: "Delivered", code: 255 })?.optedOut).toBe(false);
  });

  test("every code that Sinch treats as temporary is, and no other", () => {
    const ranges =
      "0 4 14 18 40 50-52 56 70 71 73-76 101 102 106 107 109 111 112 114 153 155 158 159 161 162 164 200-203 207 210-212 214 215 217 322 350 360-362 370 399 403 404 406";
    const expected = ranges.split(" ").flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
    const codes = Array.from({ length: 1000 }, (_, code) => code);
    expect(codes.filter((code) => one({ status: "Failed", code })?.permanent === false)).toEqual(expected);
  });

  test.each([
    ["404", "404", false],
    [404, "404", false],
    ["x", null, true],
    [-1, null, true],
    [4.5, null, true],
    [null, null, true],
    [{}, null, true],
  ])("a code written as %j is kept as %j", (code, kept, permanent) => {
    expect(one({ status: "Failed", code })).toMatchObject({ state: "undelivered", code: kept, permanent });
  });

  test.each(["+447900900001", "00447900900001"])("the number may come as %s", (recipient) => {
    expect(one({ recipient })?.about.to).toBe("+447900900001");
  });

  test.each([["campaign 7"], [""], ["0000000A-0007-4000-8000-000000000001"], [7]])(
    "a reference %j is none of ours, the batch still is",
    (client_reference) => {
      expect(one({ client_reference })?.about).toMatchObject({ callId: null, to: "+447900900001" });
    },
  );

  test.each(["Arrived", "delivered", "constructor"])(
    "of the status %s, which is not listed, moves nothing",
    (status) => {
      expect(one({ status })).toMatchObject({ state: "pending", reason: UNLISTED_STATUS, optedOut: false });
    },
  );

  test.each([
    { status: "" },
    { status: 5 },
    { recipient: "handset" },
    { recipient: "" },
    { recipient: 447900900001 },
    { recipient: "4479009000011111111" },
    { batch_id: "" },
    { batch_id: "has space" },
    { batch_id: null },
  ])("%j cannot be read, and is counted", (change) => {
    expect(read(change)).toEqual({ reports: [], unreadable: 1 });
  });

  test.each(["yesterday", "1", "2026-13-01T00:00:00Z", "2026-01-01", 5, null])("no time in %j", (at) => {
    expect(one({ at })).toMatchObject({ state: "delivered", at: null });
  });
});

describe("a batch's report", () => {
  const batch = {
    type: "delivery_report_sms",
    batch_id: "01FC66621XXXXX119Z8PMV1QPQ",
    client_reference: callId,
    total_message_count: 3,
    statuses: [
      { code: 0, status: "Delivered", count: 2, recipients: ["447900900001", "447900900002"] },
      { code: 150, status: "Failed", count: 1, recipients: ["447900900003"] },
    ],
  };

  test("in full is one report for each recipient", () => {
    expect(readReports(JSON.stringify(batch))).toMatchObject({
      unreadable: 0,
      reports: [
        { state: "delivered", about: { to: "+447900900001", callId } },
        { state: "delivered", about: { to: "+447900900002", callId } },
        { state: "undelivered", reason: "unknown-subscriber", about: { to: "+447900900003" }, at: null },
      ],
    });
  });

  test("as a summary is about nobody by name: no report, and nothing unreadable", () => {
    const statuses = batch.statuses.map(({ recipients: _recipients, ...counts }) => counts);
    expect(readReports(JSON.stringify({ ...batch, statuses }))).toEqual({ reports: [], unreadable: 0 });
  });

  test("counts what it cannot read and keeps the rest", () => {
    const statuses = [
      { code: 0, status: "Delivered", recipients: ["447900900001", "x", 7] },
      { code: 0, status: "Delivered", recipients: "447900900001" },
      "Delivered",
    ];
    const reading = readReports(JSON.stringify({ ...batch, statuses }));
    expect(reading?.reports.length).toBe(1);
    expect(reading?.unreadable).toBe(4);
    expect(readReports(JSON.stringify({ ...batch, statuses: null }))).toEqual({ reports: [], unreadable: 1 });
  });

  test("in a list beside others is read item by item", () => {
    const reading = readReports(JSON.stringify([report, batch, { type: "mo_text" }, null]));
    expect(reading?.reports.length).toBe(4);
    expect(reading?.unreadable).toBe(2);
  });

  test.each(["[]", "{}", "null", "7", '"x"', "", "[[]]", '{"type":"delivery_report_mms"}'])(
    "%j holds no report",
    (body) => {
      expect(readReports(body)).toBeNull();
      expect(readInbound(body)).toBeNull();
    },
  );
});

describe("an inbound SMS", () => {
  const inbound = {
    type: "mo_text",
    id: "01XYZ",
    from: "447900900001",
    to: "54321",
    body: "STOP",
    operator_id: "23420",
    sent_at: "2026-01-01T00:00:00.000Z",
    received_at: "2026-01-01T00:00:01.000Z",
  };
  const readOne = (change: object) => readInbound(JSON.stringify({ ...inbound, ...change }));

  test("has sender, short code, text, id and time", () => {
    expect(readOne({})).toEqual({
      unreadable: 0,
      inbound: [
        {
          kind: "text",
          from: "+447900900001",
          to: "54321",
          text: sensitive("STOP"),
          providerMessageId: "01XYZ",
          at: new Date("2026-01-01T00:00:01.000Z"),
        },
      ],
    });
  });

  test.each(["mo_binary", "mo_media"])("of type %s has no text", (type) => {
    expect(readOne({ type, udh: "00", body: "U1RPUA==" })?.inbound).toMatchObject([
      { from: "+447900900001", text: null },
    ]);
  });

  test("from a name or a short code is counted, for nobody could be answered", () => {
    expect(readOne({ from: "Volley" })).toEqual({ inbound: [], unreadable: 1 });
    expect(readOne({ from: "54321" })).toEqual({ inbound: [], unreadable: 1 });
  });
});
