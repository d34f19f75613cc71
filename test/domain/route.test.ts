// The first route that matches wins.

import { describe, expect, it } from "vitest";
import { createMessageId } from "../../src/domain/ids.ts";
import type { MessageClass } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import {
  type AccountPause,
  accountsFor,
  chooseAccount,
  nextAccount,
  orderAccounts,
  type Route,
} from "../../src/domain/route.ts";

const route = (accounts: string, { prefixes = [], class: only = null }: Partial<Route> = {}): Route => ({
  class: only,
  prefixes,
  accounts: accounts.split(" ").map((name) => ({ name, weight: null })),
});
const swedish = ["+46"];

it.each<[what: string, routes: Route[], to: string, messageClass: MessageClass, expected: string]>([
  ["no route, no account", [], "+46701740605", "marketing", ""],
  ["a route for everybody", [route("all")], "+46701740605", "marketing", "all"],
  ["accounts keep their order", [route("b a")], "+46701740605", "marketing", "b a"],
  ["a prefix that fits", [route("se", { prefixes: swedish })], "+46701740605", "marketing", "se"],
  ["a prefix that does not fit", [route("se", { prefixes: swedish })], "+4770174060", "marketing", ""],
  ["any of several prefixes", [route("no", { prefixes: ["+45", "+47"] })], "+4770174060", "marketing", "no"],
  [
    "the first of two that fit, not the longest",
    [route("one", { prefixes: swedish }), route("two", { prefixes: ["+4670"] })],
    "+46701740605",
    "marketing",
    "one",
  ],
  [
    "the next when the first does not fit",
    [route("us", { prefixes: ["+1"] }), route("all")],
    "+46701740605",
    "marketing",
    "all",
  ],
  [
    "a class that fits",
    [route("fast", { class: "transactional" }), route("all")],
    "+46701740605",
    "transactional",
    "fast",
  ],
  [
    "a class that does not fit",
    [route("fast", { class: "transactional" }), route("all")],
    "+46701740605",
    "reminder",
    "all",
  ],
  [
    "class and prefix must both fit",
    [route("both", { class: "reminder", prefixes: swedish })],
    "+4770174060",
    "reminder",
    "",
  ],
  [
    "a prefix longer than the number",
    [route("long", { prefixes: ["+467017406051"] })],
    "+46701740605",
    "reminder",
    "",
  ],
])("%s", (_what, routes, to, messageClass, expected) => {
  const found = accountsFor(routes, { class: messageClass, to: to as PhoneNumber });
  expect(found.map(({ name }) => name).join(" ")).toBe(expected);
});

describe("the order of a route's accounts", () => {
  const ids = Array.from({ length: 4_000 }, () => createMessageId(Date.now()));
  const firsts = (accounts: Route["accounts"]) => {
    const counts: Record<string, number> = {};
    for (const id of ids) {
      const [first = ""] = orderAccounts(accounts, id);
      counts[first] = (counts[first] ?? 0) + 1;
    }
    return counts;
  };

  it("is the configured one without weights", () => {
    const accounts = ["b", "a"].map((name) => ({ name, weight: null }));
    expect(firsts(accounts)).toEqual({ b: ids.length });
  });

  it("shares messages by weight, the same one always to the same account, and leaves the rest standing by", () => {
    const accounts = [
      { name: "spare", weight: null },
      { name: "big", weight: 3 },
      { name: "small", weight: 1 },
    ];
    const { big = 0, small = 0, spare = 0 } = firsts(accounts);
    expect(spare).toBe(0);
    expect(big + small).toBe(ids.length);
    expect(big / ids.length).toBeGreaterThan(0.65);
    expect(big / ids.length).toBeLessThan(0.85);
    for (const id of ids.slice(0, 100)) {
      const order = orderAccounts(accounts, id);
      expect(orderAccounts(accounts, id)).toEqual(order);
      expect(order.toSorted()).toEqual(["big", "small", "spare"]);
    }
  });
});

describe("the account that sends now", () => {
  const up = (name: string): AccountPause => ({ name, pausedMs: 0, reason: null });
  const down = (name: string): AccountPause => ({ name, pausedMs: 60_000, reason: "connect-refused" });
  const throttled = (name: string, pausedMs: number): AccountPause => ({
    name,
    pausedMs,
    reason: "throttled",
  });

  it.each<[what: string, accounts: AccountPause[], chosen: string, next: string | null]>([
    ["stays while it works", [up("a"), up("b")], "a", "b"],
    ["is the first by preference that works", [down("a"), down("b"), up("c"), up("d")], "c", "c"],
    ["keeps its messages when none works", [down("a"), down("b")], "a", null],
    ["keeps them through a short throttling", [throttled("a", 20_000), up("b")], "a", "b"],
    ["gives them away in a long one", [throttled("a", 40_000), up("b")], "b", "b"],
    ["has nobody to give them to when it is alone", [down("a")], "a", null],
  ])("%s", (_what, accounts, chosen, next) => {
    expect(chooseAccount("a", accounts)).toBe(chosen);
    expect(nextAccount("a", accounts)).toBe(next);
  });

  it("comes after the one that failed, around the end", () => {
    expect(nextAccount("b", [up("a"), up("b"), up("c")])).toBe("c");
    expect(nextAccount("c", [up("a"), up("b"), up("c")])).toBe("a");
  });
});
