// From a host name to its addresses, in two ways.
//
// Names that strangers chose are asked of the name servers directly: the system's resolver works in a small pool
// of threads that the whole process shares, where two names whose servers never answer would hold up every
// other look-up, Redis and Postgres included. It also knows this machine's hosts file, which is nobody else's.

import { lookup, Resolver } from "node:dns/promises";

const QUERY_TIMEOUT_MS = 1_500;
const QUERY_TRIES = 2;

/** Rejects when the name has no address. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export function createDnsResolver(options: { readonly servers?: readonly string[] } = {}): ResolveName {
  const resolver = new Resolver({
    timeout: QUERY_TIMEOUT_MS,
    maxTimeout: QUERY_TIMEOUT_MS,
    tries: QUERY_TRIES,
  });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve6(name), resolver.resolve4(name)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length === 0) throw new Error("The name has no address.");
    return addresses;
  };
}

/** The system's own way, for receivers on a developer's machine. */
export const resolveBySystem: ResolveName = async (name) => {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
};
