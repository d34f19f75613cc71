import { expect, it } from "vitest";
import { migrateLedger } from "../../src/ledger/migrate.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createDatabase } from "../support/database.ts";
import { silent } from "../support/ledger.ts";

it("five processes that migrate at once apply each migration once", async () => {
  const database = await createDatabase({ empty: true });
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 10, log: silent });
  const runs = await Promise.all(Array.from({ length: 5 }, () => migrateLedger(pool)));
  const applied = runs.flatMap((run) => run.applied);
  expect(applied).toEqual([...new Set(applied)]);
  expect(applied).not.toHaveLength(0);
  expect((await migrateLedger(pool)).applied).toEqual([]);
  await pool.end();
  await database.drop();
});
