// What Infobip sends to us, by https://www.infobip.com/docs/api/channels/sms. The bodies in recorded/infobip were
// written by hand from these pages.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { providers } from "../../src/providers/index.ts";
import { callId, messageOf, numberAt } from "./support.ts";

const { reports } = providers.infobip;
const recorded = (name: string) =>
  readFileSync(new URL(`recorded/infobip/${name}.json`, import.meta.url), "utf8");
const idAt = (index: number) => `${messageOf(index, "").id}.${callId}`;
const delivered = { groupId: 3, id: 5 };

const readItems = (items: readonly unknown[]) => reports?.readReports(JSON.stringify({ results: items }));
const readOne = (item: object) => readItems([{ messageId: idAt(0), status: delivered, ...item }])?.reports[0];

describe("delivery reports", () => {
  test("of version 3 name our message and our call", () => {
    expect(reports?.readReports(recorded("reports-v3"))).toEqual({
      reports: [
        {
          about: { messageId: messageOf(0, "").id, callId, providerMessageId: idAt(0), to: numberAt(0) },
          state: "delivered",
          reason: "delivered",
          code: "5",
          permanent: false,
          optedOut: false,
          // 01:00:04 by a clock one hour ahead of UTC.
          at: new Date("2026-01-01T00:00:04.000Z"),
        },
        {
          about: { messageId: messageOf(1, "").id, callId, providerMessageId: idAt(1), to: numberAt(1) },
          state: "undelivered",
          reason: "unknown-subscriber",
          code: "1",
          permanent: true,
          optedOut: false,
          at: new Date("2026-01-01T00:00:05.000Z"),
        },
      ],
      unreadable: 0,
    });
  });

  test("of version 2 are read alike, and an id that is not ours names the provider's message alone", () => {
    expect(reports?.readReports(recorded("reports-v2"))).toMatchObject({
      reports: [
        {
          about: { messageId: null, callId: null, providerMessageId: "MESSAGE-ID-123-xyz", to: numberAt(0) },
          state: "delivered",
        },
      ],
      unreadable: 0,
    });
  });

  test.each([
    `${idAt(0)}.x`,
    idAt(0).toUpperCase(),
    messageOf(0, "").id,
    `${messageOf(0, "").id}.`,
    `${messageOf(0, "").id}:${callId}`,
    `x${idAt(0)}`,
  ])("an id %j has not exactly our form", (messageId) => {
    const about = { messageId: null, callId: null, providerMessageId: messageId };
    expect(readOne({ messageId })?.about).toMatchObject(about);
  });

  test("two thousand come in one request", () => {
    const items = Array.from({ length: 2_000 }, (_, index) => ({
      messageId: idAt(index),
      status: delivered,
    }));
    expect(readItems(items)).toMatchObject({ unreadable: 0, reports: { length: 2_000 } });
  });

  test("the readable ones are read beside those that are not, which are counted", () => {
    const items = [
      { messageId: idAt(0), status: delivered },
      { status: delivered },
      { messageId: "has space", status: delivered },
      { messageId: "x".repeat(201), status: delivered },
      { messageId: idAt(1) },
      null,
      "x",
    ];
    expect(readItems(items)).toMatchObject({
      unreadable: 6,
      reports: [{ about: { providerMessageId: idAt(0) } }],
    });
  });

  test.each(["{}", "[]", "null", '"x"', "<results/>", '{"results":{}}', '{"results":[1]}'])(
    "%s holds none",
    (body) => {
      expect(reports?.readReports(body)).toBeNull();
      expect(reports?.readInbound(body)).toBeNull();
    },
  );

  test("an empty list is read, and says nothing", () => {
    expect(reports?.readReports('{"results":[]}')).toEqual({ reports: [], unreadable: 0 });
  });

  test.each([
    ["2026-01-01T00:00:00.000+0000", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01T00:00:00.000+0100", "2025-12-31T23:00:00.000Z"],
    ["2026-01-01T00:00:00.000-0330", "2026-01-01T03:30:00.000Z"],
    ["2026-07-01T12:00:00+02:00", "2026-07-01T10:00:00.000Z"],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"],
  ])("the time %s is %s", (doneAt, at) => {
    expect(readOne({ doneAt })?.at).toEqual(new Date(at));
  });

  test.each([
    "2026-01-01",
    "2026-13-01T00:00:00.000+0000",
    "2026-01-01T00:00:00.000",
    "2026-01-01T00:00:00.000+9900",
    "yesterday",
    1_767_225_600_000,
    null,
  ])("%j is no time, and the report stands without it", (doneAt) => {
    expect(readOne({ doneAt })).toMatchObject({ state: "delivered", at: null });
  });

  test("the time of sending stands in for one that is missing", () => {
    expect(readOne({ sentAt: "2026-01-01T00:00:00.000+0000" })?.at).toEqual(new Date("2026-01-01T00:00:00Z"));
  });

  test.each(["123", "Volley", "", 447900900000, "447900900000x", null])("%j is nobody's number", (to) => {
    expect(readOne({ to })).toMatchObject({ about: { to: null }, state: "delivered" });
  });

  test("are not signed, because nobody has described how", () => {
    expect(reports?.isSigned).toBeNull();
  });
});

describe("inbound SMS", () => {
  test("has its sender, the number written to, and its whole text", () => {
    const reading = reports?.readInbound(recorded("inbound"));
    expect(reading).toMatchObject({
      inbound: [
        {
          kind: "text",
          from: numberAt(0),
          to: "447491163530",
          providerMessageId: "817790313235066447",
          at: new Date("2026-01-01T00:00:00.000Z"),
        },
      ],
      unreadable: 0,
    });
    expect(reading?.inbound[0]?.text?.reveal()).toBe("STOP");
  });

  test("from a sender without a number is counted, and one without a text is read", () => {
    const receivedAt = "2026-01-01T00:00:00.000+0000";
    const items = [
      { from: "INFO", to: "447491163530", text: "x", receivedAt },
      { from: "447900900000", receivedAt },
    ];
    expect(reports?.readInbound(JSON.stringify({ results: items }))).toEqual({
      inbound: [
        {
          kind: "text",
          from: numberAt(0),
          to: null,
          text: null,
          providerMessageId: null,
          at: new Date(receivedAt.replace("+0000", "Z")),
        },
      ],
      unreadable: 1,
    });
  });

  test("and reports do not come to each other's door", () => {
    expect(reports?.readInbound(recorded("reports-v3"))).toBeNull();
    expect(reports?.readReports(recorded("inbound"))).toBeNull();
  });
});
