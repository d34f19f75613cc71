// Suppressions over the API: put, listed in pages, taken away.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiBench, message, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const at = (number: string) => `/v1/suppressions/${encodeURIComponent(number)}`;

it("a person is suppressed once, and what waited for them is taken back", async () => {
  const number = "+46701740601";
  const { body: sent } = await api.call("/v1/messages", { body: message({ to: number }) });
  const put = () => api.call(at(number), { method: "PUT", body: { reason: "complaint" } });
  expect((await put()).body).toEqual({ number, added: true, suppressed: 1 });
  expect((await put()).body).toEqual({ number, added: false, suppressed: 0 });
  expect((await api.call(`/v1/messages/${sent.id}`)).body.state).toBe("suppressed");
  expect((await api.call("/v1/suppressions")).body).toEqual({
    data: [{ number, reason: "complaint", source: "person", createdAt: expect.any(String) }],
    next: null,
  });
  expect((await api.call(at(number), { method: "DELETE" })).status).toBe(204);
  expect((await api.call(at(number), { method: "DELETE" })).status).toBe(404);
  expect((await api.call("/v1/suppressions")).body.data).toEqual([]);
});

it("the list comes in pages, each person once, and an erased number is null", async () => {
  const numbers = Array.from({ length: 5 }, (_, index) => `+4670174061${index}`);
  for (const number of numbers) await api.call(at(number), { method: "PUT" });
  await api.pool.query("update volley.suppression set recipient = null where recipient = $1", [numbers[0]]);
  const seen: (string | null)[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { body } = await api.call(`/v1/suppressions?limit=2${query}`);
    seen.push(...body.data.map((one: { number: string | null }) => one.number));
    cursor = body.next;
  }
  expect(seen).toEqual([...numbers.slice(1).reverse(), null]);
});

it.each([
  ["07017", "PUT", undefined, "number"],
  ["hello", "DELETE", undefined, "number"],
  ["+46701740605", "PUT", { reason: "" }, "reason"],
  ["+46701740605", "PUT", { reason: "a\u0000" }, "reason"],
  ["+46701740605", "PUT", { why: "complaint" }, "why"],
])("%s %s %j is refused by the name of the field", async (number, method, body, path) => {
  const reply = await api.call(at(number), { method, body });
  expect(reply).toMatchObject({ status: 400, body: { errors: [{ path }] } });
});

it.each(["abc", "c3VwcHJlc3Npb25zOjE", "bWVzc2FnZXM6MQ"])("the cursor %s is refused", async (cursor) => {
  expect(await api.call(`/v1/suppressions?cursor=${cursor}`)).toMatchObject({
    status: 400,
    body: { errors: [{ path: "cursor" }] },
  });
});
