// A program of its own for csv.test.ts: reads 300,000 generated rows and prints what the heap holds on the way.
// Run with --expose-gc, so that only what is really held counts.

import { readCsv } from "../../src/intake/csv.ts";

async function* source(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("phone,name,city\n");
  for (let row = 0; row < 300_000; row += 100) {
    const lines = Array.from(
      { length: 100 },
      (_, index) => `+4670${1_000_000 + row + index},"Åsa, ${row}",Umeå\n`,
    );
    yield Buffer.from(lines.join(""));
  }
}

function heapHeld(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

let rows = 0;
let heapAt50k = 0;
const { batches } = await readCsv(source());
for await (const batch of batches) {
  rows += batch.length;
  if (heapAt50k === 0 && rows >= 50_000) heapAt50k = heapHeld();
}
process.stdout.write(JSON.stringify({ rows, heapAt50k, heapAt300k: heapHeld() }));
