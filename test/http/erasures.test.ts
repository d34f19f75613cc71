// POST /v1/erasures: a person is forgotten, and whoever opted out stays so.

import { afterAll, beforeAll, expect, it } from "vitest";
import { optOut } from "../support/ledger.ts";
import { type ApiBench, message, NUMBER, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const erase = (number: unknown) => api.call("/v1/erasures", { body: { number } });

it("a person's messages name nobody any more, waiting ones are taken back, and an opt-out holds", async () => {
  const sendAt = new Date(Date.now() + 3_600_000).toISOString();
  const { body: waiting } = await api.call("/v1/messages", { body: message({ sendAt }) });
  await api.parts.ledger.suppressions.add([optOut("+46701740699")]);

  expect(await erase(NUMBER)).toMatchObject({ status: 200, body: { messages: 1, cancelled: 1, drafted: 0 } });
  const shown = await api.call(`/v1/messages/${waiting.id}`);
  expect(shown.body.state).toBe("cancelled");
  expect(shown.text).not.toContain(NUMBER.slice(1));
  expect((await erase(NUMBER)).body).toMatchObject({ messages: 0, cancelled: 0 });

  await erase("+46 70-174 06 99");
  expect((await api.call("/v1/messages", { body: message({ to: "+46701740699" }) })).status).toBe(409);
});

it("while something is in flight, the answer is to ask again", async () => {
  const to = "+46701740777";
  const { body } = await api.call("/v1/messages", { body: message({ to }) });
  await api.pool.query("update volley.message set state = 'sending' where id = $1", [body.id]);
  const reply = await erase(to);
  expect(reply).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect(reply.text).not.toContain(to);
});

it("a number that is none is refused without being repeated", async () => {
  for (const number of ["070174", 7, null, "secret"]) {
    const reply = await erase(number);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: "number" }] } });
    expect(reply.text).not.toContain("secret");
  }
});
