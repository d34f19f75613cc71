import { it } from "vitest";
import { message, openApi } from "./api-door.ts";
it("load", async () => {
  const api = await openApi({ change: (doors) => (process.env.STUB ? { ...doors, enqueue: { ...doors.enqueue, chunks: async () => true } } : doors),  bounds: { requestsPerSecond: 1_000_000 } });
  const { Agent, request } = await import("undici");
  const dispatcher = new Agent({ connections: 32, pipelining: 1 });
  for (const [withKey, path, method] of [[false, "/v1/messages", "POST"], [false, "/healthz", "GET"], [false, "/v1/messages?limit=1", "GET"], [false, "/v1/nothing", "GET"], [true, "/v1/messages", "POST"]] as const) {
    const cpu = process.cpuUsage();
    const until = performance.now() + 3000; let n = 0;
    await Promise.all(Array.from({ length: 32 }, async () => {
      while (performance.now() < until) {
        const r = await request(`${api.url}${path}`, { method, dispatcher, headers: { authorization: `Bearer ${api.admin}`, "content-type": "application/json", ...(withKey ? { "idempotency-key": `k${n}-${Math.random()}` } : {}) }, body: method === "POST" ? JSON.stringify(message()) : null });
        await r.body.dump(); n += 1;
      }
    }));
    { const used = process.cpuUsage(cpu); process.stdout.write(`${method} ${path} withKey ${withKey}: ${Math.round(n / 3)}/s cpu ${(used.user + used.system) / 3e6}\n`); };
  }
  await api.close();
});
