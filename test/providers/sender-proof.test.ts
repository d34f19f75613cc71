// Who may report: each configured proof must hold, and nothing that merely looks like one does.

import { describe, expect, test } from "vitest";
import type { ReportAccess } from "../../src/domain/account.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { providers } from "../../src/providers/index.ts";
import type { SignedRequest } from "../../src/providers/provider.ts";
import { createReportSenders } from "../../src/providers/report-senders.ts";
import { issueReportToken, proveSender, REPORT_TOKEN_SECONDS } from "../../src/providers/sender-proof.ts";
import { accountOf, reportAccess } from "./support.ts";

const nowMs = Date.UTC(2026, 10, 22, 12);
const oauth2 = { clientId: "sinch", clientSecret: sensitive("client s3cret+") };
const basic = sensitive("volley:pa:ss wörd");

function accountWith(access: Partial<ReportAccess>, name = "main-sinch") {
  return accountOf("sinch", { name, reports: reportAccess(access) });
}

function request(headers: SignedRequest["headers"] = {}, body = "{}"): SignedRequest {
  return { headers, rawBody: Buffer.from(body) };
}

const basicHeader = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;

function proves(access: Partial<ReportAccess>, authorization?: string, atMs = nowMs): boolean {
  return proveSender(request({ authorization }), {
    account: accountWith(access),
    provider: providers.sinch,
    nowMs: atMs,
  });
}

/** A token that the account's server issued. */
function tokenOf(account = accountWith({ oauth2 })): string {
  const issued = issueReportToken(
    request({ authorization: basicHeader("sinch:client s3cret+") }, "grant_type=client_credentials"),
    account,
    nowMs,
  );
  if (!issued.ok) throw new Error(issued.error);
  return issued.token.reveal();
}

describe("the secret of the path", () => {
  const provider = providers.sinch;
  const senders = createReportSenders(
    new Map([
      ["main", { account: accountWith({}), provider }],
      ["closed", { account: accountOf("sinch"), provider }],
    ]),
  );
  test("is the account's, to the letter", () => {
    expect(senders.knows("main", "secret-of-the-path-1")).toBe(true);
    const wrong = [
      "",
      "secret-of-the-path",
      "Secret-of-the-path-1",
      "secret-of-the-path-11",
      "x",
      "x".repeat(999),
    ];
    for (const given of [...wrong, "secret-of-the-path-1\0", "secret-of-the-path-1".padEnd(600, "\0")]) {
      expect(senders.knows("main", given), given).toBe(false);
    }
  });

  test("opens nothing at an account that takes no reports, and none that is not there", () => {
    for (const name of ["closed", "nobody", "__proto__"]) {
      expect(senders.knows(name, "")).toBe(false);
      expect(senders.knows(name, "secret-of-the-path-1")).toBe(false);
    }
    const closed = { account: accountOf("sinch"), provider, nowMs };
    expect(proveSender(request(), closed)).toBe(false);
  });

  test("is enough where no proof is configured beside it", () => {
    expect(proves({})).toBe(true);
    expect(proves({}, "Basic rubbish")).toBe(true);
  });
});

describe("HTTP Basic", () => {
  test.each([
    ["the pair", basicHeader("volley:pa:ss wörd"), true],
    ["the scheme in lower case", basicHeader("volley:pa:ss wörd").replace("Basic", "basic"), true],
    ["another password", basicHeader("volley:pa:ss word"), false],
    ["another case", basicHeader("Volley:pa:ss wörd"), false],
    ["the user alone", basicHeader("volley"), false],
    ["half of it", basicHeader("volley:pa:ss wörd").slice(0, -4), false],
    ["a bearer", `Bearer ${Buffer.from("volley:pa:ss wörd").toString("base64")}`, false],
    ["no base64", "Basic volley:pa:ss", false],
    ["nothing", "", false],
    ["no header", undefined, false],
  ])("with %s", (_title, authorization, expected) => {
    expect(proves({ basic }, authorization)).toBe(expected);
  });
});

describe("a token of ours", () => {
  test("opens its account's door for an hour", () => {
    const header = `Bearer ${tokenOf()}`;
    expect(proves({ oauth2 }, header)).toBe(true);
    expect(proves({ oauth2 }, header.replace("Bearer", "bearer"))).toBe(true);
    expect(proves({ oauth2 }, header, nowMs + REPORT_TOKEN_SECONDS * 1000 - 1)).toBe(true);
    expect(proves({ oauth2 }, header, nowMs + REPORT_TOKEN_SECONDS * 1000)).toBe(false);
  });

  test("does not open another account's door, though both have one secret", () => {
    const other = tokenOf(accountWith({ oauth2 }, "spare-sinch"));
    expect(proves({ oauth2 }, `Bearer ${other}`)).toBe(false);
  });

  test("ends with a new client secret", () => {
    const renewed = { ...oauth2, clientSecret: sensitive("another") };
    expect(proves({ oauth2: renewed }, `Bearer ${tokenOf()}`)).toBe(false);
  });

  test("forged, cut, extended or in another case opens nothing", () => {
    const token = tokenOf();
    const [expiry = "", mac = ""] = token.split(".");
    const forged = [
      `${Number(expiry) + 1}.${mac}`,
      `0${expiry}.${mac}`,
      `${expiry}.${"A".repeat(43)}`,
      `${expiry}.`,
      `.${mac}`,
      mac,
      `${token}A`,
      `${token}.`,
      token.toLowerCase(),
      `${expiry}.${mac}=`,
      "",
    ];
    for (const one of forged) expect(proves({ oauth2 }, `Bearer ${one}`), one).toBe(false);
    for (let length = 0; length < token.length; length += 1) {
      expect(proves({ oauth2 }, `Bearer ${token.slice(0, length)}`)).toBe(false);
    }
    for (const other of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
      const changed = token.slice(0, -1) + other;
      expect(proves({ oauth2 }, `Bearer ${changed}`)).toBe(changed === token);
    }
    expect(proves({ oauth2 }, token)).toBe(false);
    expect(proves({ oauth2 })).toBe(false);
  });
});

