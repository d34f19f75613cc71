// `volley unknown ...`: messages of which nobody knows whether they were sent, and what a person decides about one.

import { VolleyError } from "../domain/errors.ts";
import type { Resolution } from "../ledger/resolve-unknown.ts";
import { campaignId } from "./campaign.ts";
import { messageId } from "./message.ts";
import { printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

export type ListOptions = GlobalOptions & {
  readonly campaign?: string;
  readonly limit: number;
  readonly json?: boolean;
};

export async function listUnknowns({ campaign, limit, json, ...options }: ListOptions): Promise<void> {
  await withLedger(options, async ({ ledger }) => {
    const filter = { campaign: campaign === undefined ? undefined : campaignId(campaign), limit };
    const unknowns = await ledger.unknowns.list(filter);
    if (json === true) return printJson(unknowns);
    if (unknowns.length === 0) return say("No message is unknown.");
    printTable(
      ["MESSAGE", "TO", "CLASS", "ACCOUNT", "REFERENCE", "SENT AT", "REASON", "NEXT"],
      unknowns.map((one) => [
        one.id,
        one.to,
        one.class,
        one.account,
        one.callId,
        one.openedAt.toISOString(),
        one.reason ?? "",
        one.nextAt === null ? "a person decides" : `asked ${one.nextAt.toISOString()}`,
      ]),
    );
    say(
      "Look for the reference or the number at the provider, then: volley unknown resolve MESSAGE --as ...",
    );
  });
}

export async function resolveUnknown(
  text: string,
  { as, ...options }: GlobalOptions & { readonly as: Resolution },
): Promise<void> {
  const id = messageId(text);
  await withLedger(options, async ({ ledger }) => {
    const resolved = await ledger.unknowns.resolve(id, as);
    switch (resolved) {
      case "not-unknown": {
        const message = await ledger.messages.find(id);
        if (message === null)
          throw new VolleyError("not_found", `There is no message ${id}. See: volley unknown list`);
        throw new VolleyError(
          "state_conflict",
          `Cannot resolve message ${id}: it is ${message.state}, not unknown.`,
        );
      }
      case "no-try-left":
        throw new VolleyError(
          "state_conflict",
          `Cannot send message ${id} again: all of its tries are used up. Resolve it as accepted or failed, and send a new message.`,
        );
      case "no-content":
        throw new VolleyError(
          "state_conflict",
          `Cannot send message ${id} again: its content has been removed. Resolve it as accepted or failed, and send a new message.`,
        );
      default:
        say(as === "resend" ? `${resolved}: running workers send it.` : `${resolved}.`);
    }
  });
}
