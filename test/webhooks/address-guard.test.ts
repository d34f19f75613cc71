// Webhook URLs, judged by their text.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkWebhookUrl } from "../../src/webhooks/address-guard.ts";

const inProduction = (text: string) => checkWebhookUrl(text, { development: false });
const inDevelopment = (text: string) => checkWebhookUrl(text, { development: true });

describe("in production", () => {
  test.each([
    ["https://hooks.example.com/volley?key=1", "https://hooks.example.com/volley?key=1"],
    ["HTTPS://Hooks.Example.COM:443", "https://hooks.example.com/"],
    ["https://hooks.example.com:8443/", "https://hooks.example.com:8443/"],
    ["https://bücher.example/", "https://xn--bcher-kva.example/"],
    ["https://8.8.8.8/", "https://8.8.8.8/"],
    ["https://[2606:4700::]/", "https://[2606:4700::]/"],
    ["https://localhost.example.com/", "https://localhost.example.com/"],
    ["https://notlocal.example/", "https://notlocal.example/"],
  ])("%s is taken as %s", (text, url) => {
    expect(inProduction(text)).toEqual({ ok: true, url });
  });

  test.each([
    // One address, as browsers and C libraries let it be written.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.1./",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://%31%32%37.0.0.1/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://127.1:8443/",
  ])("%s is a private address", (text) => {
    expect(inProduction(text)).toEqual({ ok: false, reason: "private-address" });
  });

  test.each([
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://localhost./",
    "https://ⓛocalhost/",
    "https://api.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://router.home.arpa/",
    "https://redis/",
    "https://redis:6379/",
  ])("%s is a private name", (text) => {
    expect(inProduction(text)).toEqual({ ok: false, reason: "private-name" });
  });

  test.each([
    ["http://hooks.example.com/", "not-https"],
    ["ftp://hooks.example.com/", "not-https"],
    ["file://hooks.example.com/etc/passwd", "not-https"],
    ["https://user@hooks.example.com/", "credentials"],
    ["https://user:password@hooks.example.com/", "credentials"],
    ["https://:password@hooks.example.com/", "credentials"],
    ["https://hooks.example.com@127.0.0.1/", "credentials"],
    ["https://hooks.example.com/#part", "fragment"],
    ["https://hooks.example.com/#", "fragment"],
    ["https://hooks.example.com:22/", "port"],
    ["https://hooks.example.com:25/", "port"],
    ["https://hooks.example.com:80/", "port"],
    ["https://hooks.example.com:0/", "port"],
    ["https://hooks.example.com:1023/", "port"],
    [`https://hooks.example.com/${"x".repeat(2_048)}`, "too-long"],
    ["", "malformed"],
    ["hooks.example.com", "malformed"],
    ["/hook", "malformed"],
    ["https://", "malformed"],
    ["https://hooks.example.com:99999/", "malformed"],
    ["https://256.1.1.1/", "malformed"],
    ["https://[::1", "malformed"],
    ["https://[fe80::1%25eth0]/", "malformed"],
    [" https://hooks.example.com/", "malformed"],
    ["https://hooks.exa\tmple.com/", "malformed"],
    ["https://hooks.example.com/\r\nhost: x", "malformed"],
    ["https://hooks.example.com/\u0000", "malformed"],
    ["https://hooks.example.com/\u202e", "malformed"],
    ["https://hooks.example.com/\ud800", "malformed"],
    ["https:\\\\hooks.example.com\\", "malformed"],
    ["javascript:alert(1)", "malformed"],
    ["data:text/plain,x", "malformed"],
  ])("%j is refused: %s", (text, reason) => {
    expect(inProduction(text)).toEqual({ ok: false, reason });
  });
});

describe("in development", () => {
  test.each([
    "http://localhost:3000/hook",
    "http://127.0.0.1:3000/",
    "http://[::1]:3000/",
    "http://receiver/",
    "http://192.168.65.2/",
    "https://hooks.example.com/",
  ])("%s is taken", (url) => {
    expect(inDevelopment(url)).toEqual({ ok: true, url });
  });

  test.each([
    ["http://169.254.169.254/latest/meta-data/", "private-address"],
    ["http://user@localhost:3000/", "credentials"],
    ["http://localhost:3000/#x", "fragment"],
    ["http://localhost:0/", "port"],
    ["ftp://localhost/", "not-https"],
  ])("%s stays refused: %s", (text, reason) => {
    expect(inDevelopment(text)).toEqual({ ok: false, reason });
  });
});

test("whatever is typed gets an answer, and what is taken is https to a host and is taken again unchanged", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.webUrl({ validSchemes: ["https", "http"], withFragments: true, withQueryParameters: true }),
    fc.string().map((host) => `https://${host}/`),
  );
  fc.assert(
    fc.property(text, (typed) => {
      const check = inProduction(typed);
      if (!check.ok) return;
      expect(check.url).toMatch(/^https:\/\/[^/@]+\//);
      expect(inProduction(check.url)).toEqual(check);
    }),
    { numRuns: 1_000 },
  );
});
