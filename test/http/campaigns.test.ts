// Campaigns through the real door: drafts, uploads in pieces and with faults, and every move.

import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorker } from "../../jobs/worker.ts";
import type { CampaignId } from "../../src/domain/message.ts";
import { audit } from "../support/ledger.ts";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const NOBODY = "01900000-0000-7000-8000-000000000000";
const draft = (changes: object = {}) => ({ name: "spring", template: "Hi {{name}}", ...changes });

async function create(changes: object = {}): Promise<CampaignId> {
  const { status, body } = await api.call("/v1/campaigns", { body: draft(changes) });
  expect(status).toBe(201);
  return body.id;
}

function put(id: string, body: string | Uint8Array, type = "text/csv", query = "") {
  return api.call(`/v1/campaigns/${id}/recipients${query}`, {
    method: "PUT",
    body,
    headers: { "content-type": type },
  });
}

const move = (id: string, verb: string) => api.call(`/v1/campaigns/${id}/${verb}`, { method: "POST" });
const show = async (id: string) => (await api.call(`/v1/campaigns/${id}`)).body;

function csv(count: number, from = 0): string {
  const rows = Array.from(
    { length: count },
    (_, index) => `+4670174${String(from + index).padStart(4, "0")},N`,
  );
  return ["phone,name", ...rows, ""].join("\n");
}

it("a campaign from draft to its end, through a worker", async () => {
  const { status, body } = await api.call("/v1/campaigns", { body: draft() });
  expect(status).toBe(201);
  expect(body).toMatchObject({ state: "draft", class: "marketing", total: 0, upload: null, from: null });
  expect((await put(body.id, csv(50))).body).toEqual({
    accepted: 50,
    duplicates: 0,
    suppressed: 0,
    invalid: 0,
    errors: [],
  });
  expect((await move(body.id, "start")).body).toEqual({ id: body.id, state: "running" });
  const worker = await startWorker(api.parts);
  try {
    await expect
      .poll(() => show(body.id))
      .toMatchObject({
        state: "completed",
        total: 50,
        counts: { accepted: 50 },
        overdue: 0,
      });
  } finally {
    await worker.close(5_000);
  }
  await audit({ ledger: api.parts.ledger, pool: api.pool }, body.id);
});

it("recipients may come with the draft, each with the template's fields", async () => {
  const recipients = [
    { to: "+46701740001", name: "Ada" },
    { to: "0701740002", name: "Bo" },
    { to: "+46701740001", name: "Ada again" },
    { to: "+46701740003" },
    { to: "+46701740004", name: { first: "Eve" } },
  ];
  const { status, body } = await api.call("/v1/campaigns", { body: draft({ recipients }) });
  expect(status).toBe(201);
  expect(body.upload).toMatchObject({ accepted: 1, duplicates: 1, invalid: 3 });
  expect(body.upload.errors.map(({ row }: { row: number }) => row)).toEqual([2, 4, 5]);
  expect(JSON.stringify(body.upload)).not.toContain("0701740002");
});

it("a draft keeps class, sender, account and time as it is told, and its recipients their own times", async () => {
  const day = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
  const told = { class: "reminder", from: "Acme", account: "fixed", timeZone: "Europe/Stockholm" };
  const { body } = await api.call("/v1/campaigns", {
    body: draft({
      ...{ ...told, sendAt: `${day}T09:00` },
      recipients: [
        { to: "+46701740001", name: "Ada" },
        { to: "+61412345678", name: "Di", sendAt: `${day}T12:00`, timeZone: "recipient" },
      ],
    }),
  });
  expect(body).toMatchObject({ ...told, state: "draft", upload: { accepted: 2, invalid: 0 } });
  expect((await move(body.id, "start")).body.state).toBe("scheduled");
  const { data } = (await api.call(`/v1/messages?campaign=${body.id}`)).body;
  const [inSweden, inAustralia] = data.toSorted((one: { to: string }, other: { to: string }) =>
    one.to < other.to ? -1 : 1,
  );
  expect(await show(body.id)).toMatchObject({ sendAt: `${day}T09:00`, startAt: expect.any(String) });
  expect([inSweden.account, inAustralia.account]).toEqual(["fixed", "fixed"]);
  expect(inAustralia.state).toBe("scheduled");
});

