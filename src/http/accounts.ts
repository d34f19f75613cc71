// [0] Accounts: how each of them stands, and a new token for one by hand.
//
// Tokens and pauses live in the engine, which may be away; the accounts are told of all the same.

import type { z } from "zod";
import type { Account } from "../domain/account.ts";
import { VolleyError } from "../domain/errors.ts";
import { formatMicros } from "../domain/price.ts";
import type { DayUse } from "../ledger/account-days.ts";
import { inTime } from "../platform/in-time.ts";
import { type account, accountList, accountParams, token } from "./contract/accounts.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { notFound } from "./problem.ts";

const TAGS = ["accounts"];
const config = { scope: "admin" } as const;
const ENGINE_MS_MAX = 2_000;

type AccountView = z.output<typeof account>;

export function addAccounts(api: Api, doors: ApiDoors): void {
  const { accounts, ledger, rules, tokens } = doors;

  api.get(
    "/accounts",
    {
      config,
      schema: { summary: "How the accounts stand", tags: TAGS, response: { 200: accountList } },
    },
    async () => {
      const degraded = new Map(
        (await ledger.accountHealth.listDegraded()).map((one) => [one.account, one.agoMs]),
      );
      const uses = new Map((await ledger.accountDays.today()).map((one) => [one.account, one]));
      const data = await Promise.all(
        [...accounts.values()].map(async ({ account }): Promise<AccountView> => {
          const { name, provider, from, limits } = account;
          const degradedForMs = degraded.get(name) ?? null;
          return {
            name,
            provider,
            from,
            limits,
            today: todayOf(account, uses.get(name), rules.currency),
            health: degradedForMs === null ? "ok" : "degraded",
            degradedForMs,
            ...(await coordinationOf(doors, account)),
          };
        }),
      );
      return { data, next: null };
    },
  );

  api.post(
    "/accounts/:name/token/refresh",
    {
      config,
      schema: {
        summary: "Get a new token now",
        tags: TAGS,
        params: accountParams,
        response: { 200: token },
      },
    },
    async ({ params: { name } }) => {
      const found = accounts.get(name)?.account;
      if (found === undefined) throw notFound("account");
      const fresh = await tokens.refresh(found);
      const shown = fresh === null ? null : await tokens.show(found);
      if (shown !== null) return shown;
      throw new VolleyError("state_conflict", `Account ${found.name} logs in with a fixed key.`);
    },
  );
}

function todayOf(
  { dayCap }: Account,
  use: DayUse | undefined,
  currency: string | null,
): AccountView["today"] {
  if (dayCap === null) return null;
  return {
    messages: use?.messages ?? 0,
    messagesMax: dayCap.messages,
    cost: formatMicros(use?.costMicros ?? 0),
    costMax: dayCap.costMicros === null ? null : formatMicros(dayCap.costMicros),
    currency,
  };
}

export async function coordinationOf(
  { tokens, limiter }: Pick<ApiDoors, "tokens" | "limiter">,
  account: Account,
): Promise<Pick<AccountView, "coordination" | "token" | "pause">> {
  const asked = Promise.all([tokens.show(account), limiter.state(account)]);
  // With Redis away a question may wait for ever.
  const known = await inTime(asked, ENGINE_MS_MAX, () => null).catch(() => null);
  if (known === null) return { coordination: "unreachable", token: null, pause: null };
  const [shown, { pausedMs, reason }] = known;
  const pause = pausedMs > 0 ? { remainingMs: pausedMs, reason } : null;
  return { coordination: "ok", token: shown, pause };
}