describe("issuing a token", () => {
  const grant = "grant_type=client_credentials";
  const issue = (headers: SignedRequest["headers"], body: string) =>
    issueReportToken(request(headers, body), accountWith({ oauth2 }), nowMs);

  test.each([
    ["HTTP Basic", { authorization: basicHeader("sinch:client s3cret+") }, grant],
    ["HTTP Basic, form-encoded", { authorization: basicHeader("sinch:client+s3cret%2B") }, grant],
    ["the form", {}, `${grant}&client_id=sinch&client_secret=client+s3cret%2B`],
  ])("takes the client's credentials in %s", (_title, headers, body) => {
    expect(issue(headers, body)).toMatchObject({ ok: true, expiresInSeconds: 3_600 });
  });

  test.each([
    ["a wrong secret", { authorization: basicHeader("sinch:wrong") }, grant, "invalid_client"],
    ["another client", { authorization: basicHeader("Sinch:client s3cret+") }, grant, "invalid_client"],
    ["a wrong secret in the form", {}, `${grant}&client_id=sinch&client_secret=x`, "invalid_client"],
    ["a moved colon", {}, `${grant}&client_id=sinch:client&client_secret=s3cret%2B`, "invalid_client"],
    ["nothing", {}, "", "invalid_client"],
    ["no grant", { authorization: basicHeader("sinch:client s3cret+") }, "", "invalid_request"],
    [
      "another grant",
      { authorization: basicHeader("sinch:client s3cret+") },
      "grant_type=password",
      "unsupported_grant_type",
    ],
    [
      "a wrong header beside a right form",
      { authorization: "Basic x" },
      `${grant}&client_id=sinch&client_secret=client+s3cret%2B`,
      "invalid_client",
    ],
  ])("refuses %s", (_title, headers, body, error) => {
    expect(issue(headers, body)).toEqual({ ok: false, error });
  });

  test("is refused by an account without a client, whatever is sent", () => {
    const headers = { authorization: basicHeader(":") };
    expect(issueReportToken(request(headers, grant), accountWith({}), nowMs)).toEqual({
      ok: false,
      error: "invalid_client",
    });
  });

  test("keeps the token sensitive", () => {
    const issued = issue({ authorization: basicHeader("sinch:client s3cret+") }, grant);
    expect(JSON.stringify(issued)).toBe('{"ok":true,"token":"[hidden]","expiresInSeconds":3600}');
  });
});

describe("several proofs", () => {
  const hmacSecret = sensitive("SMSWebhooksSecret");

  test("must hold together: a login does not make up for a signature", () => {
    expect(proves({ basic, hmacSecret }, basicHeader("volley:pa:ss wörd"))).toBe(false);
  });

  test("a signature proves nothing at a provider that signs nothing", () => {
    const account = accountOf("mobile-digital", { reports: reportAccess({ hmacSecret }) });
    expect(proveSender(request(), { account, provider: providers["mobile-digital"], nowMs })).toBe(false);
  });

  test("a right signature and a right login open the door", () => {
    const headers = {
      authorization: basicHeader("volley:pa:ss wörd"),
      "x-sinch-webhook-signature": "ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0=",
      "x-sinch-webhook-signature-algorithm": "HmacSHA256",
      "x-sinch-webhook-signature-nonce": "01JHFFHWYY7HSS4FWTMDTQEK8V",
      "x-sinch-webhook-signature-timestamp": "1736760161",
    };
    const body =
      '{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client reference","code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466","status":"Delivered","type":"recipient_delivery_report_sms"}';
    const at = { provider: providers.sinch, nowMs: 1_736_760_161_000 };
    const account = accountWith({ basic, hmacSecret });
    expect(proveSender(request(headers, body), { account, ...at })).toBe(true);
    const { authorization: _authorization, ...signedOnly } = headers;
    expect(proveSender(request(signedOnly, body), { account, ...at })).toBe(false);
    expect(proveSender(request(signedOnly, body), { account: accountWith({ hmacSecret }), ...at })).toBe(
      true,
    );
  });
});
