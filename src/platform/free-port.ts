// A port of the loopback interface that nobody listens on.
//
// Between the answer and its use another program may take the port, so a caller that starts a server on it
// must be ready to ask again.

import { once } from "node:events";
import { createServer } from "node:net";

/** The preferred port when it is free, else any. */
export async function findFreePort(preferred = 0): Promise<number> {
  const server = createServer();
  server.listen(preferred, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if (preferred === 0) throw error;
    return findFreePort();
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port.");
  return address.port;
}
