// What may be done about an unknown, by what the provider offers and what the message's class allows.

import { expect, it } from "vitest";
import { unknownRules, unknownWaits } from "../../src/domain/unknown.ts";

const policy = { lookUpAfterSeconds: [30, 120, 600], resendTransactionalAfterSeconds: 300 };

it("a provider that can be asked is asked first, whatever the class", () => {
  const rules = unknownRules(policy, true);
  expect(rules).toEqual({ lookUpAfterMs: [30_000, 120_000, 600_000], resendTransactionalAfterMs: 300_000 });
  expect(unknownWaits(rules)).toEqual({ transactional: 30_000, reminder: 30_000, marketing: 30_000 });
});

it("where it cannot be asked, only a transactional message has something to wait for", () => {
  const rules = unknownRules(policy, false);
  expect(rules).toEqual({ lookUpAfterMs: [], resendTransactionalAfterMs: 300_000 });
  expect(unknownWaits(rules)).toEqual({ transactional: 300_000, reminder: null, marketing: null });
});

it("fractions of a second are kept", () => {
  const rules = unknownRules({ lookUpAfterSeconds: [0.05], resendTransactionalAfterSeconds: 0.5 }, true);
  expect(rules).toEqual({ lookUpAfterMs: [50], resendTransactionalAfterMs: 500 });
});
