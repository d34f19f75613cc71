// `volley report ...`: delivery reports that nobody could find a message for.

import { printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

export async function listStrangers(
  options: GlobalOptions & { readonly limit: number; readonly json?: boolean },
): Promise<void> {
  await withLedger(options, async ({ ledger }) => {
    const reports = await ledger.reports.strangers({ limit: options.limit });
    if (options.json === true) return printJson(reports);
    printTable(
      ["RECEIVED", "ACCOUNT", "STATE", "REASON", "CODE", "PROVIDER ID"],
      reports.map((one) => [
        one.receivedAt.toISOString(),
        one.account,
        one.state,
        one.reason,
        one.code,
        one.providerMessageId,
      ]),
    );
    if (reports.length === 0) say("Every report found its message.");
  });
}
