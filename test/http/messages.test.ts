// Messages over the API: what is accepted is committed, once per idempotency key, and can be found again.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { problemSchema } from "../../src/http/contract/problem.ts";
import { optOut } from "../support/ledger.ts";
import { type ApiBench, message, NUMBER, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  api.call("/v1/messages", { body, headers });
const under = (key: string) => ({ "idempotency-key": key });

describe("POST /v1/messages", () => {
  it("answers 202 with a committed message, and tells the queue of it", async () => {
    const told: string[] = [];
    const own = await openApi({
      change: (doors) => ({
        ...doors,
        enqueue: {
          ...doors.enqueue,
          chunks: (chunks) => {
            told.push(...chunks.map((chunk) => chunk.id));
            return doors.enqueue.chunks(chunks);
          },
        },
      }),
    });
    onTestFinished(own.close);
    const sent = await own.call("/v1/messages", { body: message({ to: "0046 70-174 06 05" }) });
    expect(sent).toMatchObject({
      status: 202,
      body: { id: expect.any(String), state: "queued", segments: 1 },
    });
    const { rows } = await own.pool.query(
      "select m.recipient, m.text, c.id, c.account from volley.message m join volley.chunk c on c.id = m.chunk_id",
    );
    expect(rows).toEqual([{ recipient: NUMBER, text: "Hello", id: expect.any(String), account: "sinch" }]);
    expect(told).toEqual([rows[0].id]);
  });

  it("answers while the queue does not", async () => {
    const stuck = await openApi({
      change: (doors) => ({
        ...doors,
        enqueue: { ...doors.enqueue, chunks: () => new Promise(() => undefined) },
      }),
    });
    onTestFinished(stuck.close);
    const sent = await Promise.all(
      Array.from({ length: 20 }, () => stuck.call("/v1/messages", { body: message() })),
    );
    expect(sent.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(await stuck.countMessages()).toBe(20);
  });

  it("keeps a schedule, a reference and metadata", async () => {
    const fields = { reference: "order 7", metadata: { shop: "Lund" }, sendAt: "2027-06-01T09:00:00+02:00" };
    const { body } = await post(message({ ...fields, expiresAt: "2027-06-01T12:00:00+02:00" }));
    expect(body.state).toBe("scheduled");
    expect((await api.call(`/v1/messages/${body.id}`)).body).toMatchObject({
      state: "scheduled",
      reference: "order 7",
      metadata: { shop: "Lund" },
      dueAt: "2027-06-01T07:00:00.000Z",
      expiresAt: "2027-06-01T10:00:00.000Z",
    });
  });

  it("takes sender, class and account as it is told", async () => {
    const told = { class: "marketing", account: "fixed" };
    const { status, body } = await post(message({ ...told, from: "Acme", to: "+46701740611" }));
    expect(status).toBe(202);
    expect((await api.call(`/v1/messages/${body.id}`)).body).toMatchObject(told);
    const { rows } = await api.pool.query(
      "select c.sender from volley.message m join volley.chunk c on c.id = m.chunk_id where m.id = $1",
      [body.id],
    );
    expect(rows).toEqual([{ sender: "Acme" }]);
  });

  it("refuses somebody who opted out, and stores nothing", async () => {
    const gone = "+46701740699";
    await api.parts.ledger.suppressions.add([optOut(gone)]);
    const before = await api.countMessages();
    expect(await post(message({ to: gone }))).toMatchObject({
      status: 409,
      body: { code: "state_conflict" },
    });
    expect(await api.countMessages()).toBe(before);
  });
});

describe("an idempotency key", () => {
  it("makes fifty simultaneous requests one message with one answer", async () => {
    const before = await api.countMessages();
    const replies = await Promise.all(Array.from({ length: 50 }, () => post(message(), under("fifty"))));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.map(({ status }) => status)).toEqual(Array(50).fill(202));
    const replayed = replies.filter(({ headers }) => headers.get("idempotency-replayed") === "true");
    expect(replayed).toHaveLength(49);
    expect(await api.countMessages()).toBe(before + 1);
  });

  it("lets fifty different requests through side by side, more than there are connections", async () => {
    const before = await api.countMessages();
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, index) => post(message(), under(`different-${index}`))),
    );
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(50);
    expect(await api.countMessages()).toBe(before + 50);
  });

  it("with another body is 422, and creates nothing", async () => {
    const first = await post(message(), under("two bodies"));
    expect(first.status).toBe(400);
    expect((await post(message(), under("two-bodies"))).status).toBe(202);
    const before = await api.countMessages();
    const other = await post(message({ text: "Hello!" }), under("two-bodies"));
    expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
    expect(await api.countMessages()).toBe(before);
  });

  it("looks at what is meant, not at spaces and the order of fields", async () => {
    const first = await post(`{"to":"${NUMBER}","text":"Hello"}`, under("spelling"));
    const second = await post(
      `{ "class": "transactional", "text": "Hello", "to": "${NUMBER}" }`,
      under("spelling"),
    );
    expect(second).toMatchObject({ status: 202, body: first.body });
  });

  it("is free again after a refusal", async () => {
    expect((await post(message({ to: "+14155550132" }), under("refused"))).status).toBe(400);
    expect((await post(message(), under("refused"))).status).toBe(202);
  });

  it("belongs to its API key", async () => {
    const other = await api.createKey("messages:send");
    const [mine, theirs] = [await post(message(), under("shared")), await otherPost(other.key, "shared")];
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });
  const otherPost = (key: string, idempotencyKey: string) =>
    api.call("/v1/messages", { body: message(), headers: under(idempotencyKey), key });
});

