// The doors for providers: who is let in, what is stored, and that nothing is told to anybody.

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sensitive } from "../../src/domain/sensitive.ts";
import { counted, OTHER_SECRET, openDoor, SECRET } from "./report-door.ts";

const basicHeader = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
const REPORT = `{"type":"recipient_delivery_report_sms","recipient":"447700900001"}`;

describe("what is stored", () => {
  it("is what was sent, byte for byte, under any content type or none", async () => {
    const door = await openDoor();
    const types = [
      "application/json",
      "text/plain;charset=utf-16",
      "json",
      "multipart/form-data",
      "a/b; =",
      "",
    ];
    const bodies = types.map(() => Buffer.concat([Buffer.from([0, 0xff, 0xfe, 0x5c]), randomBytes(500)]));
    for (const [index, type] of types.entries()) {
      const reply = await door.report(bodies[index] ?? "", { headers: { "content-type": type } });
      expect(reply, type).toMatchObject({ status: 200, body: "" });
    }
    expect(await door.stored()).toEqual(bodies.map((body) => ({ account: "main", body })));
  });

  it("is committed before the 200, at both doors and under the account's name", async () => {
    const door = await openDoor();
    const unlock = await door.lockInbox();
    let answers = 0;
    const replies = [`/reports/main/${SECRET}`, `/inbound/other/${OTHER_SECRET}`].map(async (path) => {
      const reply = await door.call(path, { body: path });
      answers += 1;
      return reply.status;
    });
    await door.call("/reports/main/wrong", { body: "x" });
    expect(answers).toBe(0);
    await unlock();
    expect(await Promise.all(replies)).toEqual([200, 200]);
    const stored = (await door.stored()).map(({ account }) => account).toSorted();
    expect(stored).toEqual(["main", "other"]);
  });

  it("goes in a few statements when a thousand come at once", async () => {
    const came = counted(1_000);
    const door = await openDoor({
      store: (store) => (post) => {
        came.done();
        return store(post);
      },
    });
    const unlock = await door.lockInbox();
    const replies = Array.from({ length: 1_000 }, (_, index) => door.report(`report ${index}`));
    await came.reached;
    await unlock();
    for (const reply of await Promise.all(replies)) expect(reply.status).toBe(200);
    const { rows } = await door.pool.query(
      "select count(*)::int as posts, count(distinct body)::int as bodies, count(distinct xmin::text)::int as statements from volley.inbox",
    );
    expect(rows).toEqual([{ posts: 1_000, bodies: 1_000, statements: expect.toSatisfy((n) => n <= 2) }]);
  });

  it("is told of soon afterwards, once for many", async () => {
    const told = counted(1);
    let times = 0;
    const door = await openDoor({
      onStored: () => {
        times += 1;
        told.done();
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => door.report(REPORT)));
    await told.reached;
    expect(times).toBeLessThan(20);
    expect(await door.stored()).toHaveLength(20);
  });

  it("is still answered when the server closes", async () => {
    const came = counted(1);
    const door = await openDoor({
      store: (store) => (post) => {
        came.done();
        return store(post);
      },
    });
    const unlock = await door.lockInbox();
    const reply = door.report(REPORT);
    await came.reached;
    const closed = door.server.close();
    await unlock();
    expect((await reply).status).toBe(200);
    await closed;
  });
});

describe("who is let in", () => {
  it("an unknown account, a wrong secret and no door at all get one and the same 404", async () => {
    const door = await openDoor();
    const paths = [
      `/reports/nobody/${SECRET}`,
      "/reports/main/wrong",
      `/reports/main/${OTHER_SECRET}`,
      `/reports/other/${SECRET}`,
      `/reports/silent/${SECRET}`,
      `/reports/Main/${SECRET}`,
      `/reports/main/${SECRET}x`,
      `/reports/main/${SECRET}/`,
      `/reports/__proto__/${SECRET}`,
      `/reports/main/${"x".repeat(5_000)}`,
      `/reports/main/${SECRET}/token/`,
      `/reports/main/wrong/token`,
      `/inbound/main/${SECRET}/token`,
      `/reports/main/%E0%A4%A`,
      `/elsewhere/${SECRET}`,
    ];
    const replies = await Promise.all(paths.map((path) => door.call(path, { body: REPORT })));
    const seen = replies.map(({ status, headers, body }) => ({
      status,
      body,
      headers: [...headers].filter(([name]) => name !== "date"),
    }));
    for (const [index, one] of seen.entries()) expect(one, paths[index]).toEqual(seen[0]);
    expect(seen[0]).toMatchObject({ status: 404, body: expect.not.stringContaining("reports") });
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const reply = await door.call(`/reports/main/${SECRET}`, { method });
      expect(reply.status, method).toBe(404);
      expect(reply.body).not.toContain(SECRET);
    }
    expect(await door.stored()).toEqual([]);
  });

  it("a secret of the greatest length opens its door", async () => {
    const secret = "s".repeat(128);
    const door = await openDoor({ access: { secret: sensitive(secret) } });
    expect((await door.call(`/reports/main/${secret}`, { body: REPORT })).status).toBe(200);
  });

  it("where a signature is configured, only what the provider signed, and not for long", async () => {
    const signed = {
      "x-sinch-webhook-signature": "ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0=",
      "x-sinch-webhook-signature-algorithm": "HmacSHA256",
      "x-sinch-webhook-signature-nonce": "01JHFFHWYY7HSS4FWTMDTQEK8V",
      "x-sinch-webhook-signature-timestamp": "1736760161",
    };
    // The example that sinch/sinch-sdk-node publishes.
    const body = `{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client reference","code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466","status":"Delivered","type":"recipient_delivery_report_sms"}`;
    let nowMs = 1_736_760_161_000;
    const access = { hmacSecret: sensitive("SMSWebhooksSecret") };
    const door = await openDoor({ access, now: () => nowMs });
    const status = async (text: string, headers: Record<string, string>) =>
      (await door.report(text, { headers })).status;
    expect(await status(body, signed)).toBe(200);
    expect(await status(`${body} `, signed)).toBe(403);
    expect(await status(body, {})).toBe(403);
    expect(await status(body, { ...signed, "set-cookie": "x" })).toBe(403);
    nowMs += 25 * 3_600_000;
    expect(await status(body, signed)).toBe(403);
    expect(await door.stored()).toEqual([{ account: "main", body: Buffer.from(body) }]);
  });

  it("where HTTP Basic is configured, only who logs in, and he is asked to", async () => {
    const door = await openDoor({ access: { basic: sensitive("volley:pa:ss wörd") } });
    const status = async (authorization: string) =>
      (await door.report(REPORT, { headers: { authorization } })).status;
    expect(await status(basicHeader("volley:pa:ss wörd"))).toBe(200);
    expect(await status(basicHeader("volley:wrong"))).toBe(401);
    const refused = await door.report(REPORT);
    expect(refused).toMatchObject({ status: 401, body: "" });
    expect(refused.headers.get("www-authenticate")).toBe('Basic realm="reports"');
    expect(await door.stored()).toHaveLength(1);
  });

  it("where OAuth2 is configured, who fetched a token, until it expires", async () => {
    let nowMs = Date.now();
    const oauth2 = { clientId: "sinch", clientSecret: sensitive("client s3cret+") };
    const door = await openDoor({ access: { oauth2 }, now: () => nowMs });
    const ask = (headers: Record<string, string>, body = "grant_type=client_credentials") =>
      door.call(`/reports/main/${SECRET}/token`, { body, headers });
    const issued = await ask({ authorization: basicHeader("sinch:client s3cret+") });
    expect(issued.headers.get("cache-control")).toBe("no-store");
    const token: unknown = JSON.parse(issued.body);
    expect(token).toEqual({ access_token: expect.any(String), token_type: "Bearer", expires_in: 3_600 });
    const authorization = `Bearer ${JSON.parse(issued.body).access_token}`;
    expect((await door.report(REPORT, { headers: { authorization } })).status).toBe(200);
    expect((await door.report(REPORT)).headers.get("www-authenticate")).toBe('Bearer realm="reports"');
    nowMs += 3_600_000;
    expect((await door.report(REPORT, { headers: { authorization } })).status).toBe(401);
    expect(await door.stored()).toHaveLength(1);

    const wrong = await ask({ authorization: basicHeader("sinch:wrong") });
    expect(wrong).toMatchObject({ status: 401, body: '{"error":"invalid_client"}' });
    expect(wrong.headers.get("www-authenticate")).toBe('Basic realm="reports"');
    expect(await ask({ authorization: basicHeader("sinch:client s3cret+") }, "grant_type=x")).toMatchObject({
      status: 400,
      body: '{"error":"unsupported_grant_type"}',
    });
  });
});

