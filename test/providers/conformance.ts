// What every provider adapter must do, whatever its vendor sends: run for each in the registry.
//
// A provider's test file calls describeProvider once, with the vendor's documented bodies for batches of ours
// (conformance-case.ts says which), and then tests its own quirks. The parts: sending (here), looking up
// (conformance-look-up.ts), reports and inbound SMS (conformance-reports.ts), asking for reports (conformance-ask.ts).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Sensitive, sensitive } from "../../src/domain/sensitive.ts";
import type { Batch, HttpRequest, HttpResponse, Reading } from "../../src/providers/provider.ts";
import { describeAsk } from "./conformance-ask.ts";
import {
  anyBody,
  bigBodies,
  type ConformanceCase,
  expectReason,
  SECRET,
  statuses,
} from "./conformance-case.ts";
import { describeLookUp } from "./conformance-look-up.ts";
import { describeReports } from "./conformance-reports.ts";
import { messageOf, numberAt, plainBatch, replaceValue, reply, valueCount } from "./support.ts";

const TEXT = "a text that no reason may repeat";
const token: Sensitive<string> = sensitive("token-1");

export function describeProvider(given: ConformanceCase): void {
  const { provider, account, acceptedReply, itemsAt } = given;
  const batch = plainBatch(Math.min(provider.facts.batchMax, 3), TEXT);
  const read = (response: HttpResponse, of: Batch = batch) =>
    checkReading(provider.readResponse(response, of), of);
  const kinds = (reading: Reading) => new Set(reading.outcomes.map((outcome) => outcome.kind));

  describe(`${provider.name} as a provider`, () => {
    test("its documented acceptance accepts every message, at any size", () => {
      for (const size of new Set([1, 2, provider.facts.batchMax])) {
        if (size > provider.facts.batchMax) continue;
        const of = plainBatch(size);
        expect(kinds(read(acceptedReply(of), of))).toEqual(new Set(["accepted"]));
      }
    });

    test("one sound acceptance, with fields that nobody has heard of", () => {
      const sound = acceptedReply(batch);
      const body = { brand_new: { nested: [1, null] }, ...JSON.parse(sound.body), another: [] };
      expect(kinds(read({ ...sound, body: JSON.stringify(body) }))).toEqual(new Set(["accepted"]));
    });

    test("the account's troubles lose no message a try", () => {
      const troubles = { 401: "token-rejected", 403: "held", 429: "throttled" } as const;
      for (const [status, kind] of Object.entries(troubles)) {
        const reading = read(reply(Number(status), {}));
        expect(reading.trouble?.kind).toBe(kind);
        for (const outcome of reading.outcomes)
          expect(outcome).toMatchObject({ kind: "later", usesTry: false });
      }
    });

    test("a reply that says nothing certain leaves every message unknown, and the account failing", () => {
      for (const status of [301, 302, 303, 408, 500, 502, 503, 504]) {
        const reading = read(reply(status, acceptedReply(batch).body));
        expect(kinds(reading)).toEqual(new Set(["unknown"]));
        expect(reading.trouble).toEqual({ kind: "failing", reason: `http-${status}` });
      }
    });

    test("half of an acceptance, cut at any byte, accepts nothing that it does not name", () => {
      const { body, ...rest } = acceptedReply(batch);
      for (let cut = 1; cut < body.length; cut += 1) {
        expect(kinds(read({ ...rest, body: body.slice(0, cut) }))).toEqual(new Set(["unknown"]));
      }
    });

    test("a page of HTML is no acceptance", () => {
      const page = "<!doctype html><html><body>Welcome to the hotel's network</body></html>";
      expect(kinds(read(reply(200, page)))).toEqual(new Set(["unknown"]));
    });

    test("keys of Object.prototype in a reply are data like any other", () => {
      const poison =
        '{"__proto__":{"id":"x","to":["447900900000"]},"constructor":{"prototype":{"polluted":1}}}';
      for (const status of statuses) read(reply(status, poison));
      expect({}).not.toHaveProperty("polluted");
      expect({}).not.toHaveProperty("id");
    });

    test("no body makes it throw, at any status", () => {
      fc.assert(
        fc.property(fc.constantFrom(...statuses), anyBody, (status, body) => {
          read(reply(status, body));
        }),
        { numRuns: 500 },
      );
    });

    test("a sound reply with any value replaced by anything keeps one outcome a message", () => {
      const sound = acceptedReply(batch);
      const at = fc.nat(valueCount(sound.body) - 1);
      fc.assert(
        fc.property(at, fc.jsonValue(), fc.constantFrom(...statuses), (index, value, status) => {
          read({ ...sound, status, body: replaceValue(sound.body, index, value) });
        }),
        { numRuns: 500 },
      );
    });

    test("depth and size of a reply do not matter", () => {
      for (const body of bigBodies) for (const status of statuses) read(reply(status, body));
    });

    test("what the vendor says never reaches a reason or an advice", () => {
      const leak = `${TEXT} ${SECRET} ${numberAt(0)}`;
      const names = [
        "code",
        "text",
        "error",
        "error_description",
        "message",
        "status",
        "description",
        "type",
      ];
      const flat = Object.fromEntries(names.map((name) => [name, leak]));
      const bodies = [
        flat,
        { error: flat },
        { requestError: { serviceException: { ...flat, messageId: leak } } },
      ];
      for (const status of statuses) {
        for (const body of bodies) {
          expect(JSON.stringify(read(reply(status, body)))).not.toContain(SECRET);
        }
      }
    });

    test("its requests keep secrets, texts and tokens sensitive and out of the URL", () => {
      const tokenRequest = provider.buildTokenRequest(account);
      const requests: HttpRequest[] = [provider.buildRequest(plainBatch(1, TEXT), account)];
      if (tokenRequest !== null) requests.push(tokenRequest);
      for (const request of requests) {
        const printed = JSON.stringify(request);
        expect(printed).not.toContain(SECRET);
        expect(printed).not.toContain(TEXT);
        expect(printed).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 8));
        expect(request.url).toMatch(/^https:\/\//);
      }
      const login = provider.authorization(account, tokenRequest === null ? null : token);
      if (tokenRequest !== null) expect(login?.reveal()).toBe("Bearer token-1");
      if (login !== null) expect(`${login}`).toBe("[hidden]");
    });

    test("its facts are sane and say where they come from", () => {
      const { facts } = provider;
      expect(facts.batchMax).toBeGreaterThan(0);
      expect(facts.segmentsMax).toBeGreaterThan(0);
      expect(facts.sources.length).toBeGreaterThan(0);
      for (const source of facts.sources) expect(source).toMatch(/^https:\/\//);
      const settledBy = provider.lookUp?.sendsAgain ? "idempotent-resend" : "look-up";
      expect(facts.unknownSettledBy).toBe(provider.lookUp === null ? "class" : settledBy);
    });

    if (itemsAt === null) return;
    test("items doubled, in another order or of strangers change nobody's outcome", () => {
      const sound = acceptedReply(batch);
      const strangers = { ...batch, messages: [messageOf(700, TEXT), messageOf(701, TEXT)] };
      const others = itemsOf(acceptedReply(strangers).body, itemsAt);
      const body = changeItems(sound.body, itemsAt, (items) => [...items, ...others, ...items].reverse());
      expect(read({ ...sound, body }).outcomes).toEqual(read(sound).outcomes);
    });

    test("items that are missing leave exactly their messages unknown", () => {
      const of = plainBatch(20);
      const sound = acceptedReply(of);
      const keeping = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 });
      fc.assert(
        fc.property(keeping, (keep) => {
          const body = changeItems(sound.body, itemsAt, (items) =>
            items.filter((_item, index) => keep[index]),
          );
          const outcomes = read({ ...sound, body }, of).outcomes.map((outcome) => outcome.kind);
          expect(outcomes).toEqual(keep.map((isKept) => (isKept ? "accepted" : "unknown")));
        }),
      );
    });
  });

  describeLookUp(given);
  describeReports(given);
  describeAsk(given);
}

function checkReading(reading: Reading, of: Batch): Reading {
  expect(reading.outcomes.length).toBe(of.messages.length);
  for (const outcome of reading.outcomes) if (outcome.kind !== "accepted") expectReason(outcome.reason);
  return reading;
}

function itemsOf(body: string, path: readonly string[]): unknown[] {
  const items = path.reduce((value, key) => value[key], JSON.parse(body));
  expect(Array.isArray(items), `${path.join(".")} is a list`).toBe(true);
  return items;
}

function changeItems(body: string, path: readonly string[], change: (items: unknown[]) => unknown[]): string {
  const items = itemsOf(body, path);
  const outer = JSON.parse(body);
  const last = path.at(-1) ?? "";
  const holder = path.slice(0, -1).reduce((value, key) => value[key], outer);
  holder[last] = change(items);
  return JSON.stringify(outer);
}