describe("GET /v1/messages", () => {
  it("pages through everything once, newest first", async () => {
    const own = await api.createKey("messages:send", "messages:read");
    const reference = "pages";
    for (let index = 0; index < 7; index += 1) await post(message({ reference, to: "+46701740622" }));
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await api.call(
        `/v1/messages?to=%2B46701740622&limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`,
        { key: own.key },
      );
      expect(page.status).toBe(200);
      seen.push(...page.body.data.map(({ id }: { id: string }) => id));
      cursor = page.body.next;
    }
    expect(seen).toHaveLength(7);
    expect(seen).toEqual(seen.toSorted().reverse());
  });

  it("filters by state, number, campaign and time", async () => {
    const count = async (query: string) => (await api.call(`/v1/messages?${query}`)).body.data.length;
    await post(message({ to: "+46701740633" }));
    // The plus may have become a space on its way.
    const to = "to=+46701740633";
    expect(await count(to)).toBe(1);
    expect(await count(`${to}&state=queued`)).toBe(1);
    expect(await count(`${to}&state=delivered`)).toBe(0);
    expect(await count(`${to}&since=2020-01-01T00:00:00Z`)).toBe(1);
    expect(await count(`${to}&since=2100-01-01T00:00:00%2B01:00`)).toBe(0);
    expect(await count(`${to}&campaign=7f000000-0000-4000-8000-000000000000`)).toBe(0);
  });

  it("pages through the messages of a campaign", async () => {
    const recipients = [{ to: "+46701740635" }, { to: "+46701740636" }, { to: "+46701740637" }];
    const draft = { name: "spring", template: "Hi", recipients };
    const { body: campaign } = await api.call("/v1/campaigns", { body: draft });
    await api.call(`/v1/campaigns/${campaign.id}/start`, { method: "POST" });
    const ofCampaign = `/v1/messages?campaign=${campaign.id}&state=queued&limit=2`;
    const { body: first } = await api.call(ofCampaign);
    const { body: second } = await api.call(`${ofCampaign}&cursor=${first.next}`);
    expect(second.next).toBeNull();
    const seen = [...first.data, ...second.data] as { to: string; campaign: string }[];
    expect(seen.map(({ to }) => to).toSorted()).toEqual(recipients.map(({ to }) => to));
    expect(new Set(seen.map((one) => one.campaign))).toEqual(new Set([campaign.id]));
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=501", "limit"],
    ["limit=1e2", "limit"],
    ["limit=-0", "limit"],
    ["limit=5&limit=6", "limit"],
    ["cursor=", "cursor"],
    ["cursor=abc", "cursor"],
    ["cursor=bWVzc2FnZXM6JyBvciAxPTE", "cursor"],
    ["cursor=c3VwcHJlc3Npb25zOjEtYQ", "cursor"],
    ["state=sent", "state"],
    ["to=0701740605", "to"],
    ["since=yesterday", "since"],
    ["since=2026-12-24T09:00:00", "since"],
    ["campaign=1", "campaign"],
    ["frm=Acme", "frm"],
  ])("?%s is refused with the name of the field", async (query, path) => {
    const { status, body } = await api.call(`/v1/messages?${query}`);
    expect(status).toBe(400);
    expect(problemSchema.parse(body)).toMatchObject({ code: "invalid_request", errors: [{ path }] });
  });
});

describe("GET /v1/messages/{id}", () => {
  it("shows the message's whole life", async () => {
    const { body: sent } = await post(message({ to: "+46701740644" }));
    await api.pool.query(
      `update volley.message set state = 'delivered', attempts = 2, account = 'sinch', opened_at = now(),
         call_id = gen_random_uuid(), changed_at = now() where id = $1`,
      [sent.id],
    );
    await api.pool.query(
      `insert into volley.attempt (message_id, chunk_id, number, account, call_id, opened_at, outcome, reason)
       select id, chunk_id, 1, 'sinch', gen_random_uuid(), now() - interval '1 ms', 'later', 'connect-refused'
       from volley.message where id = $1`,
      [sent.id],
    );
    await api.pool.query(
      `insert into volley.report (account, joined_id, state, reason, permanent, opted_out)
       values ('sinch', $1, 'delivered', 'delivered', true, false)`,
      [sent.id],
    );
    const { status, body } = await api.call(`/v1/messages/${sent.id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: sent.id, state: "delivered", attempts: 2, account: "sinch" });
    const moments = body.timeline.map((one: { what: string; outcome?: string; state?: string }) => [
      one.what,
      one.outcome ?? one.state,
    ]);
    expect(moments).toHaveLength(5);
    expect(moments).toEqual(
      expect.arrayContaining([
        ["created", undefined],
        ["attempt", "later"],
        ["attempt", "accepted"],
        ["report", "delivered"],
        ["state", "delivered"],
      ]),
    );
    const times = body.timeline.map(({ at }: { at: string }) => at);
    expect(times).toEqual(times.toSorted());
  });

  it("is 404 for one that there is not, and 400 for what is no id", async () => {
    expect((await api.call("/v1/messages/7f000000-0000-4000-8000-000000000000")).body.code).toBe("not_found");
    expect((await api.call("/v1/messages/17")).body).toMatchObject({
      code: "invalid_request",
      errors: [{ path: "id" }],
    });
  });
});
