// Campaigns edited and deleted over the API: what recipients were checked by stays, and nothing is deleted that runs.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { CampaignId } from "../../src/domain/message.ts";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const NOBODY = "01900000-0000-7000-8000-000000000000";
const ADA = { to: "+46701740001", name: "Ada" };
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

async function create(changes: object = {}): Promise<CampaignId> {
  const { status, body } = await api.call("/v1/campaigns", {
    body: { name: "spring", template: "Hi {{name}}", ...changes },
  });
  expect(status).toBe(201);
  return body.id;
}
const edit = (id: string, body: object) => api.call(`/v1/campaigns/${id}`, { method: "PATCH", body });
const remove = (id: string) => api.call(`/v1/campaigns/${id}`, { method: "DELETE" });
const move = (id: string, verb: string) => api.call(`/v1/campaigns/${id}/${verb}`, { method: "POST" });
const show = (id: string) => api.call(`/v1/campaigns/${id}`);
const upload = (id: string, text: string) =>
  api.call(`/v1/campaigns/${id}/recipients`, {
    method: "PUT",
    body: text,
    headers: { "content-type": "text/csv" },
  });

describe("a draft", () => {
  it("without recipients changes in everything, and a null takes a wish back", async () => {
    const id = await create({ from: "Volley", account: "sinch" });
    const sendAt = inAnHour();
    const changes = {
      ...{ name: "summer", template: "Hello {{city}}", class: "reminder" },
      ...{ from: "Acme", account: "fixed", sendAt, timeZone: "Europe/Stockholm" },
    };
    expect(await edit(id, changes)).toMatchObject({ status: 200, body: { id, state: "draft", ...changes } });
    const cleared = { from: null, account: null, sendAt: null, timeZone: null };
    expect((await edit(id, cleared)).body).toMatchObject({ name: "summer", ...cleared });
    expect((await upload(id, "phone,city\n+46701740001,Lund\n")).body.accepted).toBe(1);
  });

  it("with recipients keeps what they were checked by, and says which field it is about", async () => {
    const id = await create({ recipients: [ADA] });
    expect((await edit(id, { name: "summer" })).body.name).toBe("summer");
    for (const change of [{ template: "Bye" }, { class: "reminder" }, { from: "X" }, { account: "fixed" }]) {
      const reply = await edit(id, { name: "no", ...change });
      expect(reply).toMatchObject({ status: 409, body: { code: "state_conflict" } });
      expect(reply.body.errors).toEqual([{ path: Object.keys(change)[0], message: expect.any(String) }]);
    }
    // What was refused changed nothing; what says what stands already is no change.
    expect((await edit(id, { template: "Hi {{name}}", account: null })).body.name).toBe("summer");
  });

  it("with recipients may be moved in time, but not when each of them has a time of his own", async () => {
    const id = await create({ recipients: [ADA] });
    const sendAt = inAnHour();
    expect((await edit(id, { sendAt })).body.sendAt).toBe(sendAt);
    expect((await edit(id, { timeZone: "recipient" })).status).toBe(409);
    expect((await move(id, "start")).body.state).toBe("scheduled");
    const own = await create({ sendAt: "2027-06-01T09:00", timeZone: "recipient", recipients: [ADA] });
    expect((await edit(own, { sendAt: "2027-06-02T09:00" })).status).toBe(409);
    expect((await edit(own, { timeZone: null, sendAt: null })).status).toBe(409);
  });

  it("may be renamed when its time has passed meanwhile", async () => {
    const id = await create({ sendAt: inAnHour() });
    await api.pool.query("update volley.campaign set send_at = '2020-01-01T09:00:00Z' where id = $1", [id]);
    expect((await edit(id, { name: "late" })).status).toBe(200);
    expect((await edit(id, { timeZone: "Europe/Stockholm" })).status).toBe(400);
  });

  it.each<[path: string, change: object]>([
    ["template", { template: "Hi {{name" }],
    ["name", { name: "" }],
    ["name", { name: "  " }],
    ["account", { account: "nobody" }],
    ["sendAt", { sendAt: "2020-01-01T09:00:00Z" }],
    ["sendAt", { sendAt: "2027-01-01T09:00" }],
    ["timeZone", { timeZone: "Mars/Olympus" }],
    ["from", { from: "much too long for one" }],
    ["colour", { colour: "red" }],
    ["state", { state: "running" }],
    ["", {}],
  ])("is not changed by a bad %s: %j", async (path, change) => {
    const id = await create();
    const reply = await edit(id, change);
    expect(reply.status).toBe(400);
    expect(reply.body.errors[0].path).toBe(path);
    expect((await show(id)).body).toMatchObject({ name: "spring", template: "Hi {{name}}" });
  });

  it("that has started, or that there is not, is not edited", async () => {
    const id = await create({ recipients: [ADA] });
    await move(id, "start");
    const reply = await edit(id, { name: "x" });
    expect(reply.status).toBe(409);
    expect(reply.body.detail).toContain("it is running");
    expect((await edit(NOBODY, { name: "x" })).status).toBe(404);
  });

  it("takes nobody who was checked against what it said before an edit", async () => {
    const id = await create();
    const before = await api.parts.ledger.campaigns.find(id);
    if (before === null) throw new Error("the campaign is there");
    await edit(id, { template: "Bye" });
    const late = api.parts.ledger.chunks.add({
      ...{ campaignId: id, accounts: ["sinch"], class: "marketing", sender: null, state: "waiting" },
      edition: before.edition,
      messages: [],
    });
    await expect(late).rejects.toMatchObject({ code: "state_conflict" });
    await expect(api.parts.ledger.campaigns.start(id, null, before.edition)).rejects.toMatchObject({
      code: "state_conflict",
    });
  });

  it("is edited and filled at once: whoever is in it was checked against what it says", async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await create();
      const [filled, edited] = await Promise.all([
        upload(id, "phone,name,city\n+46701740001,Ada,Lund\n"),
        edit(id, { template: "Hi {{name}} of {{city}}" }),
      ]);
      const { template } = (await show(id)).body;
      const { rows } = await api.pool.query(
        "select m.field_values from volley.message m join volley.chunk c on c.id = m.chunk_id where c.campaign_id = $1",
        [id],
      );
      expect([200, 409]).toContain(filled.status);
      expect([200, 409]).toContain(edited.status);
      expect(template.includes("city")).toBe(edited.status === 200);
      const wanted = edited.status === 200 ? ["Ada", "Lund"] : ["Ada"];
      expect(rows).toEqual(filled.status === 200 ? [{ field_values: wanted }] : []);
    }
  });
});