it("the same request under one idempotency key makes one campaign", async () => {
  const headers = { "idempotency-key": "campaign-1" };
  const body = draft({ recipients: [{ to: "+46701740001", name: "Ada" }] });
  const replies = await Promise.all(
    Array.from({ length: 10 }, () => api.call("/v1/campaigns", { body, headers })),
  );
  expect(new Set(replies.map((one) => one.status))).toEqual(new Set([201]));
  expect(new Set(replies.map((one) => one.body.id)).size).toBe(1);
  const other = await api.call("/v1/campaigns", { body: draft({ name: "other" }), headers });
  expect(other.status).toBe(422);
});

describe("uploads", () => {
  it("name bad rows as an editor counts them, and take the others", async () => {
    const id = await create();
    const { body } = await put(id, "phone,name\n+46701740001,Ada\n12,Bo\n+46701740002,\n+46701740003,Eve");
    expect(body).toMatchObject({ accepted: 2, invalid: 2 });
    expect(body.errors.map(({ row }: { row: number }) => row)).toEqual([3, 4]);
  });

  it("may be repeated: people who are there are duplicates", async () => {
    const id = await create();
    await put(id, csv(20));
    expect((await put(id, csv(30))).body).toMatchObject({ accepted: 10, duplicates: 20 });
    await move(id, "start");
    expect(await show(id)).toMatchObject({ total: 30, duplicates: 20, counts: { queued: 30 } });
    await audit({ ledger: api.parts.ledger, pool: api.pool }, id);
  });

  it("that break off keep what was read, and go on when they are sent again", async () => {
    const id = await create();
    const whole = csv(5_000);
    await new Promise<void>((resolve) => {
      const upload = request(`${api.url}/v1/campaigns/${id}/recipients`, {
        method: "PUT",
        headers: { authorization: `Bearer ${api.admin}`, "content-type": "text/csv" },
      });
      upload.on("error", () => resolve());
      upload.on("close", () => resolve());
      upload.write(whole.slice(0, whole.length / 2));
      const looking = setInterval(async () => {
        const { rows } = await api.pool.query("select 1 from volley.chunk where campaign_id = $1", [id]);
        if (rows.length > 0) {
          clearInterval(looking);
          upload.destroy();
        }
      }, 20);
    });
    const again = await put(id, whole);
    expect(again.body.accepted + again.body.duplicates).toBe(5_000);
    expect(again.body.duplicates).toBeGreaterThan(0);
    await move(id, "start");
    expect((await show(id)).total).toBe(5_000);
    await audit({ ledger: api.parts.ledger, pool: api.pool }, id);
  });

  it("of NDJSON take an object a line, and say which lines are none", async () => {
    const id = await create();
    const lines = [
      '{"to":"+46701740001","name":"Ada"}',
      "",
      "{nonsense",
      '["+46701740002"]',
      '{"to":"+46701740003","name":"Eve","__proto__":{"name":"x"}}',
      `{"to":"+46701740004","name":"${"x".repeat(70_000)}"}`,
      '{"to":"+46701740005","name":7}',
    ];
    const { body } = await put(id, lines.join("\n"), "application/x-ndjson");
    expect(body).toMatchObject({ accepted: 3, invalid: 3 });
    expect(body.errors.map(({ row }: { row: number }) => row)).toEqual([3, 4, 6]);
  });

  it("take each recipient's own time from a column", async () => {
    const id = await create();
    const rows =
      "phone,name,when\n+46701740001,Ada,2026-12-24T09:00+01:00\n+46701740002,Bo,\n+46701740003,Eve,soon";
    const at = new Date(Date.now() + 86_400_000).toISOString();
    const { body } = await put(
      id,
      rows.replace("2026-12-24T09:00+01:00", at),
      "text/csv",
      "?sendAtColumn=when",
    );
    expect(body).toMatchObject({ accepted: 2, invalid: 1 });
    await move(id, "start");
    expect((await show(id)).counts).toEqual({ queued: 1, scheduled: 1 });
  });

  it("take numbers and zones from the columns that they are told, and name the first hundred bad rows", async () => {
    const id = await create({ sendAt: "2027-06-01T09:00", timeZone: "recipient" });
    const bad = Array.from({ length: 130 }, (_, index) => `+46701740009,${index},Bo,Europe/Stockholm`);
    const rows = ["phone,cell,name,zone", "+46701740009,+46701740001,Ada,Asia/Tokyo", ...bad].join("\n");
    const { body } = await put(id, rows, "text/csv", "?column=cell&timeZoneColumn=zone&country=SE");
    expect(body).toMatchObject({ accepted: 1, invalid: 130 });
    expect(body.errors).toHaveLength(100);
    expect(body.errors[99].row).toBe(102);
    await move(id, "start");
    expect((await api.call(`/v1/messages?campaign=${id}`)).body.data).toMatchObject([
      { to: "+46701740001", dueAt: "2027-06-01T00:00:00.000Z" },
    ]);
  });

  it.each<[what: string, body: string, type: string, query: string, status: number]>([
    ["a template's field that is no column", "phone\n+46701740001\n", "text/csv", "", 400],
    ["no column of numbers", "name\nAda\n", "text/csv", "", 400],
    ["a column that is not there", "phone,name\n+46701740001,Ada\n", "text/csv", "?column=nummer", 400],
    ["an empty file", "", "text/csv", "", 400],
    ["a country that is none", "phone,name\n+46701740001,Ada\n", "text/csv", "?country=XX", 400],
    ["another type", "{}", "application/json", "", 415],
    ["an unclosed quote", 'phone,name\n+46701740001,"Ada\n', "text/csv", "", 400],
  ])("with %s are refused", async (_, body, type, query, status) => {
    const id = await create();
    const reply = await put(id, body, type, query);
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toContain("application/problem+json");
    expect(reply.text).not.toContain("+46701740001");
    expect((await show(id)).state).toBe("draft");
  });

  it("to a campaign that runs, or that there is not, are refused", async () => {
    const id = await create();
    await put(id, csv(1));
    await move(id, "start");
    expect((await put(id, csv(2))).status).toBe(409);
    expect((await put(NOBODY, csv(1))).status).toBe(404);
  });
});

