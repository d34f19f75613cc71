// A sensitive value stays hidden wherever JavaScript would turn it into text by itself.

import { inspect } from "node:util";
import fc from "fast-check";
import { pino } from "pino";
import { expect, it } from "vitest";
import { Sensitive, sensitive } from "../../src/domain/sensitive.ts";

const value = "+46701740605";
const hidden = sensitive(value);

function logged(write: (log: pino.Logger) => void): string {
  const lines: string[] = [];
  write(pino({ level: "trace" }, { write: (line: string) => void lines.push(line) }));
  return lines.join("");
}

const error = Object.assign(new Error("It failed."), { to: hidden, list: [hidden], cause: { hidden } });

it.each<[where: string, text: () => string]>([
  ["a template string", () => `${hidden}`],
  ["a concatenation", () => `to ${String(hidden)}`],
  ["a joined list", () => [hidden, hidden].join()],
  ["JSON", () => JSON.stringify({ hidden, list: [hidden], deep: { hidden } })],
  [
    "util.inspect",
    () => inspect({ hidden, map: new Map([["to", hidden]]) }, { depth: null, showHidden: true }),
  ],
  [
    "util.inspect of itself, with its private parts",
    () => inspect(hidden, { customInspect: true, showHidden: true }),
  ],
  ["util.inspect without its own words", () => inspect(hidden, { customInspect: false, showHidden: true })],
  ["an error's inspection", () => inspect(error, { depth: null })],
  ["a field of a log line", () => logged((log) => log.info({ hidden, deep: { hidden } }, "sent"))],
  ["a log line's words", () => logged((log) => log.info("sent to %s %o %j", hidden, hidden, hidden))],
  ["a logged error", () => logged((log) => log.error({ err: error }, "failed"))],
  ["a child logger's field", () => logged((log) => log.child({ hidden }).info("sent"))],
  ["its own keys", () => JSON.stringify([Object.entries(hidden), Object.assign({}, hidden), { ...hidden }])],
  ["a structured clone", () => JSON.stringify(structuredClone({ hidden }))],
])("%s does not show it", (_where, text) => {
  expect(text()).not.toContain("740605");
});

it("where it would be read as text, it reads [hidden]", () => {
  expect(`${hidden}`).toBe("[hidden]");
  expect(JSON.stringify({ hidden })).toBe('{"hidden":"[hidden]"}');
  expect(inspect(hidden)).toBe("[hidden]");
});

it("reveal gives back the very value", () => {
  expect(hidden).toBeInstanceOf(Sensitive);
  fc.assert(fc.property(fc.anything(), (one) => Object.is(sensitive(one).reveal(), one)));
});
