// Infobip's codes, each with what we make of it, written by hand from
// https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes.

import { describe, expect, test } from "vitest";
import { providers } from "../../src/providers/index.ts";
import { callId, messageOf, plainBatch, questionOf, reply } from "./support.ts";

const { infobip } = providers;
const batch = plainBatch(1);
const messageId = `${messageOf(0, "").id}.${callId}`;

/** One status in a reply, in the logs, and in a report. */
function readEverywhere(status: object, error?: object) {
  const item = { messageId, to: "447900900000", status, ...(error === undefined ? {} : { error }) };
  const [outcome] = infobip.readResponse(reply(200, { messages: [item] }), batch).outcomes;
  const answer = infobip.lookUp?.readResponse(reply(200, { results: [item] }), questionOf(batch));
  const [report] = infobip.reports?.readReports(JSON.stringify({ results: [item] }))?.reports ?? [];
  return { outcome, finding: answer?.kind === "answered" ? answer.findings[0] : undefined, report };
}

const accepted = { kind: "accepted", providerMessageId: messageId };
const rejected = (reason: string) => ({ kind: "rejected", reason });
const later = (reason: string, usesTry = true) => ({ kind: "later", reason, usesTry });
const unknown = (reason: string) => ({ kind: "unknown", reason });
const absent = { kind: "absent" };
const undecided = { kind: "undecided" };
const pending = (reason: string) => ({ state: "pending", reason, permanent: false, optedOut: false });
const undelivered = (reason: string, permanent: boolean, optedOut = false) => ({
  state: "undelivered",
  reason,
  permanent,
  optedOut,
});
const refusal = (reason: string, optedOut = false) =>
  [rejected(reason), rejected(reason), undelivered(reason, true, optedOut)] as const;

describe("a status", () => {
  test.each([
    // [group, id, in a reply, in the logs, in a report]
    [1, 3, accepted, accepted, pending("waiting-delivery")],
    [1, 7, accepted, accepted, pending("en-route")],
    [1, 26, accepted, accepted, pending("accepted")],
    [0, 26, accepted, accepted, pending("accepted")],
    [2, 4, rejected("rejected-by-operator"), accepted, undelivered("rejected-by-operator", false)],
    [2, 9, rejected("not-delivered"), accepted, undelivered("not-delivered", true)],
    [2, 31, later("not-sent"), absent, undelivered("not-sent", false)],
    [3, 2, accepted, accepted, pending("delivered-to-operator")],
    [
      3,
      5,
      accepted,
      accepted,
      { state: "delivered", reason: "delivered", permanent: false, optedOut: false },
    ],
    [4, 15, unknown("expired"), accepted, undelivered("expired", false)],
    [
      4,
      29,
      unknown("no-report-from-operator"),
      accepted,
      { state: "no-word", reason: "no-report-from-operator", permanent: false, optedOut: false },
    ],
    [4, 87, ...refusal("blocked-as-fraud")],
    [5, 87, ...refusal("blocked-as-fraud")],
    [5, 6, ...refusal("network-not-covered")],
    [5, 8, ...refusal("invalid-recipient")],
    [5, 10, ...refusal("do-not-disturb", true)],
    [5, 11, ...refusal("sender-not-registered")],
    [5, 12, later("out-of-credit", false), absent, undelivered("out-of-credit", false)],
    [5, 13, ...refusal("sender-blocked")],
    [5, 14, ...refusal("recipient-blocked")],
    [5, 17, later("credit-expired", false), absent, undelivered("credit-expired", false)],
    [5, 18, ...refusal("recipient-not-registered")],
    [5, 19, later("no-route", false), absent, undelivered("no-route", false)],
    [5, 20, later("flooding"), absent, undelivered("flooding", false)],
    [5, 21, later("system-error"), absent, undelivered("system-error", false)],
    [5, 23, unknown("duplicate-message-id"), undecided, pending("duplicate-message-id")],
    [5, 24, ...refusal("invalid-header")],
    [5, 25, ...refusal("text-too-long")],
    [5, 51, ...refusal("missing-recipient")],
    [5, 52, ...refusal("invalid-recipient")],
    [5, 99, ...refusal("declined")],
    [5, 100, later("rejected-by-platform"), absent, undelivered("rejected-by-platform", false)],
  ])("of group %i, id %i", (groupId, id, outcome, finding, report) => {
    const read = readEverywhere({ groupId, groupName: "X", id, name: "Y", description: "Z" });
    expect(read).toMatchObject({ outcome, finding, report: { ...report, code: String(id) } });
    // The id alone says the same.
    expect(readEverywhere({ id })).toEqual(read);
  });

  test.each([
    [0, accepted, accepted, pending("accepted")],
    [1, accepted, accepted, pending("pending")],
    [2, unknown("undeliverable"), accepted, undelivered("undeliverable", true)],
    [3, accepted, accepted, { state: "delivered", reason: "delivered" }],
    [4, unknown("expired"), accepted, undelivered("expired", false)],
    [5, ...refusal("refused-by-provider")],
  ])("of group %i that is not listed is read by its group", (groupId, outcome, finding, report) => {
    expect(readEverywhere({ groupId, id: 9_999 })).toMatchObject({ outcome, finding, report });
    expect(readEverywhere({ groupId })).toMatchObject({ outcome, finding, report });
  });

  test.each([
    { id: 9_999 },
    { id: 9_999, groupId: 6 },
    { groupId: -1 },
    { id: "26", groupId: "1" },
    { id: 26.5 },
    // Accepted, of the refused ones.
    { id: 26, groupId: 5 },
    {},
  ])("%j is not understood, and neither accepts nor ends anything", (status) => {
    expect(readEverywhere(status)).toMatchObject({
      outcome: unknown("unlisted-status"),
      finding: undecided,
      report: pending("unlisted-status"),
    });
  });

  test.each([
    [12, "out-of-credit", /credit/],
    [17, "credit-expired", /credit/],
    [19, "no-route", /route/],
  ])("%i holds the account and says what to do", (id, reason, advice) => {
    const items = [{ messageId, status: { groupId: 5, id } }];
    const { trouble } = infobip.readResponse(reply(200, { messages: items }), batch);
    expect(trouble).toMatchObject({ kind: "held", reason, advice });
  });
});

