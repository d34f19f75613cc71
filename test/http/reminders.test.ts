// Reminders over the API: put under a key, changed, listed, called off.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type ApiBench, NUMBER, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());
beforeEach(() =>
  api.pool.query("truncate volley.reminder, volley.message, volley.chunk, volley.suppression"),
);

const today = new Date();
/** The next June: two hours from UTC in Stockholm. */
const YEAR = today.getUTCFullYear() + (today.getUTCMonth() + 1 < 6 ? 0 : 1);
const AT = `${YEAR}-06-01T09:00`;
const wish = (changes: object = {}) => ({
  ...{ to: NUMBER, text: "See you tomorrow.", at: AT, timeZone: "Europe/Stockholm" },
  ...changes,
});
const at = (key: string) => `/v1/reminders/${encodeURIComponent(key)}`;
const put = (key: string, changes: object = {}) => api.call(at(key), { method: "PUT", body: wish(changes) });

it("put is 201 when it is new and 200 from then on, and get shows the same", async () => {
  const created = await put("visit-17");
  expect(created).toMatchObject({
    status: 201,
    body: {
      ...{
        key: "visit-17",
        to: NUMBER,
        class: "reminder",
        at: AT,
        timeZone: "Europe/Stockholm",
        repeat: null,
      },
      ...{ nextAt: `${YEAR}-06-01T07:00:00.000Z`, nextLocal: AT, zone: "Europe/Stockholm" },
      ...{ outcome: "created", left: null, occurrence: { state: "scheduled" }, previous: null },
    },
  });
  expect(await put("visit-17")).toMatchObject({ status: 200, body: { outcome: "unchanged" } });
  const { outcome, left, ...shown } = created.body;
  expect((await api.call(at("visit-17"))).body).toEqual(shown);
  expect(await put("visit-17", { at: `${YEAR}-06-02T09:00` })).toMatchObject({
    status: 200,
    body: { outcome: "changed", nextAt: `${YEAR}-06-02T07:00:00.000Z` },
  });
  expect((await api.call(`/v1/messages/${shown.occurrence.id}`)).body).toMatchObject({
    state: "cancelled",
    reason: "reminder-changed",
  });
});

it("fifty at once make one message", async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, () => put("visit-17")));
  expect(replies.map(({ status }) => status).toSorted()).toEqual([...Array(49).fill(200), 201]);
  expect(await api.countMessages()).toBe(1);
});

it("a template with fields, a repetition, reference and metadata", async () => {
  const { text: _, ...rest } = wish();
  const { status, body } = await api.call(at("weekly"), {
    method: "PUT",
    body: {
      ...{
        ...rest,
        template: "Bin {{bin}}, {{name}}",
        fields: { bin: 4, name: "Åke" },
        repeat: "0 9 * * MON",
      },
      ...{ reference: "bins", metadata: { route: "4" } },
    },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({ repeat: "0 9 * * MON", reference: "bins", metadata: { route: "4" } });
  const { rows } = await api.pool.query("select text from volley.message");
  expect(rows).toEqual([{ text: "Bin 4, Åke" }]);
});

it("delete takes it back, answers what it did, and is 404 the second time", async () => {
  const { body } = await put("visit-17");
  const gone = () => api.call(at("visit-17"), { method: "DELETE" });
  expect(await gone()).toMatchObject({ status: 200, body: { key: "visit-17", takenBack: true, left: null } });
  expect((await gone()).status).toBe(404);
  expect((await api.call(at("visit-17"))).status).toBe(404);
  expect((await api.call(`/v1/messages/${body.occurrence.id}`)).body.state).toBe("cancelled");
});

it.each(["a/b c", "?#%", "+46701740605", "å".repeat(200), "a%2Fb"])("%s is a key in a path", async (key) => {
  expect((await put(key)).status).toBe(201);
  expect((await api.call(at(key))).body.key).toBe(key);
  expect((await api.call(at(key), { method: "DELETE" })).status).toBe(200);
});

it("the list comes in pages, newest first, each reminder once", async () => {
  for (const key of ["a", "b", "c", "d", "e"]) await put(key);
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { body } = await api.call(`/v1/reminders?limit=2${query}`);
    seen.push(...body.data.map(({ key }: { key: string }) => key));
    cursor = body.next;
  }
  expect(seen).toEqual(["e", "d", "c", "b", "a"]);
  expect((await api.call("/v1/reminders?cursor=abc")).status).toBe(400);
});

it("writing asks for one scope, reading for another", async () => {
  const [sender, reader] = [await api.createKey("messages:send"), await api.createKey("messages:read")];
  const status = async (method: string, key: string, path = at("visit-17")) =>
    (await api.call(path, { method, key, ...(method === "PUT" ? { body: wish() } : {}) })).status;
  expect(await status("PUT", reader.key)).toBe(403);
  expect(await status("PUT", sender.key)).toBe(201);
  expect(await status("GET", sender.key)).toBe(403);
  expect(await status("GET", sender.key, "/v1/reminders")).toBe(403);
  expect(await status("GET", reader.key)).toBe(200);
  expect(await status("DELETE", reader.key)).toBe(403);
  expect(await status("DELETE", sender.key)).toBe(200);
});

it("a person who opted out: once is a conflict, a repetition is skipped", async () => {
  await api.call(`/v1/suppressions/${encodeURIComponent(NUMBER)}`, { method: "PUT" });
  expect(await put("once")).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect(await put("weekly", { repeat: "0 9 * * MON" })).toMatchObject({
    status: 201,
    body: { occurrence: null, reason: "opted-out" },
  });
});

it.each([
  [{ to: "07017" }, "to"],
  [{ text: undefined }, "text"],
  [{ template: "Hi {{name}}", fields: { name: "Bo" } }, "template"],
  [{ fields: { name: "Bo" } }, "fields"],
  [{ text: undefined, template: "Hi {{name}}", fields: {} }, "fields"],
  [{ at: undefined }, "at"],
  [{ at: "2020-01-01T09:00" }, "at"],
  [{ timeZone: "Mars/Olympus" }, "timeZone"],
  [{ repeat: "* * *" }, "repeat"],
  [{ account: "other" }, "account"],
  [{ when: "now" }, "when"],
])("%j is refused by the name of the field", async (changes, path) => {
  expect(await put("visit-17", changes)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  expect((await api.call(at("visit-17"))).status).toBe(404);
});

it("a key with a control character is refused by its name", async () => {
  expect(await put("a\u0007b")).toMatchObject({ status: 400, body: { errors: [{ path: "key" }] } });
});
