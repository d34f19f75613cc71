// Conformance of a provider that can be asked for reports that did not come: whatever it answers, only what it says
// about a message that was asked for becomes a report, and nothing else does.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Batch } from "../../src/domain/batch.ts";
import type { AskedMessage, HttpResponse, ReportAnswer } from "../../src/providers/provider.ts";
import {
  anyBody,
  bigBodies,
  type ConformanceCase,
  expectReason,
  SECRET,
  statuses,
} from "./conformance-case.ts";
import { messageOf, numberAt, plainBatch, replaceValue, reply, valueCount } from "./support.ts";

export function describeAsk(given: ConformanceCase): void {
  const { provider, account, acceptedReply, askedReply } = given;
  const questions = provider.reports?.ask ?? null;

  describe(`${provider.name} as one that is asked for reports`, () => {
    test("is described by the case exactly when it can be asked", () => {
      expect(askedReply === null).toBe(questions === null);
    });

    if (questions === null || askedReply === null) return;
    const batch = plainBatch(Math.min(questions.messagesMax, 3));

    /** As they were accepted by the documented reply. */
    function askedOf(of: Batch): AskedMessage[] {
      const { outcomes } = provider.readResponse(acceptedReply(of), of);
      return of.messages.map(({ id, to }, index) => {
        const outcome = outcomes[index];
        const providerMessageId = outcome?.kind === "accepted" ? outcome.providerMessageId : null;
        return { messageId: id, callId: of.callId, to, providerMessageId };
      });
    }
    const asked = askedOf(batch);

    /** Whatever it says, it says of those who were asked about, once each, and finally. */
    function read(response: HttpResponse, messages = asked): ReportAnswer {
      const answer = questions?.readResponse(response, messages);
      if (answer === undefined) throw new Error("The provider can be asked.");
      if (answer.kind === "no-answer") {
        expectReason(answer.reason);
        return answer;
      }
      const names = messages.map(({ messageId, callId, to, providerMessageId }) =>
        JSON.stringify({ messageId, callId, providerMessageId, to }),
      );
      const about = answer.reports.map((report) => JSON.stringify(report.about));
      expect(new Set(about).size).toBe(about.length);
      for (const one of about) expect(names).toContain(one);
      for (const { state, reason, code } of answer.reports) {
        expect(state).not.toBe("pending");
        expectReason(reason);
        expect(code ?? "none").toMatch(/^[A-Za-z0-9][\w.:-]{0,63}$/);
      }
      return answer;
    }
    const reportsOf = (response: HttpResponse, messages = asked) => {
      const answer = read(response, messages);
      return answer.kind === "answered" ? answer.reports : [];
    };

    test("its documented answer reports every message delivered, and names it in full", () => {
      expect(reportsOf(askedReply(batch))).toMatchObject(
        asked.map(({ messageId, callId, to, providerMessageId }) => ({
          about: { messageId, callId, to, providerMessageId },
          state: "delivered",
          reason: "delivered",
          permanent: false,
          optedOut: false,
        })),
      );
    });

    test("what it says of others is nobody's report", () => {
      const strangers = {
        ...batch,
        messages: batch.messages.map((_, index) => messageOf(700 + index, "Hi")),
      };
      expect(reportsOf(askedReply(strangers))).toEqual([]);
      const first = asked.slice(0, 1);
      expect(reportsOf(askedReply(batch), first)).toMatchObject([{ about: { to: first[0]?.to } }]);
    });

    test("rubbish reports nothing and never throws, at any status", () => {
      const isSilent = (status: number, body: string) => {
        expect(reportsOf(reply(status, body))).toEqual([]);
      };
      fc.assert(fc.property(fc.constantFrom(...statuses), anyBody, isSilent), { numRuns: 500 });
      for (const body of bigBodies) for (const status of statuses) isSilent(status, body);
    });

    test("a sound answer with any value replaced by anything never speaks of anybody else", () => {
      const sound = askedReply(batch);
      const at = fc.nat(valueCount(sound.body) - 1);
      fc.assert(
        fc.property(at, fc.jsonValue(), (index, value) => {
          read({ ...sound, body: replaceValue(sound.body, index, value) });
        }),
        { numRuns: 500 },
      );
      for (let index = 0; index < valueCount(sound.body); index += 1) {
        read({ ...sound, body: replaceValue(sound.body, index, `${SECRET} ${numberAt(0)}\u0000`) });
      }
    });

    test("half of an answer, cut at any byte, says nothing", () => {
      const { body, ...rest } = askedReply(batch);
      for (let cut = 1; cut < body.length; cut += 1) {
        expect(read({ ...rest, body: body.slice(0, cut) }).kind).toBe("no-answer");
      }
    });

    test("an error is no answer and names its trouble", () => {
      const troubles = { 401: "token-rejected", 403: "held", 429: "throttled", 503: "failing" } as const;
      for (const [status, kind] of Object.entries(troubles)) {
        expect(read(reply(Number(status), {}))).toMatchObject({ kind: "no-answer", trouble: { kind } });
      }
    });

    test("its question is a GET that names no phone number and no secret", () => {
      const most = askedOf(plainBatch(Math.min(questions.messagesMax, provider.facts.batchMax)));
      const request = questions.buildRequest(most, account);
      expect(request).toMatchObject({ method: "GET", body: null });
      expect(request?.url).toMatch(/^https:\/\//);
      expect(request?.url.length).toBeLessThan(4_096);
      expect(JSON.stringify(request)).not.toContain("s3cret");
      for (const { to } of most) expect(request?.url).not.toContain(to.slice(1));
    });
  });
}
