// Server-sent events, read from the bytes of an answer.

import type { StreamEvent } from "../http/contract/stream.ts";

/** Lines may be cut anywhere; comments keep the connection alive and say nothing. */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of bytes) {
    const blocks = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = readEvent(block);
      if (event !== null) yield event;
    }
  }
}

/** The server writes one line of data an event. */
function readEvent(block: string): StreamEvent | null {
  const fields = new Map(
    block.split("\n").map((line): [string, string] => {
      const [name = "", ...value] = line.split(": ");
      return [name, value.join(": ")];
    }),
  );
  const [type, data] = [fields.get("event"), fields.get("data")];
  return type === undefined || data === undefined ? null : ({ type, data: JSON.parse(data) } as StreamEvent);
}