describe("deleting", () => {
  it("takes a draft and a finished campaign with all their messages", async () => {
    const id = await create({ recipients: [ADA] });
    expect(await remove(id)).toMatchObject({ status: 200, body: { id, deleted: true } });
    expect((await show(id)).status).toBe(404);
    expect((await remove(id)).status).toBe(404);
    const { rows } = await api.pool.query("select 1 from volley.chunk where campaign_id = $1", [id]);
    expect(rows).toEqual([]);
  });

  it("of one that runs is refused with what to do, and nothing is gone", async () => {
    const id = await create({ recipients: [ADA] });
    await move(id, "start");
    const running = await remove(id);
    expect(running).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("Cancel it first") },
    });
    expect((await show(id)).body.counts).toEqual({ queued: 1 });
    await move(id, "cancel");
    await expect.poll(async () => (await remove(id)).status).toBe(200);
  });

  it("that takes long is answered, and goes on; whoever asks again waits for the same one", async () => {
    const gate = Promise.withResolvers<null>();
    let asked = 0;
    const slow = await openApi({
      change: (doors) => ({
        ...doors,
        ledger: {
          ...doors.ledger,
          campaigns: {
            ...doors.ledger.campaigns,
            delete: () => {
              asked += 1;
              return gate.promise;
            },
          },
        },
      }),
    });
    onTestFinished(slow.close);
    const ask = () => slow.call(`/v1/campaigns/${NOBODY}`, { method: "DELETE" });
    const replies = await Promise.all([ask(), ask()]);
    expect(replies.map(({ status, body }) => [status, body.deleted])).toEqual([
      [202, false],
      [202, false],
    ]);
    expect(asked).toBe(1);
    gate.resolve(null);
    expect((await ask()).status).toBe(404);
  });
});
