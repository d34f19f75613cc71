// The simulated mobile.digital in a process of its own that tells when each call arrived: every question of the
// parent is answered with the calls since the last one.

import { createSimulator } from "../../src/simulator/server.ts";

export type Arrival = {
  /** Digits only. */
  readonly number: string;
  /** Since 1970, of this machine's clock. */
  readonly atMs: number;
  readonly status: number | null;
};

const latencyMs = Number(process.argv[2] ?? 0);
const simulator = await createSimulator({ keepDetails: true, latencyMs });
let told = 0;
process.on("message", (question) => {
  if (question === "stop") void simulator.close().then(() => process.disconnect());
  else process.send?.(arrivals());
});
process.send?.(simulator.url);

function arrivals(): Arrival[] {
  const calls = simulator.calls("mobile-digital").slice(told);
  told += calls.length;
  return calls.map(({ numbers, atMs, status }) => ({
    number: numbers?.[0] ?? "",
    atMs: performance.timeOrigin + atMs,
    status,
  }));
}
