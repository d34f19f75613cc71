// A report door on a ledger of its own, over real sockets.

import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Account, ReportAccess } from "../../src/domain/account.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import type { ReportDoor, ReportDoorBounds } from "../../src/http/reports.ts";
import { openHttpServer } from "../../src/http/server.ts";
import { providerOf } from "../../src/providers/index.ts";
import { createReportSenders } from "../../src/providers/report-senders.ts";
import { accountOf, reportAccess } from "../providers/support.ts";
import { openLedgerBench } from "../support/ledger.ts";

export const SECRET = "secret-of-the-path-1";
export const OTHER_SECRET = "another-secret-of-a-path_2";

export function accounts(access: Partial<ReportAccess> = {}): readonly Account[] {
  return [
    accountOf("sinch", { name: "main", reports: reportAccess({ secret: sensitive(SECRET), ...access }) }),
    accountOf("infobip", { name: "other", reports: reportAccess({ secret: sensitive(OTHER_SECRET) }) }),
    accountOf("sinch", { name: "silent" }),
  ];
}

export async function openDoor({
  access = {},
  store,
  onStored,
  now = Date.now,
  bounds = {},
  headersMsMax,
}: {
  readonly access?: Partial<ReportAccess>;
  readonly store?: (store: ReportDoor["store"]) => ReportDoor["store"];
  readonly onStored?: () => void;
  readonly now?: () => number;
  readonly bounds?: Partial<ReportDoorBounds>;
  readonly headersMsMax?: number;
} = {}) {
  const bench = await openLedgerBench();
  onTestFinished(bench.close);
  const logged: string[] = [];
  const entries = accounts(access).map((account) => ({ account, provider: providerOf(account) }));
  const reportDoor: ReportDoor = {
    senders: createReportSenders(new Map(entries.map((one) => [one.account.name, one])), { now }),
    store: store?.(bench.ledger.inbox.store) ?? bench.ledger.inbox.store,
    ...(onStored === undefined ? {} : { onStored }),
    log: pino({ level: "trace" }, { write: (line: string) => void logged.push(line) }),
  };
  const server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    readiness: async () => [],
    reportDoor,
    reportDoorBounds: bounds,
    ...(headersMsMax === undefined ? {} : { headersMsMax }),
  });
  onTestFinished(() => server.close());
  const call = async (path: string, init: RequestInit = {}) => {
    const reply = await fetch(server.url + path, { method: "POST", ...init });
    return { status: reply.status, headers: reply.headers, body: await reply.text() };
  };
  return {
    ...bench,
    server,
    logged,
    call,
    report: (body: string | Buffer, init: RequestInit = {}) =>
      call(`/reports/main/${SECRET}`, { body, ...init }),
    async stored(): Promise<{ account: string; body: Buffer }[]> {
      const { rows } = await bench.pool.query("select account, body from volley.inbox order by id");
      return rows;
    },
    /** Statements that write to the inbox wait until the returned function is called. */
    async lockInbox(): Promise<() => Promise<void>> {
      const client = await bench.pool.connect();
      await client.query("begin");
      await client.query("lock table volley.inbox in share mode");
      return async () => {
        await client.query("rollback");
        client.release();
      };
    },
  };
}

/** `done` is called until it was called so many times. */
export function counted(times: number): { readonly done: () => void; readonly reached: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = times;
  return {
    reached: promise,
    done: () => {
      left -= 1;
      if (left === 0) resolve();
    },
  };
}
