// Senders that networks can carry, and what each provider says to them.

import { describe, expect, it } from "vitest";
import { networkSenderFault } from "../../src/domain/sender.ts";
import { providers } from "../../src/providers/index.ts";

describe("a sender", () => {
  it.each([
    "A",
    "Acme",
    "Acme & Sons",
    "Å-Taxi",
    "12345678901",
    "+46701234567",
    "123456789012345",
    "24/7",
    "€ Bank",
  ])("%j can be carried", (sender) => {
    expect(networkSenderFault(sender)).toBeNull();
  });

  it.each([
    "",
    "   ",
    "Acme and Son",
    // An extension character takes two of the eleven places.
    "€ 123456789",
    "1234567890123456",
    "+1234567890123456",
    "+46 70 123 45 67",
    "Ресторан",
    "Café\n",
    "\u0000",
    "\ud83d",
    "🍕",
  ])("%j cannot", (sender) => {
    expect(networkSenderFault(sender)).toMatch(/^must have up to 11 characters/);
  });
});

describe("a provider", () => {
  it.each(Object.values(providers))(
    "$name takes a usual sender if it takes any",
    ({ facts, senderFault }) => {
      expect(senderFault("Acme") === null).toBe(facts.takesSender);
    },
  );

  it.each<[name: keyof typeof providers, from: string | null, isTaken: boolean]>([
    ["sinch", null, true],
    ["infobip", null, true],
    ["mobile-digital", null, true],
    ["smscx", null, false],
    ["smscx", "AB", false],
    ["smscx", "ABC", true],
    ["smscx", "Fifteen letters", true],
    ["smscx", "Sixteen letters!", false],
    ["sinch", "Fifteen letters", false],
    ["infobip", "Fifteen letters", false],
  ])("%s and the sender %j", (name, from, isTaken) => {
    expect(providers[name].senderFault(from) === null).toBe(isTaken);
  });
});
