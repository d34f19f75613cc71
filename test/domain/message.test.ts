// The table of legal moves: forward only, and out of a terminal state never.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  failureStates,
  type MessageState,
  mayMove,
  messageStates,
  openStates,
} from "../../src/domain/message.ts";

const terminal = messageStates.filter((from) => messageStates.every((to) => !mayMove(from, to)));
const state = fc.constantFrom(...messageStates);

describe("mayMove", () => {
  it("lets a message out of these states, and of no other", () => {
    expect(terminal).toEqual([
      "delivered",
      "undelivered",
      "rejected",
      "failed",
      "suppressed",
      "expired",
      "cancelled",
    ]);
  });

  it.each<[from: MessageState, to: MessageState, what: string]>([
    ["scheduled", "queued", "its time has come"],
    ["queued", "sending", "an attempt is opened"],
    ["sending", "accepted", "the provider took it"],
    ["sending", "queued", "it was provably not sent"],
    ["sending", "unknown", "it may have been sent"],
    ["unknown", "accepted", "the provider lists it"],
    ["unknown", "queued", "the provider proves its absence"],
    ["unknown", "delivered", "a report proves it"],
    ["accepted", "delivered", "a report comes"],
    ["queued", "suppressed", "the person opted out"],
    ["queued", "delivered", "a call that was given up had arrived, as its report proves"],
  ])("%s -> %s: %s", (from, to) => {
    expect(mayMove(from, to)).toBe(true);
  });

  it.each<[from: MessageState, to: MessageState, what: string]>([
    ["accepted", "queued", "it would be sent twice"],
    ["accepted", "sending", "it would be sent twice"],
    ["accepted", "unknown", "it is known"],
    ["delivered", "undelivered", "reports come in any order"],
    ["unknown", "sending", "nobody sends an unknown without putting it back first"],
    ["scheduled", "accepted", "nothing is accepted without an attempt"],
    ["sending", "cancelled", "a call in flight cannot be called back"],
    ["sending", "suppressed", "a call in flight cannot be called back"],
  ])("never %s -> %s: %s", (from, to) => {
    expect(mayMove(from, to)).toBe(false);
  });

  it("never lets a message stay where it is as a move", () => {
    for (const one of messageStates) expect(mayMove(one, one)).toBe(false);
  });

  it("ends every walk of legal moves that are not retries: no state but those of sending can come again", () => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 50 }), (wishes) => {
        const visited: MessageState[] = ["scheduled"];
        for (const wish of wishes) {
          const from = visited.at(-1) ?? "scheduled";
          if (mayMove(from, wish)) visited.push(wish);
        }
        const again = visited.filter((one, at) => visited.indexOf(one) < at);
        expect(["queued", "sending", "unknown"]).toEqual(expect.arrayContaining(again));
        const end = visited.findIndex((one) => terminal.includes(one));
        if (end >= 0) expect(end).toBe(visited.length - 1);
      }),
    );
  });
});

it("open states have somewhere to go, and none of them is a failure", () => {
  const failures: readonly MessageState[] = failureStates;
  for (const one of openStates) {
    expect(terminal).not.toContain(one);
    expect(failures).not.toContain(one);
  }
});