it("no answer and no log line holds anything of the path or the body", async () => {
  const number = "447700900001";
  const door = await openDoor({
    access: { basic: sensitive("volley:geheim") },
    store:
      () =>
      async ({ body }) => {
        // As Postgres does with the values of a refused row.
        throw Object.assign(new Error(`invalid: ${body}`), { severity: "ERROR", code: "22021" });
      },
  });
  const body = `{"recipient":"${number}","token":"${SECRET}"}`;
  const headers = { authorization: basicHeader("volley:geheim") };
  const replies = [
    await door.report(body, { headers }),
    await door.report(body),
    await door.report("", { headers }),
    await door.report(body, { headers: { ...headers, "content-encoding": "gzip" } }),
    await door.call(`/reports/main/${SECRET}x`, { body }),
    await door.call(`/reports/main/${SECRET}/token`, { body, headers }),
  ];
  expect(replies.map(({ status }) => status)).toEqual([503, 401, 400, 415, 404, 401]);
  expect(replies[0]?.headers.get("retry-after")).toBe("5");
  expect(door.logged.map((line) => JSON.parse(line).msg)).toEqual([
    expect.stringContaining("cannot store"),
    expect.stringContaining("did not prove"),
  ]);
  const said = JSON.stringify([replies.map((one) => [one.body, [...one.headers]]), door.logged]);
  for (const secret of [SECRET, number, "geheim", "recipient"]) expect(said).not.toContain(secret);
});
