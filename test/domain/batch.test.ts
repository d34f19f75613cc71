// Cutting messages into requests: nobody is left out, nobody stands twice, and no request exceeds its bounds.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  composeMessages,
  cutRequests,
  type OutgoingMessage,
  type StoredMessage,
} from "../../src/domain/batch.ts";
import type { MessageId } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import { sensitive } from "../../src/domain/sensitive.ts";

function messages(
  count: number,
  fields: Partial<OutgoingMessage> | ((index: number) => Partial<OutgoingMessage>) = {},
): OutgoingMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `message-${index}` as MessageId,
    to: `+4670174${String(index).padStart(4, "0")}` as PhoneNumber,
    text: sensitive("Hello"),
    values: [],
    segments: 1,
    attempts: 0,
    deferrals: 0,
    ...(typeof fields === "function" ? fields(index) : fields),
  }));
}

const sizes = (requests: readonly (readonly OutgoingMessage[])[]) => requests.map(({ length }) => length);
const all = { batchMax: 1000, segmentsMax: Number.POSITIVE_INFINITY, mayShare: () => true };

describe("cutRequests", () => {
  it.each([
    ["nobody into no request", messages(0), all, []],
    ["one into one", messages(1), all, [1]],
    ["as many as fit into one", messages(1000), all, [1000]],
    ["one more into two", messages(1001), all, [1000, 1]],
    ["by segments", messages(7, { segments: 2 }), { ...all, segmentsMax: 6 }, [3, 3, 1]],
    [
      "a message that alone costs too much into its own",
      messages(3, { segments: 9 }),
      { ...all, segmentsMax: 5 },
      [1, 1, 1],
    ],
    ["each alone where a request takes one", messages(3), { ...all, batchMax: 1 }, [1, 1, 1]],
    ["each alone that may not share", messages(3), { ...all, mayShare: () => false }, [1, 1, 1]],
    ["by tries: with 32 after the first failure", messages(70, { attempts: 1 }), all, [32, 32, 6]],
    ["by tries: alone after the second", messages(3, { attempts: 2 }), all, [1, 1, 1]],
    ["by tries: alone after the third", messages(3, { attempts: 3 }), all, [1, 1, 1]],
    ["put off as often as it likes, with everybody", messages(40, { deferrals: 9 }), all, [40]],
  ])("cuts %s", (_what, given, bounds, expected) => {
    expect(sizes(cutRequests(given, bounds))).toEqual(expected);
  });

  it("keeps those that may share together, around one that may not", () => {
    const requests = cutRequests(messages(5), { ...all, mayShare: ({ id }) => id !== "message-2" });
    expect(sizes(requests).toSorted()).toEqual([1, 4]);
  });

  it("never puts a message that has failed before beside one that has not", () => {
    const requests = cutRequests(
      messages(10, (index) => ({ attempts: index % 2 })),
      all,
    );
    expect(requests.map((request) => new Set(request.map(({ attempts }) => attempts)).size)).toEqual([1, 1]);
  });

  it("holds each message exactly once, within all bounds, in the order of the file", () => {
    const message = fc.record({
      segments: fc.integer({ min: 1, max: 10 }),
      attempts: fc.integer({ min: 0, max: 3 }),
      deferrals: fc.integer({ min: 0, max: 5 }),
      shares: fc.boolean(),
    });
    const bounds = fc.record({
      batchMax: fc.integer({ min: 1, max: 50 }),
      segmentsMax: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(Number.POSITIVE_INFINITY)),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 200 }), bounds, (given, { batchMax, segmentsMax }) => {
        const whole = messages(given.length, (index) => {
          const { shares: _, ...fields } = given[index] ?? { shares: true };
          return fields;
        });
        const shares = new Set(whole.filter((_, index) => given[index]?.shares).map(({ id }) => id));
        const requests = cutRequests(whole, { batchMax, segmentsMax, mayShare: ({ id }) => shares.has(id) });

        expect(
          requests
            .flat()
            .map(({ id }) => id)
            .toSorted(),
        ).toEqual(whole.map(({ id }) => id).toSorted());
        for (const request of requests) {
          expect(request.length).toBeGreaterThan(0);
          if (request.length === 1) continue;
          const [first] = request;
          expect(request.length).toBeLessThanOrEqual(batchMax);
          expect(request.reduce((sum, { segments }) => sum + segments, 0)).toBeLessThanOrEqual(segmentsMax);
          expect(request.every(({ id }) => shares.has(id))).toBe(true);
          expect(request.every(({ attempts }) => attempts === first?.attempts)).toBe(true);
          expect(request.length).toBeLessThanOrEqual([batchMax, 32, 1, 1][first?.attempts ?? 0] ?? 1);
          const places = request.map((one) => whole.indexOf(one));
          expect(places).toEqual(places.toSorted((one, other) => one - other));
        }
      }),
    );
  });

  it("finds any bad numbers among a thousand: by the third try each travels alone", () => {
    const bad = new Set(["message-7", "message-8", "message-500"]);
    let open = messages(1000);
    const refused = new Set<string>();
    for (let attempts = 0; attempts < 3; attempts += 1) {
      open = cutRequests(
        open.map((one) => ({ ...one, attempts })),
        all,
      ).flatMap((request) => {
        if (!request.some(({ id }) => bad.has(id))) return [];
        if (request.length === 1) refused.add(request[0]?.id ?? "");
        return request.length === 1 ? [] : request;
      });
    }
    expect(open).toEqual([]);
    expect(refused).toEqual(bad);
  });
});

describe("composeMessages", () => {
  const [outgoing] = messages(1);
  if (outgoing === undefined) throw new Error("One was asked for.");
  const compose = (message: StoredMessage, template: string | null) => {
    const { form, messages: composed } = composeMessages(
      { sender: null, template, messages: [message] },
      "Own",
    );
    expect(form.from).toBe("Own");
    return composed[0];
  };

  it("a single message has its own text, whatever the template", () => {
    const stored = { ...outgoing, text: sensitive("Own") };
    expect(compose(stored, null)?.text.reveal()).toBe("Own");
    expect(compose(stored, "Hi {{name}}")?.text.reveal()).toBe("Own");
  });

  it("a recipient has the template with his values, and stays sensitive", () => {
    const composed = compose({ ...outgoing, text: null, values: [sensitive("Ada")] }, "Hi {{name}}");
    expect(composed?.text.reveal()).toBe("Hi Ada");
    expect(JSON.stringify(composed)).not.toContain("Ada");
  });

  it("neither of both is a broken ledger, told without the number", () => {
    expect(() => compose({ ...outgoing, text: null }, null)).toThrow(
      "Message message-0 has neither a text nor a template.",
    );
  });
});
