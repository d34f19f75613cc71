// The first route that matches wins.

import { expect, it } from "vitest";
import type { MessageClass } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import { accountsFor, type Route } from "../../src/domain/route.ts";

const route = (accounts: string, { prefixes = [], class: only = null }: Partial<Route> = {}): Route => ({
  class: only,
  prefixes,
  accounts: accounts.split(" "),
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
  expect(found.join(" ")).toBe(expected);
});
