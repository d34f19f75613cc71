// A campaign's file over the API: every row once, read no faster than it is taken, and nobody left reading.

import { connect } from "node:net";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const NOBODY = "01900000-0000-7000-8000-000000000000";
const PEOPLE = 2_500;

async function addCampaign(bench: ApiBench): Promise<string> {
  const { body } = await bench.call("/v1/campaigns", { body: { name: "spring", template: "Hi {{name}}" } });
  const rows = Array.from({ length: PEOPLE }, (_, i) => `+4670174${String(i).padStart(4, "0")},N`);
  await bench.call(`/v1/campaigns/${body.id}/recipients`, {
    method: "PUT",
    body: ["phone,name", ...rows, ""].join("\n"),
    headers: { "content-type": "text/csv" },
  });
  await bench.call(`/v1/campaigns/${body.id}/start`, { method: "POST" });
  return body.id;
}

it("holds every message once, in pages, as a file of its own name", async () => {
  const id = await addCampaign(api);
  const reply = await api.call(`/v1/campaigns/${id}/export.csv`);
  expect(reply.status).toBe(200);
  expect(reply.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(reply.headers.get("content-disposition")).toBe(`attachment; filename="campaign-${id}.csv"`);
  const [header, ...lines] = reply.text.trimEnd().split("\n");
  expect(header).toMatch(/^id,to,state,reason,account,/);
  expect(lines).toHaveLength(PEOPLE);
  expect(new Set(lines.map((line) => line.split(",")[1])).size).toBe(PEOPLE);

  const one = lines[0]?.split(",")[0] ?? "";
  await api.pool.query("update volley.message set state = 'rejected' where id = $1", [one]);
  const rejected = await api.call(`/v1/campaigns/${id}/export.csv?state=rejected`);
  expect(rejected.text.trimEnd().split("\n")).toHaveLength(2);
});

it("of what there is not, and of states that are none, is refused", async () => {
  expect((await api.call(`/v1/campaigns/${NOBODY}/export.csv`)).status).toBe(404);
  expect((await api.call(`/v1/campaigns/${NOBODY}/export.csv?state=happy`)).status).toBe(400);
  const headers = { authorization: `Bearer ${api.admin}` };
  const head = await fetch(`${api.url}/v1/campaigns/${NOBODY}/export.csv`, { method: "HEAD", headers });
  expect(head.status).toBe(405);
});

it("shows numbers, so it needs the scope that messages need", async () => {
  const { key } = await api.createKey("campaigns:read", "campaigns:write");
  expect((await api.call(`/v1/campaigns/${NOBODY}/export.csv`, { key })).status).toBe(403);
});

it("is not read on for a caller who has hung up", async () => {
  let pages = 0;
  const second = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const own = await openApi({
    change: (doors) => ({
      ...doors,
      ledger: {
        ...doors.ledger,
        messages: {
          ...doors.ledger.messages,
          exportPage: async (...args) => {
            pages += 1;
            if (pages === 2) {
              second.resolve();
              await gate.promise;
            }
            return doors.ledger.messages.exportPage(...args);
          },
        },
      },
    }),
  });
  onTestFinished(own.close);
  const id = await addCampaign(own);
  const { hostname, port } = new URL(own.url);
  const caller = connect(Number(port), hostname);
  caller.write(
    `GET /v1/campaigns/${id}/export.csv HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${own.admin}\r\n\r\n`,
  );
  await second.promise;
  const closed = new Promise((resolve) => caller.once("close", resolve));
  caller.destroy();
  await closed;
  // The server has seen it too when it has answered somebody who came later.
  await own.call("/healthz");
  gate.resolve();
  expect((await own.call(`/v1/campaigns/${id}/export.csv?state=rejected`)).status).toBe(200);
  // One header page of the second export; of the first none after the one that was being read.
  expect(pages).toBe(3);
});

it("that breaks off is no whole file", async () => {
  let pages = 0;
  const own = await openApi({
    change: (doors) => ({
      ...doors,
      ledger: {
        ...doors.ledger,
        messages: {
          ...doors.ledger.messages,
          exportPage: async (...args) => {
            pages += 1;
            if (pages === 2) throw new Error("the database is away");
            return doors.ledger.messages.exportPage(...args);
          },
        },
      },
    }),
  });
  onTestFinished(own.close);
  const id = await addCampaign(own);
  await expect(own.call(`/v1/campaigns/${id}/export.csv`)).rejects.toThrow();
});
