// The URL of a Redis or Valkey: one server, Sentinel or Cluster, told apart by its scheme.
//
//   redis://[user:password@]host:port/db               rediss:// for TLS
//   redis-sentinel://host:26379,host2:26379/mymaster?db=0&sentinelPassword=...     rediss-sentinel://
//   redis-cluster://host:7000,host2:7000               rediss-cluster://

const URL_FORM = /^(rediss?)(?:-(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^/?]*))?(?:\?(.*))?$/;
const HOST_FORM = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;
const PORT = 6379;
const SENTINEL_PORT = 26379;
const PORT_MAX = 65_535;

export type RedisAddress = {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number;
  /** The group that Sentinel watches; null for the other kinds. */
  readonly masterName: string | null;
  readonly sentinelPassword: string | null;
  /** For logs and errors: without user and password. */
  readonly label: string;
};

export type RedisUrlReading =
  | { readonly ok: true; readonly address: RedisAddress }
  | { readonly ok: false; readonly reason: string };

/** The reason never repeats the URL, which may hold a password. */
export function parseRedisUrl(url: string): RedisUrlReading {
  const found = URL_FORM.exec(url);
  if (found === null)
    return fault("is not of the form redis://host:port, redis-sentinel:// or redis-cluster://");
  const [, scheme = "", form = "single", login, hostList = "", path = "", query = ""] = found;
  const kind = form === "sentinel" || form === "cluster" ? form : "single";
  const hosts = parseHosts(hostList, kind === "sentinel" ? SENTINEL_PORT : PORT);
  if (hosts === null) return fault("has a host that is not of the form name:port");
  if (kind === "single" && hosts.length > 1) {
    return fault("names several hosts: use redis-sentinel:// or redis-cluster://");
  }
  const user = parseLogin(login);
  if (user === null) return fault("has a user or password whose percent signs are not escaped as %25");
  const parameters = new URLSearchParams(query);
  const db = parseDb((kind === "single" ? path : parameters.get("db")) || "0");
  if (db === null) return fault("has a database that is not a number");
  if (kind === "sentinel" && path === "")
    return fault("lacks the master's name: redis-sentinel://host:26379/mymaster");
  if (kind === "cluster" && (db !== 0 || path !== ""))
    return fault("names a database, and a Redis Cluster has only database 0");
  const masterName = kind === "sentinel" ? path : null;
  const schemeLabel = form === "single" ? scheme : `${scheme}-${form}`;
  const suffix = kind === "sentinel" ? `/${path}` : db === 0 ? "" : `/${db}`;
  return {
    ok: true,
    address: {
      kind,
      hosts,
      tls: scheme === "rediss",
      ...user,
      db,
      masterName,
      sentinelPassword: parameters.get("sentinelPassword"),
      label: `${schemeLabel}://${hostList}${suffix}`,
    },
  };
}

function parseHosts(list: string, defaultPort: number): RedisAddress["hosts"] | null {
  const hosts: { host: string; port: number }[] = [];
  for (const item of list.split(",")) {
    const found = HOST_FORM.exec(item.trim());
    const port = Number(found?.[2] ?? defaultPort);
    if (found?.[1] === undefined || port < 1 || port > PORT_MAX) return null;
    hosts.push({ host: found[1].replace(/^\[|\]$/g, ""), port });
  }
  return hosts;
}

function parseLogin(login: string | undefined): { username: string | null; password: string | null } | null {
  if (login === undefined || login === "") return { username: null, password: null };
  const colonAt = login.indexOf(":");
  const username = colonAt === -1 ? login : login.slice(0, colonAt);
  const password = colonAt === -1 ? "" : login.slice(colonAt + 1);
  try {
    return { username: decodeURIComponent(username) || null, password: decodeURIComponent(password) || null };
  } catch {
    return null;
  }
}

function parseDb(text: string): number | null {
  return /^\d{1,5}$/.test(text) ? Number(text) : null;
}

function fault(reason: string): RedisUrlReading {
  return { ok: false, reason };
}
