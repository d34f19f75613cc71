// Infobip: exact bytes and readings, by https://www.infobip.com/docs/api/channels/sms and, for the codes,
// https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes. The bodies in
// recorded/infobip were written by hand from these pages.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Batch, cutRequests } from "../../src/domain/batch.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";
import type { Finding, LookUpAnswer } from "../../src/providers/provider.ts";
import { describeProvider } from "./conformance.ts";
import {
  accountOf,
  callId,
  messageOf,
  numberAt,
  plainBatch,
  questionOf,
  reply,
  reportAccess,
  reportUrl,
  templateBatch,
} from "./support.ts";

const { infobip } = providers;
const account = accountOf("infobip");
const keyAccount = accountOf("infobip", { login: { apiKey: "key-1" } });
const digits = (index: number) => numberAt(index).slice(1);
const idAt = (index: number) => `${messageOf(index, "").id}.${callId}`;
const PENDING_ACCEPTED = {
  groupId: 1,
  groupName: "PENDING",
  id: 26,
  name: "PENDING_ACCEPTED",
  description: "Message sent to next instance",
};

function recorded(name: string) {
  return JSON.parse(readFileSync(new URL(`recorded/infobip/${name}.json`, import.meta.url), "utf8"));
}

/** The documented 200 of https://www.infobip.com/docs/api/channels/sms. */
function acceptedReply(batch: Batch) {
  return reply(200, {
    bulkId: batch.callId,
    messages: batch.messages.map(({ id, to }) => ({
      messageId: `${id}.${batch.callId}`,
      status: PENDING_ACCEPTED,
      destination: to.slice(1),
      details: { messageCount: 1 },
    })),
  });
}

function foundReply(batch: Batch) {
  const [entry] = recorded("logs").results;
  const results = batch.messages.map(({ id, to }) => ({
    ...entry,
    messageId: `${id}.${batch.callId}`,
    destination: to.slice(1),
  }));
  return reply(200, { results, cursor: { limit: 1000, nextCursor: null } });
}

describeProvider({
  provider: infobip,
  account,
  acceptedReply,
  itemsAt: ["messages"],
  foundReply,
  // A question about reports is the look-up's request, and has its answer.
  askedReply: foundReply,
  deliveredReport: () => ({ results: recorded("reports-v3").results.slice(0, 1) }),
  inbound: recorded("inbound"),
});

const sent = (batch: Batch, of = account) => JSON.parse(infobip.buildRequest(batch, of).body?.reveal() ?? "");
const read = (batch: Batch, status: number, body: unknown) =>
  infobip.readResponse(reply(status, body), batch);

describe("the token request", () => {
  test("is a form with id and secret in its body", () => {
    const request = infobip.buildTokenRequest(account);
    expect(request).toEqual({
      method: "POST",
      url: "https://infobip.example/auth/1/oauth2/token",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: sensitive("client_id=client-1&client_secret=s3cret%7E.&grant_type=client_credentials"),
    });
    expect(request?.body?.reveal()).toBe(
      "client_id=client-1&client_secret=s3cret%7E.&grant_type=client_credentials",
    );
  });

  test("goes to tokenUrl when it is set", () => {
    const tokenUrl = "https://api.infobip.com/auth/1/oauth2/token";
    expect(infobip.buildTokenRequest(accountOf("infobip", { tokenUrl }))?.url).toBe(tokenUrl);
  });

  test("is none for an API key, which logs in as it is", () => {
    expect(infobip.buildTokenRequest(keyAccount)).toBeNull();
    expect(infobip.authorization(keyAccount, null)?.reveal()).toBe("App key-1");
  });
});

