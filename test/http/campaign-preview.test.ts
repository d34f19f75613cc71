// A campaign's preview through the real door, reckoned by hand; and starts that would pass a cap.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { toPriceList } from "../../src/domain/price.ts";
import type { ApiDoors } from "../../src/http/doors.ts";
import type { IntakeRules } from "../../src/intake/choose-accounts.ts";
import { type ApiBench, openApi } from "./api-door.ts";

const PRICES = toPriceList({ "+46": 45_000, "+4673": 50_000 });

/** The accounts have prices of Swedish numbers only, and every country has a route. */
const priced =
  (changes: Partial<IntakeRules> = {}) =>
  (doors: ApiDoors): ApiDoors => ({
    ...doors,
    rules: {
      ...doors.rules,
      currency: "EUR",
      routes: [{ class: null, prefixes: [], accounts: [{ name: "sinch", weight: null }] }],
      accounts: new Map(
        [...doors.rules.accounts].map(([name, one]) => [
          name,
          { ...one, account: { ...one.account, prices: PRICES } },
        ]),
      ),
      ...changes,
    },
  });

let api: ApiBench;
beforeAll(async () => {
  api = await openApi({ change: priced() });
});
afterAll(() => api.close());

async function openWith(changes: Partial<IntakeRules>): Promise<ApiBench> {
  const bench = await openApi({ change: priced(changes) });
  onTestFinished(bench.close);
  return bench;
}

const people = [
  { to: "+46701740605", name: "Ada" },
  { to: "+46731740606", name: "Łukasz" },
  { to: "+12025550123", name: "x".repeat(200) },
];

