// `volley token ...`: how old the shared tokens are, and a new one by hand. Never the token itself.

import { accountNamed } from "../parts.ts";
import { duration, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

const NO_TOKEN = { generation: null, ageMs: null, remainingMs: null, lifeMs: null } as const;

export async function showTokens(options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withParts(options, async ({ accounts, tokens }) => {
    const rows = await Promise.all(
      [...accounts.values()].map(async ({ account }) => ({
        account: account.name,
        ...((await tokens.show(account)) ?? NO_TOKEN),
      })),
    );
    if (options.json) return printJson(rows);
    printTable(
      ["ACCOUNT", "GENERATION", "AGE", "LEFT", "LIFE"],
      rows.map((row) => [
        row.account,
        row.generation,
        ...[row.ageMs, row.remainingMs, row.lifeMs].map((ms) => (ms === null ? null : duration(ms))),
      ]),
    );
  });
}

export async function refreshToken(name: string, options: GlobalOptions): Promise<void> {
  await withParts(options, async (parts) => {
    const { account } = accountNamed(parts, name);
    await parts.tokens.refresh(account);
    const token = await parts.tokens.show(account);
    say(
      token === null
        ? `Account ${name} logs in with a fixed key; there is no token to refresh.`
        : `Account ${name} has token generation ${token.generation}, good for ${duration(token.remainingMs)}.`,
    );
  });
}