describe("the send request", () => {
  test("of one message, to the last byte", () => {
    const request = infobip.buildRequest({ ...plainBatch(1), from: "Volley" }, account);
    expect(request).toMatchObject({
      method: "POST",
      url: "https://infobip.example/sms/3/messages",
      headers: { "content-type": "application/json", accept: "application/json" },
    });
    expect(request.body?.reveal()).toBe(
      `{"messages":[{"sender":"Volley","destinations":[{"to":"447900900000","messageId":"018f0000-0000-7000-9000-000000000000.${callId}"}],"content":{"text":"Hello"}}],"options":{"schedule":{"bulkId":"${callId}"},"tracking":{"shortenUrl":false}}}`,
    );
  });

  test("names no sender when there is none, and asks for no reports when none are wanted", () => {
    const [entry] = sent(plainBatch(1)).messages;
    expect(entry).not.toHaveProperty("sender");
    expect(entry).not.toHaveProperty("webhooks");
  });

  test("asks for reports at the account's address, in every entry", () => {
    const batch = templateBatch("Hi {{name}}", [["Ana"], ["Bo"]]);
    const asked = { delivery: { url: reportUrl }, contentType: "application/json" };
    const { messages } = sent(batch, accountOf("infobip", { reports: reportAccess() }));
    expect(messages).toMatchObject([{ webhooks: asked }, { webhooks: asked }]);
  });

  test.each([
    ["Basic", { basic: sensitive("user:password") }],
    ["OAuth2", { oauth2: { clientId: "infobip", clientSecret: sensitive("secret") } }],
  ])(
    "leaves reports with %s to the Subscription, because an address of the request has no login",
    (_login, access) => {
      const proven = accountOf("infobip", { reports: reportAccess(access) });
      expect(JSON.stringify(sent(plainBatch(1), proven))).not.toContain("webhooks");
    },
  );

  test("of one text is one entry with all recipients", () => {
    const { messages } = sent(plainBatch(3));
    expect(messages).toEqual([
      {
        destinations: [0, 1, 2].map((index) => ({ to: digits(index), messageId: idAt(index) })),
        content: { text: "Hello" },
      },
    ]);
  });

  test("of a template has an entry for each different text", () => {
    const batch = templateBatch("Hi {{name}}", [["Ana"], ["Bo"], ["Ana"]]);
    expect(sent(batch).messages).toEqual([
      {
        sender: "Volley",
        destinations: [
          { to: digits(0), messageId: idAt(0) },
          { to: digits(2), messageId: idAt(2) },
        ],
        content: { text: "Hi Ana" },
      },
      { sender: "Volley", destinations: [{ to: digits(1), messageId: idAt(1) }], content: { text: "Hi Bo" } },
    ]);
  });

  test("has an id for each message that no other call repeats, within Infobip's 200 characters", () => {
    const other = "00000000-0007-4000-8000-000000000002" as Batch["callId"];
    const idOf = (batch: Batch) => sent(batch).messages[0].destinations[0].messageId;
    expect(idOf(plainBatch(1))).toHaveLength(73);
    expect(idOf({ ...plainBatch(1), callId: other })).not.toBe(idOf(plainBatch(1)));
  });

  test("holds a thousand recipients, and the thousand-and-first goes into the next", () => {
    const { messages } = plainBatch(1_001);
    const requests = cutRequests(messages, {
      batchMax: infobip.facts.batchMax,
      segmentsMax: Number.POSITIVE_INFINITY,
      mayShare: (message) => infobip.mayShareRequest(message, { template: null, from: null }),
    });
    expect(requests.map((request) => request.length)).toEqual([1_000, 1]);
    const [first = []] = requests;
    const [entry] = sent({ ...plainBatch(0), messages: first }).messages;
    expect(entry.destinations).toHaveLength(1_000);
  });
});

describe("the reply", () => {
  test("200 accepts each message under the id that we gave it", () => {
    const batch = plainBatch(2);
    expect(infobip.readResponse(acceptedReply(batch), batch)).toEqual({
      outcomes: [
        { kind: "accepted", providerMessageId: idAt(0) },
        { kind: "accepted", providerMessageId: idAt(1) },
      ],
      trouble: null,
    });
  });

  test("200 may refuse one of its recipients", () => {
    expect(read(plainBatch(2), 200, recorded("reply-partly-rejected"))).toEqual({
      outcomes: [
        { kind: "accepted", providerMessageId: idAt(0) },
        { kind: "rejected", reason: "invalid-recipient" },
      ],
      trouble: null,
    });
  });

  test.each([
    ["another call's", `${messageOf(0, "").id}.00000000-0007-4000-8000-000000000002`],
    ["an id of theirs", "2250be2d4219-3af1-78856-aabe-1362af1edfd2"],
    ["no id", undefined],
  ])("200 with %s accepts nothing", (_title, messageId) => {
    const body = { messages: [{ messageId, status: PENDING_ACCEPTED, destination: digits(0) }] };
    expect(read(plainBatch(1), 200, body).outcomes).toEqual([{ kind: "unknown", reason: "not-in-response" }]);
  });

  test.each([
    ["acceptance stands beside a duplicate", 26, 23, { kind: "accepted", providerMessageId: idAt(0) }],
    ["acceptance stands, whatever comes first", 52, 26, { kind: "accepted", providerMessageId: idAt(0) }],
    ["two refusals that differ decide nothing", 52, 12, { kind: "unknown", reason: "unlisted-status" }],
    ["two refusals that agree decide", 52, 8, { kind: "rejected", reason: "invalid-recipient" }],
  ])("two items for one message: %s", (_title, first, second, outcome) => {
    const items = [first, second].map((id) => ({ messageId: idAt(0), status: { id } }));
    expect(read(plainBatch(1), 200, { messages: items }).outcomes).toEqual([outcome]);
  });

  test.each([[{}], [{ messages: {} }], [{ messages: null }], [recorded("error-400")], [[]], [null]])(
    "200 %j cannot be read",
    (body) => {
      expect(read(plainBatch(1), 200, body)).toEqual({
        outcomes: [{ kind: "unknown", reason: "unreadable" }],
        trouble: { kind: "failing", reason: "unreadable" },
      });
    },
  );

  test("one message without credit holds the account, and nobody loses a try", () => {
    const statuses = [26, 12, 52];
    const messages = statuses.map((id, index) => ({
      messageId: idAt(index),
      status: { groupId: id === 26 ? 1 : 5, id },
    }));
    const { outcomes, trouble } = read(plainBatch(3), 200, { messages });
    expect(outcomes).toEqual([
      { kind: "accepted", providerMessageId: idAt(0) },
      { kind: "later", reason: "out-of-credit", usesTry: false },
      { kind: "rejected", reason: "invalid-recipient" },
    ]);
    expect(trouble).toMatchObject({ kind: "held", reason: "out-of-credit", advice: /Top it up/ });
  });
});

