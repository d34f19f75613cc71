// The table of docs/providers.md says what the adapters' facts say, cell by cell.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { providerNames, providers } from "../../src/providers/index.ts";
import type { Provider } from "../../src/providers/provider.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/providers.md"), "utf8");

const SETTLING = {
  "look-up": "asking the provider",
  "idempotent-resend": "the same call again, under the same id",
  class: "the message's class",
} as const;

const rows: Readonly<Record<string, (provider: Provider) => string>> = {
  "messages in one request": ({ facts }) => String(facts.batchMax),
  "longest text, in segments": ({ facts }) => String(facts.segmentsMax),
  "own sender": ({ facts }) => (facts.takesSender ? "yes" : "no"),
  "an `unknown` is settled by": ({ facts }) => SETTLING[facts.unknownSettledBy],
  "delivery reports": ({ facts }) => (facts.hasReports ? "yes" : "no"),
  "proofs of a report's sender, beside the secret path": ({ facts }) => facts.reportProofs.join(", ") || "-",
  "inbound SMS": ({ facts }) => (facts.hasInbound ? "yes" : "no"),
  "can be asked for a missing report": ({ reports }) => (reports?.ask == null ? "no" : "yes"),
  "requests/s while none is configured": ({ facts }) => String(facts.defaultRequestsPerSecond),
};

function cellsOf(title: string): string[] {
  const line = page.split("\n").find((one) => one.split("|")[1]?.trim() === title) ?? "";
  return line
    .split("|")
    .slice(2, -1)
    .map((cell) => cell.trim());
}

it.each(Object.entries(rows))("the row: %s", (title, read) => {
  expect(cellsOf(title)).toEqual(providerNames.map((name) => read(providers[name])));
});

it("links a page of its own for each provider, in the order of the columns", () => {
  expect(cellsOf("")).toEqual(
    providerNames.map((name) => expect.stringContaining(`](providers/${name}.md)`)),
  );
});
