// The API on parts of its own (database, engine, simulated providers), over real sockets.

import { pino } from "pino";
import { apiDoors } from "../../src/cli/api-doors.ts";
import { parseConfig } from "../../src/config.ts";
import type { ApiScope } from "../../src/domain/api-key.ts";
import type { ApiBounds } from "../../src/http/api.ts";
import type { ApiDoors } from "../../src/http/doors.ts";
import { openHttpServer } from "../../src/http/server.ts";
import { openParts } from "../../src/parts.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createSimulator } from "../../src/simulator/server.ts";
import { createDatabase } from "../support/database.ts";
import { silent } from "../support/ledger.ts";
import { accountAt } from "../support/volley-command.ts";

export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer is what it checks.
  readonly body: any;
};
export type Call = {
  readonly method?: string;
  /** Sent as JSON; a string or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Null: none is sent. */
  readonly key?: string | null;
};
export type ApiBench = Awaited<ReturnType<typeof openApi>>;

/** Swedish numbers have a route, others have none; an account has a fixed key, another one a wrong secret. */
export async function openApi({
  bounds = {},
  change = (doors) => doors,
  databaseUrl,
  bodyMsMax,
}: {
  readonly bounds?: Partial<ApiBounds>;
  readonly change?: (doors: ApiDoors) => ApiDoors;
  readonly databaseUrl?: string;
  readonly bodyMsMax?: number;
} = {}) {
  const database = databaseUrl === undefined ? await createDatabase() : null;
  const url = databaseUrl ?? database?.url ?? "";
  const simulator = await createSimulator({ keepDetails: true });
  const source = JSON.stringify({
    database: url,
    accounts: [
      accountAt(simulator.url, "sinch", { from: "Volley" }),
      accountAt(simulator.url, "sinch", { name: "refused", from: "Volley", secret: "wrong-secret" }),
      accountAt(simulator.url, "smscx", {
        name: "fixed",
        credentials: { apiKey: "demo-key" },
        from: "Volley",
      }),
    ],
    routes: [{ prefix: "+46", accounts: ["sinch"] }],
    webhooks: { allowPrivateAddresses: true },
  });
  const logged: string[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => void logged.push(line) });
  const parts = await openParts(parseConfig(source, { file: null, environment: {} }), {
    log,
    waitMs: 10_000,
  });
  const server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    readiness: async () => [],
    api: change(apiDoors(parts)),
    apiBounds: bounds,
    ...(bodyMsMax === undefined ? {} : { bodyMsMax }),
  });
  const pool = createPool({ url, applicationName: "volley-test", max: 4, log: silent });
  const createKey = async (...scopes: ApiScope[]) => {
    const { apiKey, key } = await parts.ledger.apiKeys.create({ name: "test", scopes });
    return { id: apiKey.id, key: parts.ledger.apiKeys.showKey(key) };
  };
  const { key: admin } = await createKey("admin");

  return {
    url: server.url,
    parts,
    pool,
    simulator,
    logged,
    admin,
    createKey,
    async call(path: string, { method, body, headers, key = admin }: Call = {}): Promise<Reply> {
      const isRaw = typeof body === "string" || body instanceof Uint8Array;
      const reply = await fetch(server.url + path, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
      });
      const text = await reply.text();
      const isJson = reply.headers.get("content-type")?.includes("json") === true;
      return { status: reply.status, headers: reply.headers, text, body: isJson ? JSON.parse(text) : null };
    },
    async countMessages(): Promise<number> {
      const { rows } = await pool.query("select count(*)::int as messages from volley.message");
      return rows[0].messages;
    },
    async close(): Promise<void> {
      await server.close();
      await pool.end();
      await parts.close();
      await simulator.close();
      await database?.drop();
    },
  };
}

export const NUMBER = "+46701740605";
export const message = (changes: object = {}) => ({ to: NUMBER, text: "Hello", ...changes });
