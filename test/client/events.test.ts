// Server-sent events as the client reads them: line ends, fields and pieces as the standard allows them.

import fc from "fast-check";
import { expect, it } from "vitest";
import { readEvents } from "../../src/client/events.ts";

const account = (name: string) => ({ type: "account", data: { name } });

async function read(...pieces: readonly Uint8Array[]) {
  return Array.fromAsync(readEvents(toStream(pieces)));
}
async function* toStream(pieces: readonly Uint8Array[]) {
  yield* pieces;
}

it.each([
  ["LF", `event: account\ndata: {"name":"a"}\n\n`, ["a"]],
  ["CRLF", `event: account\r\ndata: {"name":"a"}\r\n\r\n`, ["a"]],
  ["no space after the colon", `event:account\ndata:{"name":"a"}\n\n`, ["a"]],
  ["data in several lines", `event: account\ndata: {"name":\ndata: "a"}\n\n`, ["a"]],
  ["data before its type", `data: {"name":"a"}\nevent: account\n\n`, ["a"]],
  ["a colon in the data", `event: account\ndata: {"name":"a: b"}\n\n`, ["a: b"]],
  ["a comment", `:\n\nevent: account\n: between\ndata: {"name":"a"}\n\n`, ["a"]],
  ["fields that concern nobody", `retry: 2000\nid\n\nevent: account\nid: 7\ndata: {"name":"a"}\n\n`, ["a"]],
  ["a kind of a newer server", `event: weather\ndata: rain\n\nevent: account\ndata: {"name":"a"}\n\n`, ["a"]],
  ["no data", `event: account\n\n`, []],
  ["no kind", `data: {"name":"a"}\n\n`, []],
  ["an end in the middle of an event", `event: account\ndata: {"name":"a"}\n`, []],
])("%s", async (_, text, names) => {
  expect(await read(Buffer.from(text))).toEqual(names.map(account));
});

it("it does not matter where the bytes are cut, between CR and LF or within a letter", async () => {
  const names = ["Ada", "Björn", "🙂"];
  const text = names
    .map((name) => `event: account\r\ndata: ${JSON.stringify({ name })}\r\n\r\n`)
    .join(":\n\n");
  const bytes = Buffer.from(text);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 0, max: bytes.length })), async (places) => {
      const cuts = [0, ...places.toSorted((one, other) => one - other), bytes.length];
      const pieces = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
      expect(await read(...pieces)).toEqual(names.map(account));
    }),
  );
});
