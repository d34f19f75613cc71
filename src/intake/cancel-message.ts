// [1] One message taken back by whoever sent it, or what stands in the way.

import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import type { MessageId, MessageState } from "../domain/message.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** Safe to repeat. Throws `not_found`, or `state_conflict` when it is too late. */
export async function cancelMessage(
  { ledger }: { readonly ledger: { readonly messages: Pick<Ledger["messages"], "cancel"> } },
  id: string,
): Promise<void> {
  const end = isUuid(id) ? await ledger.messages.cancel(id as MessageId) : null;
  if (end === null) throw new VolleyError("not_found", "There is no such message.");
  if (!end.ok && end.state !== "cancelled") throw new VolleyError("state_conflict", tooLate(end.state));
}

function tooLate(state: MessageState): string {
  const why =
    state === "queued" || state === "scheduled"
      ? "its campaign is a draft, of which nothing is sent. Delete the draft, or cancel the message when it has started."
      : `it is ${state}.`;
  return `Cannot take the message back: ${why}`;
}
