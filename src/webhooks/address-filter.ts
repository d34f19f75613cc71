// [8] Which addresses a customer's webhook may lead to: public ones. One answer for an address typed into a URL,
// an address that a name resolved to, and the far end of a connection.
//
// Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry (what they call not globally reachable), multicast,
// and for IPv6 the allocation itself: https://www.iana.org/assignments/ipv6-address-space. Where a registry has
// single public addresses inside a special block, the block is refused whole; no webhook receiver lives there.

import { BlockList, isIP } from "node:net";

type Range = readonly [address: string, prefixBits: number];

const v4Private: readonly Range[] = [
  ["10.0.0.0", 8], // private (RFC 1918)
  ["127.0.0.0", 8], // loopback
  ["172.16.0.0", 12], // private
  ["192.168.0.0", 16], // private
];

const v4Special: readonly Range[] = [
  ["0.0.0.0", 8], // "this network"; Linux connects 0.0.0.0 to itself
  ["100.64.0.0", 10], // shared by carriers (RFC 6598); Alibaba Cloud's metadata lives here, too
  ["169.254.0.0", 16], // link-local, and most clouds' metadata
  ["192.0.0.0", 24], // protocol assignments; Oracle Cloud's metadata
  ["192.0.2.0", 24], // documentation
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays, deprecated
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarking
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and broadcast
  // A public number that every Azure machine reaches its host's agent by:
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  ["168.63.129.16", 32],
];

const v6Private: readonly Range[] = [
  ["::1", 128], // loopback
  ["fc00::", 7], // unique local
];

/**
 * All that is ever public. Outside of it lie loopback, the unspecified address, IPv4-mapped (::ffff:0:0/96) and
 * -compatible ones, 64:ff9b:1::/48, discard-only 100::/64, SRv6 5f00::/16, unique local fc00::/7, link-local
 * fe80::/10, site-local fec0::/10, multicast ff00::/8, and what nobody has been given yet.
 */
const v6Global: Range = ["2000::", 3];

const v6Special: readonly Range[] = [
  ["2001::", 23], // protocol assignments: Teredo 2001::/32, benchmarking 2001:2::/48, ORCHID 2001:10::/28 and 2001:20::/28
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4
  ["2620:4f:8000::", 48], // AS112
  ["3fff::", 20], // documentation
];

/** A translator turns these into the IPv4 address in their last 32 bits, so each is judged as that one is. */
const NAT64 = "64:ff9b::";
const NAT64_BITS = 96;

/** Amazon's metadata over IPv6 lies in the private range, and is nobody's local receiver. */
const V6_METADATA = "fd00:ec2::254";

export type AddressFilter = (address: string) => boolean;

/** `allowPrivate` opens loopback and private networks, for a receiver on a developer's machine; nothing else. */
export function createAddressFilter(options: { readonly allowPrivate: boolean }): AddressFilter {
  const global = new BlockList();
  addAll(global, "ipv6", [v6Global, [NAT64, NAT64_BITS]]);

  const refused = new BlockList();
  addAll(refused, "ipv4", v4Special);
  addAll(refused, "ipv6", v6Special);
  addAll(refused, "ipv6", [...v4Private, ...v4Special].map(throughNat64));
  refused.addAddress(V6_METADATA, "ipv6");

  const local = new BlockList();
  addAll(local, "ipv4", v4Private);
  addAll(local, "ipv6", v6Private);

  return (address) => {
    const family = isIP(address);
    // A zone (`%eth0`) names a link of this machine.
    if (family === 0 || address.includes("%")) return false;
    const name = family === 4 ? "ipv4" : "ipv6";
    if (refused.check(address, name)) return false;
    if (local.check(address, name)) return options.allowPrivate;
    return name === "ipv4" || global.check(address, name);
  };
}

function throughNat64([address, prefixBits]: Range): Range {
  return [NAT64 + address, NAT64_BITS + prefixBits];
}

function addAll(list: BlockList, family: "ipv4" | "ipv6", ranges: readonly Range[]): void {
  for (const [address, prefixBits] of ranges) list.addSubnet(address, prefixBits, family);
}