async function create(bench: ApiBench, changes: object = {}): Promise<string> {
  const body = { name: "spring", template: "Hi {{name}}", recipients: people, ...changes };
  const reply = await bench.call("/v1/campaigns", { body });
  expect(reply.status, reply.text).toBe(201);
  return reply.body.id;
}
const previewOf = async (bench: ApiBench, id: string) => {
  const reply = await bench.call(`/v1/campaigns/${id}/preview`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
};

describe("a preview", () => {
  it("tells messages, segments, characters, costs and countries, and leaves what has no price apart", async () => {
    const preview = await previewOf(api, await create(api));
    expect(preview).toMatchObject({
      messages: 3,
      segments: 4,
      long: 1,
      currency: "EUR",
      cost: { amount: "0.095", unpriced: 1 },
      ucs2: { messages: 1, template: [], values: [{ character: "Ł", messages: 1 }] },
      accounts: [{ name: "sinch", messages: 3, segments: 4, cost: { amount: "0.095", unpriced: 1 } }],
    });
    expect(preview.countries).toEqual([
      {
        country: "SE",
        callingCode: "+46",
        messages: 2,
        segments: 2,
        cost: { amount: "0.095", unpriced: 0 },
      },
      { country: "US", callingCode: "+1", messages: 1, segments: 2, cost: { amount: "0.00", unpriced: 1 } },
    ]);
    expect(preview.samples[0]).toEqual({ text: `Hi ${"x".repeat(200)}`, encoding: "gsm-7", segments: 2 });
    expect(preview.samples).toContainEqual({ text: "Hi Ada", encoding: "gsm-7", segments: 1 });
    expect(preview.warnings).toEqual([
      "1 of 3 messages takes more than one segment; the longest takes 2.",
      "The values of 1 recipient hold characters that are not in the SMS alphabet, most often Ł.",
      "1 message without a price; the cost leaves it out.",
    ]);
    expect(Date.parse(preview.finishesAt)).toBeGreaterThanOrEqual(Date.parse(preview.startsAt));
  });

  it("shows no number", async () => {
    const id = await create(api);
    expect((await api.call(`/v1/campaigns/${id}/preview`)).text).not.toMatch(/\d{7,}/);
  });

  it("names the template's own characters, which every message pays for", async () => {
    const { ucs2, warnings } = await previewOf(api, await create(api, { template: "Hi {{name}} ’" }));
    expect(ucs2).toMatchObject({ messages: 3, template: ["’"], values: [{ character: "Ł", messages: 1 }] });
    expect(warnings).toContain(
      "The template holds ’: not in the SMS alphabet, so a segment of every message takes 70 characters instead of 160.",
    );
  });

  it("of a draft without recipients is a preview of nothing", async () => {
    expect(await previewOf(api, await create(api, { recipients: undefined }))).toMatchObject({
      messages: 0,
      cost: { amount: "0.00", unpriced: 0 },
      samples: [],
      finishesAt: null,
    });
  });

  it("of a campaign that runs tells when what is left is sent, and of one that was cancelled that nothing is", async () => {
    const id = await create(api);
    await api.call(`/v1/campaigns/${id}/start`, { method: "POST" });
    expect((await previewOf(api, id)).finishesAt).not.toBeNull();
    await api.call(`/v1/campaigns/${id}/cancel`, { method: "POST" });
    await expect.poll(async () => (await previewOf(api, id)).finishesAt).toBeNull();
  });

  it("begins when the draft says so", async () => {
    const sendAt = new Date(Date.now() + 86_400_000).toISOString();
    const { startsAt, finishesAt } = await previewOf(api, await create(api, { sendAt }));
    expect(startsAt).toBe(sendAt);
    expect(Date.parse(finishesAt)).toBeGreaterThanOrEqual(Date.parse(sendAt));
  });

  it("knows quiet hours: that they delay the end, and whom they do not cover", async () => {
    const nowMinute = new Date().getUTCHours() * 60 + new Date().getUTCMinutes();
    const bench = await openWith({
      // It is quiet now in Greenwich, for six hours on either side.
      quietHours: {
        fromMinute: (nowMinute + 1440 - 360) % 1440,
        toMinute: (nowMinute + 360) % 1440,
        classes: ["marketing"],
      },
    });
    const recipients = [
      { to: "+46701740605", name: "Ada", timeZone: "Etc/UTC" },
      { to: "+883510000000094", name: "Bo" },
    ];
    const { warnings } = await previewOf(bench, await create(bench, { recipients }));
    expect(warnings).toContain("Nobody knows the time zone of one person; quiet hours do not hold there.");
    expect(warnings.join(" ")).toMatch(/Quiet hours delay the end from \S+Z to \S+Z\./);
    const other = await previewOf(bench, await create(bench, { recipients, class: "transactional" }));
    expect(other.warnings.join(" ")).not.toContain("uiet hours");
  });

  it("warns of messages that cannot all leave within the hours after their own time", async () => {
    const slow = { requestsPerSecond: 0.0001, segmentsPerSecond: 0.0001 };
    const accounts = new Map(
      [...api.parts.rules.accounts].map(([name, at]) => [
        name,
        { ...at, batchMax: 1, account: { ...at.account, limits: { ...at.account.limits, ...slow } } },
      ]),
    );
    const bench = await openApi({ change: priced({ accounts }) });
    onTestFinished(bench.close);
    const recipients = people.slice(0, 2);
    const at = new Date(Date.now() + 36 * 3_600_000).toISOString().slice(0, 16);
    const own = await create(bench, { recipients, sendAt: at, timeZone: "recipient" });
    expect((await previewOf(bench, own)).warnings.join(" ")).toContain("the rest expires");
    const atOnce = await create(bench, { recipients });
    expect((await previewOf(bench, atOnce)).warnings.join(" ")).not.toContain("expires");
  });

  it("without prices has no costs", async () => {
    const bench = await openWith({ currency: null });
    expect(await previewOf(bench, await create(bench))).toMatchObject({
      currency: null,
      cost: null,
      accounts: [{ cost: null }],
    });
  });

  it("needs the scope to read campaigns, and a campaign", async () => {
    const id = await create(api);
    const { key } = await api.createKey("messages:read");
    expect((await api.call(`/v1/campaigns/${id}/preview`, { key })).status).toBe(403);
    const nobody = "01900000-0000-7000-8000-000000000000";
    expect((await api.call(`/v1/campaigns/${nobody}/preview`)).status).toBe(404);
  });
});

describe("a cap", () => {
  const start = (bench: ApiBench, id: string) => bench.call(`/v1/campaigns/${id}/start`, { method: "POST" });

  it("on a campaign's messages refuses the start with both figures, and the preview says so first", async () => {
    const bench = await openWith({ caps: { messages: 2, costMicros: null } });
    const id = await create(bench);
    const detail = "Cannot start the campaign: it has 3 messages, and caps.campaignMessages is 2.";
    expect((await previewOf(bench, id)).warnings).toContain(detail);
    expect(await start(bench, id)).toMatchObject({ status: 409, body: { code: "state_conflict", detail } });
    expect((await bench.call(`/v1/campaigns/${id}`)).body.state).toBe("draft");
    const small = await create(bench, { recipients: people.slice(0, 2) });
    expect((await start(bench, small)).status).toBe(200);
  });

  it("on a campaign's cost is exact to the millionth", async () => {
    const swedish = { recipients: people.slice(0, 2) };
    const enough = await openWith({ caps: { messages: null, costMicros: 95_000 } });
    expect((await start(enough, await create(enough, swedish))).status).toBe(200);
    const short = await openWith({ caps: { messages: null, costMicros: 94_999 } });
    expect(await start(short, await create(short, swedish))).toMatchObject({
      status: 409,
      body: {
        detail:
          "Cannot start the campaign: it has a cost of 0.095 EUR, and caps.campaignCost is 0.094999 EUR.",
      },
    });
  });
});