describe("the error answers", () => {
  const later = { kind: "later", reason: "batch-refused", usesTry: true };

  test.each(["error-400", "error-400-v2"])("%s: who is named is out, the others come again", (name) => {
    expect(read(plainBatch(3), 400, recorded(name))).toEqual({
      outcomes: [later, { kind: "rejected", reason: "invalid-recipient" }, later],
      trouble: null,
    });
  });

  test("positions are those of the request: its entry, then the recipient in it", () => {
    const batch = templateBatch("Hi {{name}}", [["Ana"], ["Bo"], ["Ana"]]);
    const violations = [{ property: "messages[0].destinations[1].to", violation: "x" }];
    expect(read(batch, 400, { errorCode: "E400", violations }).outcomes).toEqual([
      later,
      later,
      { kind: "rejected", reason: "invalid-recipient" },
    ]);
  });

  test.each([
    ["messages[0].content", "invalid-text"],
    ["messages[0].content.text", "invalid-text"],
    ["messages[0].sender", "invalid-sender"],
  ])("a fault in %s is that of everybody in its entry", (property, reason) => {
    const batch = templateBatch("Hi {{name}}", [["Ana"], ["Bo"], ["Ana"]]);
    expect(read(batch, 400, { violations: [{ property, violation: "x" }] }).outcomes).toEqual([
      { kind: "rejected", reason },
      later,
      { kind: "rejected", reason },
    ]);
  });

  test.each([
    "messages[0].destinations[9].to",
    "messages[7].destinations[0].to",
    "messages[0].destinations[-1].to",
    "messages[0].destinations[0].messageId",
    "messages[0].webhooks.delivery.url",
    "options.schedule.bulkId",
    "to",
    "",
  ])("a fault in %j names nobody of ours, and the batch shrinks", (property) => {
    expect(read(plainBatch(2), 400, { violations: [{ property }] }).outcomes).toEqual([later, later]);
  });

  test.each([400, 413, 422])("%i for a message alone rejects it", (status) => {
    expect(read(plainBatch(1), status, {}).outcomes).toEqual([
      { kind: "rejected", reason: `http-${status}` },
    ]);
    expect(read(plainBatch(2), status, {}).outcomes).toEqual([later, later]);
  });

  test.each([402, 409, 410, 418])("%i is not documented and says nothing certain", (status) => {
    expect(read(plainBatch(1), status, {}).outcomes).toEqual([{ kind: "unknown", reason: `http-${status}` }]);
  });

  test("401 is the token's fault, with an API key too", () => {
    expect(read(plainBatch(1), 401, recorded("error-401")).trouble).toEqual({ kind: "token-rejected" });
  });

  test("403 that speaks of permissions names the scopes", () => {
    const { trouble, outcomes } = read(plainBatch(1), 403, recorded("error-403"));
    expect(trouble).toMatchObject({ kind: "held", reason: "scope-missing" });
    for (const scope of ["message:send", "sms:message:send", "sms:manage", "sms:logs:read"]) {
      expect(trouble).toHaveProperty("advice", expect.stringContaining(scope));
    }
    expect(outcomes).toEqual([{ kind: "later", reason: "scope-missing", usesTry: false }]);
  });

  test.each([[{ requestError: { serviceException: { messageId: "FORBIDDEN", text: "x" } } }], ["<html>"]])(
    "403 %j holds the account",
    (body) => {
      expect(read(plainBatch(1), 403, body).trouble).toMatchObject({ kind: "held", reason: "http-403" });
    },
  );

  test.each([404, 405, 415])("%i is a configuration error and holds the account", (status) => {
    const { trouble, outcomes } = read(plainBatch(1), status, "");
    expect(trouble).toMatchObject({ kind: "held", reason: `http-${status}`, advice: /baseUrl/ });
    expect(outcomes).toMatchObject([{ kind: "later", usesTry: false }]);
  });

  test("429 throttles", () => {
    const { trouble } = read(plainBatch(1), 429, recorded("error-429"));
    expect(trouble).toEqual({ kind: "throttled", retryAfterMs: null });
  });
});

