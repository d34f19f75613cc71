// What is wrong with a request is refused by the name of the field, with nothing half done and nothing told to the log.

import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { problemSchema } from "../../src/http/contract/problem.ts";
import { createWebhooks } from "../../src/webhooks/webhooks.ts";
import { type ApiBench, message, NUMBER, openApi, type Reply } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

/** Every refusal is one problem, in its own form, and leaves no message behind. */
async function refused(call: () => Promise<Reply>): Promise<Reply> {
  const before = await api.countMessages();
  const reply = await call();
  expect(reply.status, reply.text).toBeGreaterThanOrEqual(400);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(problemSchema.parse(reply.body).status).toBe(reply.status);
  expect(await api.countMessages()).toBe(before);
  return reply;
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  refused(() => api.call("/v1/messages", { body, headers }));

describe("a field", () => {
  it.each([
    ["text", { text: "" }],
    ["text", { text: " \n" }],
    ["text", { text: "a\u0000b" }],
    ["text", { text: "a\ud800b" }],
    ["text", { text: "a".repeat(100_000) }],
    ["text", { text: 5 }],
    ["text", { text: ["a"] }],
    ["text", { text: null }],
    ["to", { to: "" }],
    ["to", { to: "0701740605" }],
    ["to", { to: "+46701740605 ext 5" }],
    ["to", { to: `+${"4".repeat(30)}` }],
    ["to", { to: "4.67E+10" }],
    ["to", { to: 46701740605 }],
    ["to", { to: "+46".repeat(1_000) }],
    ["to", { to: "+46701\u0000740605" }],
    ["from", { from: "" }],
    ["from", { from: "twelve signs" }],
    ["from", { from: "A\u0000" }],
    ["class", { class: "urgent" }],
    ["account", { account: "nobody" }],
    ["account", { account: "a\ud800" }],
    ["metadata", { metadata: [] }],
    ["metadata.a", { metadata: { a: 1 } }],
    ["metadata.a", { metadata: { a: "\u0000" } }],
    ["metadata", { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`f${i}`, "x"])) }],
    ["reference", { reference: "x".repeat(201) }],
    ["reference", { reference: "\udc00" }],
    ["txet", { txet: "Hello" }],
    ["recipients", { recipients: [] }],
  ])("%s is refused by its name: %j", async (path, changes) => {
    const { status, body } = await post(message(changes));
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "invalid_request", errors: [{ path, message: expect.any(String) }] });
  });

  it.each([
    ["in the past", "sendAt", { sendAt: "2020-01-01T09:00:00Z" }],
    ["without a zone", "sendAt", { sendAt: "2027-01-01T09:00" }],
    ["in a zone that there is not", "timeZone", { sendAt: "2027-01-01T09:00", timeZone: "Mars/Olympus" }],
    ["in the year 9999", "sendAt", { sendAt: "9999-12-31T23:59:59Z" }],
    ["that is none", "sendAt", { sendAt: "soon" }],
    ["after its end", "expiresAt", { sendAt: "2027-01-01T09:00:00Z", expiresAt: "2027-01-01T08:00:00Z" }],
    ["of an end that is none", "expiresAt", { expiresAt: "soon" }],
  ])("a time %s is refused by its name", async (_name, path, changes) => {
    const { body } = await post(message(changes));
    expect(body).toMatchObject({ code: "invalid_request", errors: [{ path }] });
  });

  it.each([
    ["to", { to: "+4915112345678" }],
    ["from", { from: "ab", account: "fixed" }],
  ])("that no account takes is refused by its name: %s", async (path, changes) => {
    const { body } = await post(message(changes));
    expect(body).toMatchObject({ code: "invalid_request", errors: [{ path }] });
  });

  it("may hold a time that clocks skip: it is the one after it by as much", async () => {
    const changes = { sendAt: "2027-03-28T02:30", timeZone: "Europe/Stockholm" };
    const { body: sent } = await api.call("/v1/messages", { body: message(changes) });
    expect((await api.call(`/v1/messages/${sent.id}`)).body.dueAt).toBe("2027-03-28T01:30:00.000Z");
  });

  it("may write one person in many ways, and opt-outs hold for all of them", async () => {
    const person = "+46701740688";
    const done = await api.call(`/v1/suppressions/${encodeURIComponent("0046 70-174 06 88")}`, {
      method: "PUT",
    });
    expect(done.body).toEqual({ number: person, added: true, suppressed: 0 });
    for (const to of [
      person,
      "0046701740688",
      "+46\u00a070 174 06 88",
      "\u200e+46701740688",
      "＋４６701740688",
    ]) {
      expect((await post(message({ to }))).body.code, to).toBe("state_conflict");
    }
  });
});

