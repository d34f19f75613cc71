// What every provider adapter must do, whatever its vendor sends: run for each in the registry.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Account } from "../../src/domain/account.ts";
import { type Sensitive, sensitive } from "../../src/domain/sensitive.ts";
import type { Batch, HttpRequest, HttpResponse, Provider, Reading } from "../../src/providers/provider.ts";
import { callId, numberAt, plainBatch, reply } from "./support.ts";

export type ConformanceCase = {
  readonly provider: Provider;
  readonly account: Account;
  /** The vendor's documented answer to a batch that it takes. */
  readonly acceptedReply: (batch: Batch) => HttpResponse;
};

const SECRET = "s3cret~.";
const TEXT = "a text that no reason may repeat";
const token: Sensitive<string> = sensitive("token-1");
const reasonForm = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const statuses = [200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 405, 408, 415, 429, 500, 502, 503, 504];

export function describeProvider({ provider, account, acceptedReply }: ConformanceCase): void {
  const batch = plainBatch(Math.min(provider.facts.batchMax, 3), TEXT);
  const isBatching = provider.facts.batchMax > 1;

  /** Exactly one outcome each, nothing that repeats what the vendor said, trouble that matches the outcomes. */
  function check(reading: Reading, of: Batch): Reading {
    expect(reading.outcomes.length).toBe(of.messages.length);
    for (const outcome of reading.outcomes) {
      if (outcome.kind === "accepted") continue;
      expect(outcome.reason).toMatch(reasonForm);
      expect(outcome.reason.length).toBeLessThan(65);
    }
    return reading;
  }

  const read = (response: HttpResponse, of: Batch = batch) => check(provider.readResponse(response, of), of);
  const kinds = (reading: Reading) => new Set(reading.outcomes.map((outcome) => outcome.kind));

  describe(`${provider.name} as a provider`, () => {
    test("its documented acceptance accepts every message, at any size", () => {
      for (const size of new Set([1, 2, provider.facts.batchMax]).values()) {
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
      const anyBody = fc.oneof(
        fc.string(),
        fc.json(),
        fc.anything().map((value) => JSON.stringify(value) ?? ""),
      );
      fc.assert(
        fc.property(fc.constantFrom(...statuses), anyBody, (status, body) => {
          read(reply(status, body));
        }),
        { numRuns: 500 },
      );
    });

    test("a sound reply with any field replaced by anything keeps one outcome a message", () => {
      const sound = acceptedReply(batch);
      const fields = Object.keys(JSON.parse(sound.body));
      fc.assert(
        fc.property(
          fc.constantFrom(...fields),
          fc.jsonValue(),
          fc.constantFrom(...statuses),
          (field, value, status) => {
            const body = JSON.stringify({ ...JSON.parse(sound.body), [field]: value });
            read({ ...sound, status, body });
          },
        ),
        { numRuns: 500 },
      );
    });

    test("depth and size of a reply do not matter", () => {
      const bodies = [
        "[".repeat(200_000),
        `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
        `"${"a".repeat(1_000_000)}"`,
      ];
      for (const body of bodies) for (const status of statuses) read(reply(status, body));
    });

    test("what the vendor says never reaches a reason or an advice", () => {
      const leak = `${TEXT} ${SECRET} ${numberAt(0)}`;
      for (const status of statuses) {
        const body = {
          code: leak,
          text: leak,
          error: leak,
          error_description: leak,
          message: leak,
          status: leak,
        };
        expect(JSON.stringify(read(reply(status, body)))).not.toContain(SECRET);
      }
    });

    test("its requests keep secrets, texts and tokens sensitive and out of the URL", () => {
      const requests: (HttpRequest | null)[] = [
        provider.buildRequest(plainBatch(1, TEXT), account),
        provider.buildTokenRequest(account),
      ];
      for (const request of requests) {
        const printed = JSON.stringify(request);
        expect(printed).not.toContain(SECRET);
        expect(printed).not.toContain(TEXT);
        expect(printed).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 8));
        expect(request?.url).toMatch(/^https:\/\//);
      }
      expect(`${provider.authorization(account, token)}`).toBe("[hidden]");
      expect(provider.authorization(account, token).reveal()).toBe("Bearer token-1");
    });

    test("its facts are sane and say where they come from", () => {
      const { facts } = provider;
      expect(facts.batchMax).toBeGreaterThan(0);
      expect(facts.segmentsMax).toBeGreaterThan(0);
      expect(facts.sources.length).toBeGreaterThan(0);
      for (const source of facts.sources) expect(source).toMatch(/^https:\/\//);
      expect(facts.unknownSettledBy === "look-up").toBe(provider.lookUp !== null);
    });

    if (!isBatching) return;
    test("items doubled, in another order or of strangers change nobody's outcome", () => {
      const sound = acceptedReply(batch);
      const ids = read(sound).outcomes;
      const body = JSON.parse(sound.body);
      const to = [...body.to, ...body.to, "15550001111"].reverse();
      expect(read({ ...sound, body: JSON.stringify({ ...body, to }) }).outcomes).toEqual(ids);
    });

    test("items that are missing leave exactly their messages unknown", () => {
      const of = plainBatch(20);
      const sound = acceptedReply(of);
      const body = JSON.parse(sound.body);
      const keeping = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 });
      fc.assert(
        fc.property(keeping, (keep) => {
          const to = body.to.filter((_number: string, index: number) => keep[index]);
          const { outcomes } = read({ ...sound, body: JSON.stringify({ ...body, to }) }, of);
          expect(outcomes.map((outcome) => outcome.kind === "accepted")).toEqual(keep);
        }),
      );
    });
  });

  const { lookUp } = provider;
  if (lookUp === null) return;
  describe(`${provider.name} as one that can be asked`, () => {
    const question = {
      callId,
      openedAt: new Date("2026-11-22T12:00:00Z"),
      recipients: [numberAt(0), numberAt(1)],
    };
    const answer = (response: HttpResponse) => lookUp.readResponse(response, question);

    test("nothing but a sound list says that a message is absent", () => {
      fc.assert(
        fc.property(fc.constantFrom(...statuses), fc.oneof(fc.string(), fc.json()), (status, body) => {
          expect(answer(reply(status, body)).kind).toBe("no-answer");
        }),
        { numRuns: 500 },
      );
    });

    test("an answer has one entry per recipient, and an error names its trouble", () => {
      expect(answer(reply(401, {}))).toMatchObject({
        kind: "no-answer",
        trouble: { kind: "token-rejected" },
      });
      expect(answer(reply(403, {}))).toMatchObject({ kind: "no-answer", trouble: { kind: "held" } });
      expect(answer(reply(429, {}))).toMatchObject({ kind: "no-answer", trouble: { kind: "throttled" } });
      expect(answer(reply(503, {}))).toMatchObject({ kind: "no-answer", trouble: { kind: "failing" } });
    });
  });
}