describe("the look-up", () => {
  const answer = (body: unknown): LookUpAnswer | undefined =>
    infobip.lookUp?.readResponse(reply(200, body), questionOf(plainBatch(2)));
  const findings = (body: unknown): readonly Finding[] => {
    const given = answer(body);
    return given?.kind === "answered" ? given.findings : [];
  };
  const entry = (index: number) => ({ ...recorded("logs").results[0], messageId: idAt(index) });

  test("asks by our ids, and with no phone number", () => {
    expect(infobip.lookUp?.buildRequest(questionOf(plainBatch(2)), account)).toEqual({
      method: "GET",
      url: `https://infobip.example/sms/3/logs?messageId=${idAt(0)},${idAt(1)}&limit=1000`,
      headers: { accept: "application/json" },
      body: null,
    });
  });

  test("asks for no more ids than Infobip takes, and while its logs are kept", () => {
    const most = questionOf(plainBatch(infobip.lookUp?.messagesMax ?? 0));
    const url = infobip.lookUp?.buildRequest(most, account).url ?? "";
    const ids = new URL(url).searchParams.get("messageId") ?? "";
    expect(ids.split(",")).toHaveLength(25);
    expect(encodeURIComponent(ids).length).toBeLessThanOrEqual(2_048);
    expect(infobip.lookUp?.windowMs).toBeLessThan(48 * 3_600_000);
  });

  test("an entry says accepted or refused, as its status does", () => {
    expect(findings(recorded("logs"))).toEqual([
      { kind: "accepted", providerMessageId: idAt(0) },
      { kind: "rejected", reason: "do-not-disturb" },
    ]);
  });

  test.each([
    {},
    { cursor: null },
    { cursor: { limit: 1000 } },
    { cursor: { limit: 1000, nextCursor: null } },
  ])("a whole list %j says which are absent", (more) => {
    expect(findings({ results: [entry(1)], ...more })).toEqual([
      { kind: "absent" },
      { kind: "accepted", providerMessageId: idAt(1) },
    ]);
    expect(findings({ results: [], ...more })).toEqual([{ kind: "absent" }, { kind: "absent" }]);
  });

  test.each([
    ["of which there is another page", { cursor: { limit: 1000, nextCursor: "abc" } }],
    ["with a cursor of another form", { cursor: "abc" }],
    ["with an entry of somebody else", { results: [entry(1), entry(700)] }],
    ["with an entry without an id", { results: [entry(1), {}] }],
    ["as long as was asked for", { results: Array.from({ length: 1_000 }, () => entry(1)) }],
  ])("a list %s leaves the others undecided", (_title, more) => {
    expect(findings({ results: [entry(1)], ...more })).toEqual([
      { kind: "undecided" },
      { kind: "accepted", providerMessageId: idAt(1) },
    ]);
  });

  test("an entry that a duplicate was refused for is accepted beside it, and undecided alone", () => {
    const duplicate = { ...entry(0), status: { groupId: 5, id: 23 } };
    expect(findings({ results: [duplicate, entry(0)] })[0]).toMatchObject({ kind: "accepted" });
    expect(findings({ results: [duplicate] })[0]).toEqual({ kind: "undecided" });
  });

  test.each([[{}], [{ results: {} }], [[]], ["<html>"]])("%j is no answer", (body) => {
    expect(answer(body)).toMatchObject({ kind: "no-answer", reason: "unreadable" });
  });
});