describe("a body", () => {
  it.each([
    ["nothing", ""],
    ["half of it", '{"to":"'],
    ["a number with a point too many", '{"to":1.2.3}'],
    ["a list", "[]"],
    ["a text", '"hello"'],
    ["null", "null"],
    ["depth 10,000", `${"[".repeat(10_000)}${"]".repeat(10_000)}`],
    ["depth 10,000 in a field", `{"to":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`],
    ["depth half a million", "[".repeat(500_000)],
    ["the prototype's key", `{"to":"${NUMBER}","text":"a","__proto__":{"class":"marketing"}}`],
    ["the prototype's key in metadata", `{"to":"${NUMBER}","text":"a","metadata":{"__proto__":{"a":"b"}}}`],
    ["a constructor's prototype", `{"to":"${NUMBER}","text":"a","constructor":{"prototype":{}}}`],
    ["a spelled surrogate", `{"to":"${NUMBER}","text":"\\ud800"}`],
  ])("of %s is 400", async (_name, body) => {
    expect((await post(body)).status).toBe(400);
  });

  it("that is not UTF-8 is refused, and not mended", async () => {
    const [head, tail] = [Buffer.from(`{"to":"${NUMBER}","text":"a`), Buffer.from('"}')];
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      const { body } = await post(Buffer.concat([head, Buffer.from(bytes), tail]));
      expect(body).toMatchObject({ status: 400, code: "malformed_json" });
    }
    const wide = Buffer.from(JSON.stringify(message()), "utf16le");
    expect((await post(wide, { "content-type": "application/json; charset=utf-16le" })).status).toBe(400);
  });

  it("of fifty megabytes is 413, and its sender hears so", async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        if (sent > 50_000_000) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const reply = await fetch(`${api.url}/v1/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.admin}`, "content-type": "application/json" },
      body,
      duplex: "half",
    });
    expect(reply.status).toBe(413);
    expect(await reply.json()).toMatchObject({ code: "body_too_large" });
  });

  it("that is compressed is 415 before a byte of it is read", async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, " "));
    for (const encoding of ["gzip", "br", "deflate", "GZIP"]) {
      const { body, headers } = await post(bomb, { "content-encoding": encoding });
      expect(body, encoding).toMatchObject({ status: 415, code: "unsupported_media_type" });
      expect(headers.get("accept-encoding")).toBe("identity");
    }
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/json",
    "a/b; =",
  ])("under the content type %s is 415", async (type) => {
    const reply = await post(JSON.stringify(message()), { "content-type": type });
    expect(reply.body).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });
});

describe("a webhook's URL", () => {
  const webhooks = createWebhooks({ allowPrivateAddresses: false });
  let strict: ApiBench;
  beforeAll(async () => {
    const { checkUrl } = webhooks;
    strict = await openApi({
      change: (doors) => ({ ...doors, webhooks: { ...doors.webhooks, checkUrl } }),
    });
  });
  afterAll(async () => {
    await strict.close();
    await webhooks.close();
  });

  it.each([
    "http://127.1/",
    "https://0x7f000001/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::7f00:1]/",
    "https://user@example.com/",
    "http://example.com/",
    "https://example.com/#x",
    "javascript:alert(1)",
    "https://exa\u0000mple.com/",
    "",
    "x".repeat(5_000),
  ])("%s is refused by the name of the field", async (url) => {
    const events = ["message.accepted"];
    const made = await strict.call("/v1/webhook-endpoints", { body: { url, events } });
    expect(made).toMatchObject({ status: 400, body: { errors: [{ path: "url" }] } });
    expect((await strict.call("/v1/webhook-endpoints")).body.data).toEqual([]);
  });
});

it("no idempotency key may be empty, hold spaces or be endless", async () => {
  for (const key of ["", "a b", "x".repeat(256), "\u00e5"]) {
    const { status, body } = await post(message(), { "idempotency-key": key });
    expect(status, key).toBe(400);
    expect(body.errors).toEqual([{ path: "idempotency-key", message: expect.any(String) }]);
  }
});

it("paths that are too long or wrongly written are 404, without an echo", async () => {
  for (const path of [
    `/v1/suppressions/${"4".repeat(500)}`,
    "/v1/suppressions/%zz",
    "/v1/messages/../../x",
  ]) {
    const reply = await api.call(path, { method: "DELETE" });
    expect(reply.status, path).toBe(404);
    expect(reply.text).not.toContain("suppressions");
  }
});

it("names come back as they were written, and as JSON", async () => {
  const reference = '<script>alert("\u202e")</script>';
  const { body: sent } = await api.call("/v1/messages", { body: message({ reference }) });
  const reply = await api.call(`/v1/messages/${sent.id}`);
  expect(reply.body.reference).toBe(reference);
  expect(reply.headers.get("content-type")).toContain("application/json");
});
