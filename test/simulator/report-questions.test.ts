// Questions about reports: each simulated provider tells what became of a message, however its reports fare.

import { expect, test } from "vitest";
import { INFOBIP_LOGS, INFOBIP_SEND, SINCH_BATCHES, SMSCX_SEND, startSimulator } from "./setup.ts";

const DIGITS = ["46701000001", "46701000002", "46701000003"];
const NOBODY = "00000000-0000-4000-8000-000000000000";
const DELAY_MS = 5_000;

/** Before the delay nobody knows, after it everybody's end is decided: here that they got nothing. */
function setup(undeliveredShare = 1) {
  return startSimulator({ reports: { delayMs: DELAY_MS, undeliveredShare } });
}

test("Sinch tells of a batch by status and code, with the numbers in a full report only", async () => {
  const { token, post, get, passMs } = await setup(0);
  const bearer = await token("sinch");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Sinch's placeholders look so.
  const body = "Hi ${name}";
  const parameters = { name: { [DIGITS[0] ?? ""]: "A", [DIGITS[1] ?? ""]: "B" } };
  const sent = await post(SINCH_BATCHES, bearer, { to: DIGITS, from: "Volley", body, parameters });
  const { id } = sent.json as { id: string };
  const ask = (query: string) => get(`${SINCH_BATCHES}/${id}/delivery_report${query}`, bearer);
  const pending = { code: 401, status: "Dispatched", count: 3, recipients: DIGITS };
  expect((await ask("?type=full")).json).toMatchObject({ statuses: [pending] });
  passMs(DELAY_MS);
  expect((await ask("?type=full")).json).toEqual({
    type: "delivery_report_sms",
    batch_id: id,
    total_message_count: 3,
    statuses: [
      { code: 0, status: "Delivered", count: 2, recipients: DIGITS.slice(0, 2) },
      expect.objectContaining({ count: 1, recipients: DIGITS.slice(2) }),
    ],
  });
  for (const query of ["", "?type=summary"]) expect((await ask(query)).text).not.toContain(DIGITS[0]);
  expect((await ask("?type=all")).status).toBe(400);
  expect((await get(`${SINCH_BATCHES}/unknown/delivery_report`, bearer)).status).toBe(404);
});

test("Infobip's logs tell the status and the error that a report would", async () => {
  const { token, post, get, passMs } = await setup();
  const bearer = await token("infobip");
  const destinations = [{ to: DIGITS[0], messageId: "m-1" }];
  const messages = [{ sender: "Volley", destinations, content: { text: "Hi" } }];
  await post(INFOBIP_SEND, bearer, { messages });
  const ask = () => get(`${INFOBIP_LOGS}?messageId=m-1`, bearer);
  expect((await ask()).json).toMatchObject({ results: [{ status: { groupName: "PENDING" } }] });
  passMs(DELAY_MS);
  const { json } = await ask();
  expect(json).toMatchObject({ results: [{ messageId: "m-1", destination: DIGITS[0] }] });
  const [entry] = (json as { results: { status: { groupName: string }; error: { id: number } }[] }).results;
  expect(entry?.status.groupName).not.toBe("PENDING");
  expect(entry?.error.id).not.toBe(0);
});

test("SMS.CX tells of one message by its id, to those who may ask", async () => {
  const { token, post, get, passMs } = await setup();
  const bearer = await token("smscx");
  const sent = await post(SMSCX_SEND, bearer, { to: [`+${DIGITS[0]}`], from: "Volley", text: "Hi" });
  const [{ msgId } = { msgId: "" }] = (sent.json as { data: { msgId: string }[] }).data;
  const ask = (id: string, as = bearer) => get(`/smscx/reports/single/${id}`, as);
  expect((await ask(msgId)).json).toMatchObject({ data: { msgId, statusCode: expect.any(Number) } });
  passMs(DELAY_MS);
  expect((await ask(msgId)).json).toMatchObject({
    data: { msgId, to: `+${DIGITS[0]}`, status: "FAILED", errorCode: 101, updatedAt: "2026-01-01 00:00:05" },
  });
  expect((await ask(NOBODY)).status).toBe(404);
  expect((await ask("none")).status).toBe(400);
  expect((await ask(msgId, await token("smscx", "sms"))).status).toBe(403);
  expect((await ask(msgId, "wrong")).status).toBe(401);
});
