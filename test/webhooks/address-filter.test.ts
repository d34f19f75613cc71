// Every special range of the registries, at its edges and anywhere inside.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddressFilter } from "../../src/webhooks/address-filter.ts";

const isPublic = createAddressFilter({ allowPrivate: false });
const isReachableInDevelopment = createAddressFilter({ allowPrivate: true });

/** First and last address of each range, and the addresses right beside them that are public. */
const v4Ranges = [
  ["0.0.0.0", "0.255.255.255", null, "1.0.0.0"],
  ["10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ["100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"],
  ["127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"],
  ["168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"],
  ["169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"],
  ["172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"],
  ["192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"],
  ["192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"],
  ["192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"],
  ["192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"],
  ["192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"],
  ["192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"],
  ["192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"],
  ["198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"],
  ["198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"],
  ["203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"],
  ["224.0.0.0", "255.255.255.255", "223.255.255.255", null],
] as const;

const v6Ranges = [
  ["::", 96], // unspecified, loopback, IPv4-compatible
  ["::ffff:0:0", 96], // IPv4-mapped
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["100:0:0:1::", 64],
  ["2001::", 32],
  ["2001:2::", 48],
  ["2001:10::", 28],
  ["2001:20::", 28],
  ["2001:30::", 28],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
  ["4000::", 2],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;

describe("IPv4", () => {
  test.each(v4Ranges)("%s to %s is refused and its neighbours are not", (first, last, before, after) => {
    expect([isPublic(first), isPublic(last)]).toEqual([false, false]);
    for (const neighbour of [before, after]) if (neighbour !== null) expect(isPublic(neighbour)).toBe(true);
  });

  test("any address is public exactly when it lies in none of the ranges, also through NAT64", () => {
    const numberOf = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    const ranges = v4Ranges.map(([first, last]) => [numberOf(first), numberOf(last)] as const);
    const inside = fc.constantFrom(...ranges).chain(([min, max]) => fc.integer({ min, max }));
    const anywhere = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(fc.oneof(inside, anywhere), (number) => {
        const special = ranges.some(([first, last]) => number >= first && number <= last);
        const text = [24, 16, 8, 0].map((bits) => (number >>> bits) & 0xff).join(".");
        expect(isPublic(text)).toBe(!special);
        expect(isPublic(`64:ff9b::${text}`)).toBe(!special);
        for (const wrapped of [`::${text}`, `::ffff:${text}`, `::ffff:0:${text}`, `64:ff9b:1::${text}`])
          expect(isPublic(wrapped)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("IPv6", () => {
  test("every address inside a special range is refused, in every spelling", () => {
    const inside = fc
      .constantFrom(...v6Ranges)
      .chain(([base, bits]) =>
        fc.bigInt({ min: 0n, max: 2n ** BigInt(128 - bits) - 1n }).map((rest) => parseV6(base) + rest),
      );
    fc.assert(
      fc.property(inside, (number) => {
        const long = writeV6(number);
        expect(isPublic(long), long).toBe(false);
        expect(isPublic(long.toUpperCase()), long).toBe(false);
        expect(isPublic(new URL(`http://[${long}]/`).hostname.slice(1, -1)), long).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    "2606:4700::",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2001:200::",
    "2003::1",
    "2a00:1450:4001:80b::200e",
    "2000::",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b::8.8.8.8",
    "64:ff9b::808:808",
  ])("%s is public", (address) => {
    expect(isPublic(address)).toBe(true);
  });

  test.each(["2606:4700::1%eth0", "fe80::1%1", "::1%lo"])("%s with a zone is refused", (address) => {
    expect([isPublic(address), isReachableInDevelopment(address)]).toEqual([false, false]);
  });
});

test.each(["", "localhost", "8.8.8", "127.1", "0x7f000001", "2130706433", "[::1]", " 8.8.8.8", "8.8.8.8:80"])(
  "%j is no address, so it is not a public one",
  (text) => {
    expect(isPublic(text)).toBe(false);
  },
);

describe("in development", () => {
  test.each([
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "172.17.0.1",
    "192.168.65.2",
    "fd12::1",
    "8.8.8.8",
    "2606:4700::",
  ])("%s is reachable", (address) => {
    expect(isReachableInDevelopment(address)).toBe(true);
  });

  test.each([
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "0.0.0.0",
    "ff02::1",
  ])("%s stays refused", (address) => {
    expect(isReachableInDevelopment(address)).toBe(false);
  });
});

function parseV6(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const start = groups(head);
  const end = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - start.length - end.length }, () => "0");
  return [...start, ...zeros, ...end].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

function writeV6(number: bigint): string {
  return [7, 6, 5, 4, 3, 2, 1, 0]
    .map((group) => ((number >> BigInt(16 * group)) & 0xffffn).toString(16))
    .join(":");
}
