// What a door can cost at best: reads a request, stores nothing, answers 200. Prints its URL.

import { once } from "node:events";
import { createServer } from "node:http";

const server = createServer((request, response) => {
  request.on("data", () => undefined);
  request.on("end", () => response.writeHead(200, { "content-length": "0" }).end());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
process.stderr.write(`up on http://127.0.0.1:${typeof address === "object" ? address?.port : ""}.\n`);
