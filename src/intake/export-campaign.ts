// A campaign's messages as CSV, a page at a time: the command line writes it to a file, the HTTP door to its caller,
// and neither ever holds more than a page.

import type { CampaignId, MessageState } from "../domain/message.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Message } from "../ledger/messages.ts";
import { csvLine } from "./csv-line.ts";

const PAGE_ROWS = 1_000;

const COLUMNS = {
  id: (message) => message.id,
  to: (message) => message.to,
  state: (message) => message.state,
  reason: (message) => message.reason,
  account: (message) => message.account,
  attempts: (message) => message.attempts,
  segments: (message) => message.segments,
  providerMessageId: (message) => message.providerMessageId,
  reference: (message) => message.reference,
  position: (message) => message.position,
  changedAt: (message) => message.changedAt.toISOString(),
  retryOf: (message) => message.retryOf,
} satisfies Readonly<Record<string, (message: Message) => string | number | null>>;
const readers = Object.values(COLUMNS);

/** Each piece is some whole lines; the first one is the header. No row is missed or written twice while messages move. */
export async function* exportCampaign(
  { ledger }: { readonly ledger: { readonly messages: Pick<Ledger["messages"], "exportPage"> } },
  campaign: CampaignId,
  { state, onProgress }: { readonly state?: MessageState | undefined; onProgress?: (rows: number) => void },
): AsyncGenerator<string, void> {
  yield csvLine(Object.keys(COLUMNS));
  let rows = 0;
  for (let after = null; ; ) {
    const page = await ledger.messages.exportPage(campaign, { state, after, limit: PAGE_ROWS });
    if (page.messages.length > 0) {
      yield page.messages.map((message) => csvLine(readers.map((read) => read(message)))).join("");
    }
    rows += page.messages.length;
    onProgress?.(rows);
    if (page.next === null) return;
    after = page.next;
  }
}