describe("an error", () => {
  const passing = (id: number, reason: string) => [id, reason, false, false] as const;
  const lasting = (id: number, reason: string) => [id, reason, true, false] as const;
  const wished = (id: number, reason: string) => [id, reason, true, true] as const;
  const status = { groupId: 2, id: 4 };

  test.each([
    lasting(1, "unknown-subscriber"),
    passing(5, "unidentified-subscriber"),
    passing(6, "absent-subscriber"),
    passing(27, "absent-subscriber"),
    passing(8, "roaming-not-allowed"),
    lasting(9, "illegal-subscriber"),
    lasting(11, "no-sms-subscription"),
    lasting(12, "illegal-equipment"),
    passing(13, "barred"),
    passing(31, "busy"),
    passing(32, "delivery-failure"),
    passing(34, "system-failure"),
    passing(255, "unknown-error"),
    passing(256, "inbox-full"),
    ...[500, 501, 502, 503, 504, 507, 508, 509].map((id) => passing(id, "network-error")),
    lasting(565, "no-short-codes"),
    wished(573, "blocked-by-recipient"),
    passing(581, "recipient-out-of-credit"),
    lasting(628, "handset-failure"),
    lasting(629, "cannot-receive-sms"),
    passing(351, "invalid-recipient"),
    lasting(352, "invalid-recipient"),
    lasting(355, "text-too-long"),
    lasting(368, "invalid-sender"),
    passing(541, "operator-limit-reached"),
    passing(542, "operator-quota-reached"),
    wished(603, "opted-out"),
    lasting(604, "blocked-by-campaign"),
    lasting(607, "rejected-as-spam"),
    passing(608, "blocked-as-fraud"),
    lasting(2049, "recipient-blocked"),
    lasting(2052, "recipient-blocked"),
    lasting(2053, "sender-blocked"),
    lasting(3041, "number-deactivated"),
    lasting(4100, "cancelled"),
    lasting(4101, "validity-expired"),
    lasting(4103, "flooding"),
    lasting(4104, "flooding"),
    lasting(561, "content-blocked-by-operator"),
    lasting(566, "blocked-by-operator"),
    lasting(568, "no-sms-subscription"),
    lasting(569, "number-suspended"),
    lasting(632, "rejected-by-operator"),
    lasting(811, "validity-expired"),
    lasting(815, "not-acknowledged"),
    passing(2048, "timeout"),
    wished(2050, "do-not-disturb"),
    passing(4097, "not-passed-on"),
    passing(4098, "validity-expired"),
    lasting(5492, "duplicate-message"),
  ])(
    "%i is %s (permanent %s, opted out %s), and the flag beside it goes first",
    (id, reason, permanent, optedOut) => {
      const { report } = readEverywhere(status, { id });
      expect(report).toMatchObject({ state: "undelivered", reason, permanent, optedOut, code: String(id) });
      const flagged = readEverywhere(status, { id, permanent: !permanent }).report;
      expect(flagged).toMatchObject({ reason, permanent: !permanent, optedOut });
    },
  );

  test("that is not listed keeps the status's reason, its own code, and the flag", () => {
    const read = (error: object) => readEverywhere(status, error).report;
    const reason = "rejected-by-operator";
    expect(read({ id: 9_999 })).toMatchObject({ reason, code: "9999", permanent: true });
    expect(read({ id: 9_999, permanent: false })).toMatchObject({ reason, code: "9999", permanent: false });
  });

  test.each([[{ id: 0, permanent: false }], [{ id: "1", permanent: false }], [{}], [undefined]])(
    "%j is none: the status decides",
    (error) => {
      const { report } = readEverywhere({ groupId: 5, id: 52 }, error);
      expect(report).toMatchObject({ reason: "invalid-recipient", code: "52", permanent: true });
    },
  );

  test("beside a delivered or pending message changes nothing", () => {
    const error = { id: 603, permanent: true };
    expect(readEverywhere({ groupId: 3, id: 5 }, error).report).toMatchObject({
      state: "delivered",
      reason: "delivered",
      code: "5",
      permanent: false,
      optedOut: false,
    });
    expect(readEverywhere({ groupId: 1, id: 7 }, error).report).toMatchObject({
      state: "pending",
      optedOut: false,
    });
  });
});
