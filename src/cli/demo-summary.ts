// What the demo prints at its end: the ledger's count beside the providers' own, and whether they agree.

import type { CampaignId } from "../domain/message.ts";
import type { AcceptedCampaign } from "../intake/accept-campaign.ts";
import type { Parts } from "../parts.ts";
import type { WebhookReceiver } from "../simulator/webhook-receiver.ts";
import { duration, grouped, print, printTable } from "./output.ts";
import type { DemoSimulator } from "./simulator-process.ts";

export type Witnesses = { readonly simulator: DemoSimulator; readonly receiver: WebhookReceiver };

/** Everything here is read back from the ledger. */
export async function printSummary(
  { ledger, tokens, accounts }: Parts,
  intake: AcceptedCampaign,
  tookMs: number,
): Promise<void> {
  const counts = await ledger.campaigns.counts(intake.id);
  const facts = await ledger.messages.campaignFacts(intake.id);
  const generations = await Promise.all(
    [...accounts.values()].map(
      async ({ account }) => `${account.name} ${(await tokens.show(account))?.generation ?? 0}`,
    ),
  );
  print();
  printTable(
    ["THE LEDGER SAYS", ""],
    [
      ...Object.entries(counts).map(([state, messages]) => [state, grouped(messages)]),
      ...facts.reasons.map(({ state, reason, messages }) => [
        `  ${state}: ${reason || "no reason"}`,
        grouped(messages),
      ]),
      [
        "refused rows of the file",
        `${grouped(intake.invalid)} bad, ${grouped(intake.duplicates)} duplicates`,
      ],
      ["retries", grouped(facts.retries)],
      ["put off by a provider (429, 401)", grouped(facts.deferrals)],
      [
        "unknown, settled with the provider",
        `${grouped(facts.settledByLookUp)} asked, ${grouped(facts.settledByReport)} reported`,
      ],
      ["tokens fetched", generations.join(", ")],
      [
        "sending took",
        `${duration(tookMs)}, ${grouped(Math.round((intake.accepted * 1000) / tookMs))} messages/s at the accounts' limits`,
      ],
    ],
  );
}

type AccountRow = { account: string; state: string; messages: number };

/** Each provider's own count beside the ledger's; true when all agree and nobody got two messages. */
export async function compare(
  { ledger, accounts }: Parts,
  id: CampaignId,
  valid: number,
  { simulator, receiver }: Witnesses,
): Promise<boolean> {
  const states = await ledger.messages.statesByAccount(id);
  const summary = await simulator.summary();
  const received = new Map<string, number>();
  const rows: string[][] = [];
  let agree = true;
  for (const name of accounts.keys()) {
    for await (const { number, count } of simulator.recipients(name)) {
      received.set(number, (received.get(number) ?? 0) + count);
    }
    const ours = countsOf(states, name);
    const theirs = summary[name];
    const pairs = [
      [ours.accepted + ours.delivered + ours.undelivered, theirs?.accepted ?? 0],
      [ours.delivered, theirs?.reports.delivered ?? 0],
      [ours.undelivered, theirs?.reports.undelivered ?? 0],
    ] as const;
    agree &&= pairs.every(([one, other]) => one === other);
    rows.push([name, ...pairs.map(([one, other]) => `${grouped(one)} / ${grouped(other)}`)]);
  }
  print();
  printTable(["LEDGER / PROVIDER", "SENT", "DELIVERED", "UNDELIVERED"], rows);

  const { verified, forged } = receiver.deliveries();
  const told = ["message.delivered", "message.undelivered"].reduce(
    (sum, type) => sum + (receiver.events().get(type) ?? 0),
    0,
  );
  const ended = states
    .filter(({ state }) => state === "delivered" || state === "undelivered")
    .reduce((sum, { messages }) => sum + messages, 0);
  const twice = [...received.values()].filter((count) => count > 1).length;
  const isHeard = told === ended && forged === 0;
  print();
  print(
    `The customer's system heard of ${grouped(told)} of ${grouped(ended)} ends and verified ${grouped(verified)} of ${grouped(verified + forged)} signatures.`,
  );
  agree &&= received.size === valid && twice === 0 && isHeard;
  print(
    agree
      ? `The simulated providers say: ${grouped(received.size)} people got exactly one message each.`
      : `The simulated providers say: ${grouped(received.size)} of ${grouped(valid)} people got a message, ${grouped(twice)} more than one.`,
  );
  return agree;
}

function countsOf(rows: readonly AccountRow[], account: string) {
  const of = (state: string) =>
    rows.find((row) => row.account === account && row.state === state)?.messages ?? 0;
  return { accepted: of("accepted"), delivered: of("delivered"), undelivered: of("undelivered") };
}
