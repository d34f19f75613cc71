// Reports that name nothing of ours, as people see them.

import { expect, it, onTestFinished } from "vitest";
import { createPool } from "../../src/platform/postgres.ts";
import { createDatabase } from "../support/database.ts";
import { silent } from "../support/ledger.ts";
import { createCommandFolder } from "../support/volley-command.ts";

it("a report of a stranger is kept and shown", async () => {
  const database = await createDatabase();
  const folder = await createCommandFolder({ database: database.url });
  onTestFinished(async () => {
    await folder.remove();
    await database.drop();
  });
  expect(await folder.run(["report", "strangers"])).toMatchObject({
    code: 0,
    stderr: "Every report found its message.\n",
  });
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 1, log: silent });
  await pool.query(
    `insert into volley.report (account, provider_message_id, state, reason, permanent, opted_out)
     values ('main', 'p-17', 'delivered', 'delivered', true, false)`,
  );
  await pool.end();
  const { stdout } = await folder.run(["report", "strangers", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject([
    { account: "main", state: "delivered", providerMessageId: "p-17", messageId: null },
  ]);
});
