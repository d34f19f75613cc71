// DELETE /v1/messages/{id}: before it is sent, and not after.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiBench, message, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const cancel = (id: string) => api.call(`/v1/messages/${id}`, { method: "DELETE" });

it("one that waits is cancelled, however often it is asked for, and stays in the lists", async () => {
  const sendAt = new Date(Date.now() + 3_600_000).toISOString();
  const { body: sent } = await api.call("/v1/messages", { body: message({ sendAt }) });
  expect(sent.state).toBe("scheduled");
  for (let time = 0; time < 2; time += 1) {
    expect(await cancel(sent.id)).toMatchObject({ status: 200, body: { id: sent.id, state: "cancelled" } });
  }
  const shown = (await api.call(`/v1/messages/${sent.id}`)).body;
  expect(shown).toMatchObject({ state: "cancelled", reason: "cancelled", dueAt: null });
});

it("one that left is not, and the answer says how it stands", async () => {
  const { body: sent } = await api.call("/v1/messages", { body: message() });
  await api.pool.query("update volley.message set state = 'accepted' where id = $1", [sent.id]);
  const reply = await cancel(sent.id);
  expect(reply).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect(reply.body.detail).toContain("it is accepted");
});

it("one of a draft is the draft's matter", async () => {
  const draft = await api.call("/v1/campaigns", {
    body: { name: "spring", template: "Hi", recipients: [{ to: "+46701740001" }] },
  });
  const { data } = (await api.call(`/v1/messages?campaign=${draft.body.id}`)).body;
  const reply = await cancel(data[0].id);
  expect(reply.status).toBe(409);
  expect(reply.body.detail).toContain("draft");
});

it("one that there is not is 404, and an id that is none 400", async () => {
  expect((await cancel("01900000-0000-7000-8000-000000000000")).status).toBe(404);
  expect((await cancel("7")).status).toBe(400);
});
