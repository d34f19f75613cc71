// A question to a provider, with the account's real token and limits.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type AskProviderParts, askProvider } from "../../jobs/ask-provider.ts";
import type { NoAnswer } from "../../src/providers/provider.ts";
import { type ApiBench, openApi } from "../http/api-door.ts";

const REJECTED: NoAnswer = { kind: "no-answer", reason: "http-401", trouble: { kind: "token-rejected" } };

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

/** Answers with the tokens that the provider saw. */
async function ask(takes: (callNumber: number) => boolean) {
  const account = api.parts.accounts.get("sinch")?.account;
  if (account === undefined) throw new Error("There is no account sinch.");
  const parts: AskProviderParts = api.parts;
  const seen: (string | undefined)[] = [];
  let grants = 0;
  const answer = await askProvider<{ readonly kind: "answered" }>(parts, account, {
    about: "a test",
    segments: 0,
    beforeCall: async () => {
      grants += 1;
      return null;
    },
    call: async (token) => {
      seen.push(token?.reveal());
      return takes(seen.length) ? { kind: "answered" } : REJECTED;
    },
  });
  return { answer, seen, grants };
}

it("that comes with a token that is not taken any more is asked once more with a new one, under one grant", async () => {
  const { answer, seen, grants } = await ask((callNumber) => callNumber === 2);
  expect(answer).toEqual({ kind: "answered" });
  expect(new Set(seen).size).toBe(2);
  expect(grants).toBe(1);
});

it("whose new token is not taken either has no answer, and is not asked a third time", async () => {
  const { answer, seen } = await ask(() => false);
  expect(answer).toEqual(REJECTED);
  expect(seen).toHaveLength(2);
});
