// Server-sent events, read from the bytes of an answer: https://html.spec.whatwg.org/multipage/server-sent-events.html
//
// Lines may be cut anywhere, and end with LF or CRLF; an empty one ends an event. Comments keep the connection alive
// and say nothing; what a newer server tells besides is left out.

import type { StreamEvent } from "../http/contract/stream.ts";

const LINE_END = /\r?\n/;
const types: readonly string[] = ["campaign", "account"] satisfies readonly StreamEvent["type"][];

export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let rest = "";
  let block: string[] = [];
  for await (const piece of bytes) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split(LINE_END);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") {
        block.push(line);
        continue;
      }
      const event = readEvent(block);
      block = [];
      if (event !== null) yield event;
    }
  }
}

function readEvent(lines: readonly string[]): StreamEvent | null {
  let type = "";
  const data: string[] = [];
  for (const line of lines) {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") type = value;
    if (name === "data") data.push(value);
  }
  if (!types.includes(type) || data.length === 0) return null;
  return { type, data: JSON.parse(data.join("\n")) } as StreamEvent;
}
