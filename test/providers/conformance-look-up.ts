// Conformance of a provider that can be asked what became of a call: only sound evidence may say that a message
// is absent, because that lets it be sent again.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding, HttpResponse, LookUpAnswer } from "../../src/providers/provider.ts";
import { anyBody, bigBodies, type ConformanceCase, expectReason, statuses } from "./conformance-case.ts";
import { plainBatch, questionOf, replaceValue, reply, valueCount } from "./support.ts";

export function describeLookUp({ provider, account, acceptedReply, foundReply }: ConformanceCase): void {
  const { lookUp } = provider;
  if (lookUp === null) return;
  const batch = plainBatch(3);
  const question = questionOf(batch);
  const found = foundReply ?? acceptedReply;

  function answer(response: HttpResponse): LookUpAnswer {
    const given = lookUp?.readResponse(response, question);
    if (given === undefined) throw new Error("The provider can be asked.");
    if (given.kind === "no-answer") expectReason(given.reason);
    else {
      expect(given.findings.length).toBe(batch.messages.length);
      for (const finding of given.findings) if (finding.kind === "rejected") expectReason(finding.reason);
    }
    return given;
  }

  const findings = (response: HttpResponse): readonly Finding["kind"][] => {
    const given = answer(response);
    return given.kind === "answered" ? given.findings.map((finding) => finding.kind) : [];
  };

  describe(`${provider.name} as one that can be asked`, () => {
    test("what it finds is accepted, under the id that the acceptance would have given", () => {
      const accepted = provider.readResponse(acceptedReply(batch), batch).outcomes;
      expect(answer(found(batch))).toEqual({ kind: "answered", findings: accepted });
    });

    test("what it does not find is absent or undecided, never accepted; absent never by sending again", () => {
      const half = findings(found({ ...batch, messages: batch.messages.slice(1) }));
      expect(half.slice(1)).toEqual(["accepted", "accepted"]);
      const none = findings(found({ ...batch, messages: [] }));
      for (const kind of [...half.slice(0, 1), ...none]) {
        expect(lookUp.sendsAgain ? ["undecided"] : ["absent", "undecided"]).toContain(kind);
      }
    });

    test("nothing but a sound answer says that a message is absent or accepted", () => {
      const isNeither = (status: number, body: string) => {
        const said = findings(reply(status, body));
        expect(said).not.toContain("absent");
        expect(said).not.toContain("accepted");
      };
      fc.assert(fc.property(fc.constantFrom(...statuses), anyBody, isNeither), { numRuns: 500 });
      for (const body of bigBodies) for (const status of statuses) isNeither(status, body);
    });

    test("a sound answer with any value replaced by anything is still one finding a message", () => {
      const sound = found(batch);
      const at = fc.nat(valueCount(sound.body) - 1);
      fc.assert(
        fc.property(at, fc.jsonValue(), (index, value) => {
          findings({ ...sound, body: replaceValue(sound.body, index, value) });
        }),
        { numRuns: 500 },
      );
    });

    test("half of an answer, cut at any byte, says nothing", () => {
      const { body, ...rest } = found(batch);
      for (let cut = 1; cut < body.length; cut += 1) {
        expect(answer({ ...rest, body: body.slice(0, cut) }).kind).toBe("no-answer");
      }
    });

    test("an error is no answer and names its trouble", () => {
      const troubles = { 401: "token-rejected", 403: "held", 429: "throttled", 503: "failing" } as const;
      for (const [status, kind] of Object.entries(troubles)) {
        expect(answer(reply(Number(status), {}))).toMatchObject({ kind: "no-answer", trouble: { kind } });
      }
    });

    test("the question goes to the provider and names no secret", () => {
      const request = lookUp.buildRequest(question, account);
      expect(request.url).toMatch(/^https:\/\//);
      expect(JSON.stringify(request)).not.toContain("s3cret");
      expect(request.method).toBe(lookUp.sendsAgain ? "POST" : "GET");
    });
  });
}