describe("moves", () => {
  it("pause, resume and cancel answer the state that they led to", async () => {
    const id = await create();
    await put(id, csv(10));
    await move(id, "start");
    expect((await move(id, "pause")).body.state).toBe("paused");
    expect((await move(id, "pause")).status).toBe(409);
    expect((await move(id, "resume")).body.state).toBe("running");
    expect((await move(id, "cancel")).body.state).toBe("cancelled");
    await expect.poll(() => show(id)).toMatchObject({ counts: { cancelled: 10 } });
    expect((await move(id, "resume")).status).toBe(409);
  });

  it("a draft without recipients does not start", async () => {
    const reply = await move(await create(), "start");
    expect(reply.status).toBe(409);
    expect(reply.body.detail).toContain("no recipients");
  });

  it("a time ahead makes it scheduled", async () => {
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const id = await create({ sendAt });
    await put(id, csv(2));
    expect((await move(id, "start")).body.state).toBe("scheduled");
    expect(await show(id)).toMatchObject({ state: "scheduled", startAt: sendAt });
  });

  it.each(["start", "pause", "resume", "cancel"])("%s of what there is not is 404", async (verb) => {
    expect((await move(NOBODY, verb)).status).toBe(404);
  });
});

it.each<[what: string, changes: object]>([
  ["a template that is none", { template: "Hi {{name" }],
  ["an unknown account", { account: "nobody" }],
  ["an unknown field", { colour: "red" }],
  ["a time in the past", { sendAt: "2020-01-01T00:00:00Z" }],
  ["a time that is past in every zone", { sendAt: "2020-01-01T09:00", timeZone: "recipient" }],
  ["a time without a zone", { sendAt: "2026-12-24T09:00" }],
  ["a zone that is none", { sendAt: "2026-12-24T09:00", timeZone: "Mars/Olympus" }],
  ["a name with a half character", { name: "\ud800" }],
  ["an empty name", { name: "" }],
])("a draft with %s is refused", async (_, changes) => {
  const reply = await api.call("/v1/campaigns", { body: draft(changes) });
  expect(reply.status).toBe(400);
});

it("lists go on where the page before ended", async () => {
  const ids = [await create(), await create(), await create()];
  const first = await api.call("/v1/campaigns?limit=2");
  const second = await api.call(`/v1/campaigns?limit=2&cursor=${first.body.next}`);
  const seen = [...first.body.data, ...second.body.data].map(({ id }: { id: string }) => id);
  expect(seen.slice(0, 3)).toEqual(ids.toReversed());
});

it("scopes are asked for", async () => {
  const { key } = await api.createKey("campaigns:read");
  const reply = await api.call("/v1/campaigns", { body: draft(), key });
  expect(reply.status).toBe(403);
  expect(reply.body.detail).toContain("campaigns:write");
  expect((await api.call("/v1/campaigns", { key })).status).toBe(200);
});
