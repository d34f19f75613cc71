// What providers brought, read by a process that knows their accounts, and by one that does not.

import { afterAll, beforeAll, expect, it } from "vitest";
import { applyReports } from "../../jobs/apply-reports.ts";
import { type ApiBench, openApi } from "../http/api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

it("a post of an account that this process does not know waits for one that does", async () => {
  const { ledger, accounts, log } = api.parts;
  await ledger.inbox.store({ account: "sinch", body: Buffer.from("no report at all") });
  const others = new Map([...accounts].filter(([name]) => name !== "sinch"));
  const waits = async () => {
    const { rows } = await api.pool.query("select unreadable from volley.inbox where read_at is not null");
    return rows;
  };
  await applyReports({ ledger, accounts: others, log });
  expect(await waits()).toEqual([]);
  await applyReports({ ledger, accounts, log });
  expect(await waits()).toEqual([{ unreadable: 1 }]);
});
