// Preloaded into a process whose outputs are pipes: it takes them for a terminal of 60 columns.

import { clearLine, cursorTo, moveCursor } from "node:readline";

for (const stream of [process.stdout, process.stderr]) {
  Object.assign(stream, {
    isTTY: true,
    columns: 60,
    clearLine: (direction: -1 | 0 | 1) => clearLine(stream, direction),
    cursorTo: (column: number) => cursorTo(stream, column),
    moveCursor: (columns: number, rows: number) => moveCursor(stream, columns, rows),
  });
}
